"""Exposure below a threshold, on paper and against CommonRoad-CriMe."""

import math
from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.time_exposed_ttc import time_exposed_ttc
from metrics_platform.signals.collision_courses import CollisionCourses
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import approaching, result_of, rows_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs
from metrics_platform_tests.metrics.crime import times_to_collision

TENTH_NS = 100_000_000
CRIME_THRESHOLD_S = 2.0


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


def test_other_logs_change_no_bit() -> None:
    times = [1.4 - math.sqrt(i) / 7 for i in range(50)]
    tracks = sampled([i * TENTH_NS for i in range(50)]).with_columns(source=pl.lit("simulation"))
    alone = courses_of({"6": times, "7": times[::-1]})
    logs = [str(i) for i in range(30)]
    both = [
        pl.concat([frame.lazy().with_columns(log_id=pl.lit(log)) for log in logs])
        for frame in (alone, tracks)
    ]
    expected = rows_of(time_exposed_ttc(alone, tracks.lazy()))
    rows = rows_of(time_exposed_ttc(both[0], both[1]))
    assert set(rows["tit_s2"]) == set(expected["tit_s2"])
    assert len(set(rows["tit_s2"])) == 1
    assert rows["tit_s2"][0] == pytest.approx(sum(1.5 - time for time in times) * 0.1)


def courses_of(series: Mapping[str, Sequence[float | None]]) -> pl.LazyFrame:
    usual: dict[str, object] = dict.fromkeys(polars_schema(CollisionCourses), 1.0)
    names = {"log_id": "log", "source": "simulation", "actor_id": "8", "other_category": "car"}
    rows = [
        {**usual, **names, "other_id": other, "timestamp_ns": i * TENTH_NS, "ttc_s": ttc_s}
        for other, times in series.items()
        for i, ttc_s in enumerate(times)
        if ttc_s is not None
    ]
    return pl.DataFrame(rows, polars_schema(CollisionCourses), strict=False).lazy()


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Urban-3_3_Repair")
    series = {other: times_to_collision(frames, "8", other) for other in ("6", "7")}
    # To both the last 9 steps of 24 are the same: the ego's box reaches into the lane of 7, too.
    assert [(len(times) - times.count(None)) for times in series.values()] == [24, 9]
    tracks = frames["tracks"].with_columns(log_id=pl.lit("log")).lazy()
    theirs = time_exposed_ttc(courses_of(series), tracks, threshold_s=CRIME_THRESHOLD_S)
    # As published: 2.0 s and 0.9 s, 2.012 and 1.40 s².
    assert rows_of(theirs).sort("other_id").select("other_id", "tet_s", "tit_s2").rows() == [
        ("6", pytest.approx(2.0), pytest.approx(2.012)),
        ("7", pytest.approx(0.9), pytest.approx(1.40, abs=0.0051)),
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
