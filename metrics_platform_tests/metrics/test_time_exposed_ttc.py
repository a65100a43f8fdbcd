"""Exposure below a threshold, on paper and against CommonRoad-CriMe."""

import numpy as np
import polars as pl
import pytest

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.time_exposed_ttc import time_exposed_ttc
from metrics_platform.signals.collision_courses import CollisionCourses
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import approaching, result_of, rows_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs

TENTH_NS = 100_000_000
CRIME_THRESHOLD_S = 2.0
# What CriMe 0.4.5 has in ZAM_Urban-3_3_Repair, step by step, to each of the two parked cars.
CRIME_TTC_S = {
    "6": [
        2.31, 2.21, 2.11, 2.01, 1.91, 1.83, 1.74, 1.64, 1.54, 1.44, 1.34, 1.24, 1.15, 1.05, 0.95,
        0.85, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.15, 0.05,
    ],
    "7": [0.85, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.15, 0.05],
}  # fmt: skip


def sampled(times_ns: list[int], *, source: str = "tracker", track: str = "1") -> pl.DataFrame:
    rows = [{"track_id": track, "source": source, "timestamp_ns": time} for time in times_ns]
    return traffic_of(*rows)["tracks"]


EVERY_TENTH = sampled([i * TENTH_NS for i in range(5)])


@pytest.mark.parametrize(
    ("pairs", "tracks", "expected"),
    [
        pytest.param(approaching([30.0, 14.0, 10.0]), EVERY_TENTH, (0.2, 0.06, 1.0), id="two"),
        pytest.param(approaching([15.0]), EVERY_TENTH, (0.1, 0.0, 1.5), id="at_the_threshold"),
        pytest.param(approaching([30.0]), EVERY_TENTH, None, id="none"),
        pytest.param(approaching([10.0, 0.0]), EVERY_TENTH, (0.1, 0.05, 1.0), id="up_to_contact"),
        pytest.param(approaching([0.0]), EVERY_TENTH, None, id="overlapping_from_the_start"),
        pytest.param(
            approaching([10.0, 10.0]),
            sampled([0, TENTH_NS, 2 * TENTH_NS, 30 * TENTH_NS]),
            (0.2, 0.1, 1.0),
            id="a_gap_is_no_exposure",
        ),
        pytest.param(
            approaching([10.0]),
            # Each of 2 objects of a radar has every second scan.
            pl.concat([sampled([0, 2 * TENTH_NS]), sampled([TENTH_NS, 3 * TENTH_NS], track="2")]),
            (0.2, 0.1, 1.0),
            id="the_period_is_of_a_road_user",
        ),
        pytest.param(approaching([10.0]), sampled([0]), (0.0, 0.0, 1.0), id="seen_once"),
        pytest.param(
            approaching([10.0]),
            pl.concat([EVERY_TENTH, sampled([0, 5, 10], source="radar")]),
            (0.1, 0.05, 1.0),
            id="of_its_own_source",
        ),
    ],
)
def test_exposure(
    pairs: pl.DataFrame, tracks: pl.DataFrame, expected: tuple[float, float, float] | None
) -> None:
    made = result_of(time_exposed_ttc, actor_pairs=pairs, tracks=tracks)
    rows = made.rows.select("tet_s", "tit_s2", "min_ttc_s").rows()
    assert rows == ([] if expected is None else [pytest.approx(expected)])
    assert made.summary["exposed_encounters"].item() == len(rows)
    assert made.summary["max_tet_s"].item() == (expected and pytest.approx(expected[0]))


def courses_of(times_to_collision: dict[str, list[float]]) -> pl.LazyFrame:
    usual: dict[str, object] = dict.fromkeys(polars_schema(CollisionCourses), 1.0)
    names = {"log_id": "log", "source": "simulation", "actor_id": "8", "other_category": "car"}
    rows = [
        {**usual, **names, "other_id": other, "timestamp_ns": i * TENTH_NS, "ttc_s": ttc_s}
        for other, series in times_to_collision.items()
        for i, ttc_s in enumerate(series)
    ]
    return pl.DataFrame(rows, polars_schema(CollisionCourses), strict=False).lazy()


def crime_ttc(ego: pl.DataFrame, *, until_x_m: float, from_y_m: float) -> list[float | None]:
    """Return CriMe's time to collision with a parked car, at each step but the last.

    Jansson (2005), (5.26): along the lane, with the acceleration that numpy's gradient has of the
    speeds; rounded to 0.01 s. Only while the ego's box reaches into the car's lane.
    """
    heading = ego["heading_rad"].to_numpy()
    speed = np.hypot(ego["velocity_x_mps"].to_numpy(), ego["velocity_y_mps"].to_numpy())
    acceleration = np.gradient(speed, 0.1)
    gap = until_x_m - ego["x_m"].to_numpy() - 4.508 / 2
    reach = ego["y_m"].to_numpy() + 4.508 / 2 * np.abs(np.sin(heading))
    reach += 1.608 / 2 * np.cos(heading)
    found: list[float | None] = []
    for distance, v, a, left in zip(gap, speed, acceleration, reach, strict=True):
        if distance < 0 or left < from_y_m:
            found.append(None)
        elif abs(a) <= 0.1:
            found.append(round(distance / v, 2))
        else:
            found.append(round((v - np.sqrt(v * v + 2 * a * distance)) / -a, 2))
    return found


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Urban-3_3_Repair")
    ego = frames["tracks"].filter(pl.col("track_id") == "8").sort("timestamp_ns")
    # The lane that 7 stands in, and nobody else, begins at 1.75 m. Its own is a smoothed line.
    derived = {
        "6": crime_ttc(ego, until_x_m=83.0, from_y_m=-10.0),
        "7": crime_ttc(ego, until_x_m=83.0, from_y_m=1.75),
    }
    for other, series in CRIME_TTC_S.items():
        assert [ttc_s for ttc_s in derived[other] if ttc_s] == pytest.approx(series, abs=0.011)
    tracks = frames["tracks"].with_columns(log_id=pl.lit("log")).lazy()
    theirs = time_exposed_ttc(courses_of(CRIME_TTC_S), tracks, threshold_s=CRIME_THRESHOLD_S)
    # As published: 2.0 s and 0.9 s, 2.012 and 1.40 s².
    assert rows_of(theirs).sort("other_id").select("other_id", "tet_s", "tit_s2").rows() == [
        ("6", pytest.approx(2.0), pytest.approx(2.012)),
        ("7", pytest.approx(0.9), pytest.approx(1.395)),
    ]
    # In the plane the ego first heads for the one, then between both, and at last for the one.
    courses = compute_on(frames, "collision_courses").rows.filter(pl.col("actor_id") == "8").lazy()
    ours = rows_of(
        time_exposed_ttc(courses, frames["tracks"].lazy(), threshold_s=CRIME_THRESHOLD_S)
    )
    assert ours.select("other_id", "tet_s").rows() == [("6", pytest.approx(0.4))]
    assert ours["tit_s2"].item() == pytest.approx(0.548, abs=0.001)


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "time_exposed_ttc").outcomes[log].status == "computed"
