"""Time in the way of another, on paper and against CommonRoad-CriMe."""

import math

import polars as pl
import pytest

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.encroachment_time import encroachment_time
from metrics_platform.signals.path_crossings import PathCrossings
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs
from metrics_platform_tests.metrics.crime import conflict_area, steps_around

SECOND_NS = 10**9


def crossings_of(*rows: dict[str, object]) -> pl.DataFrame:
    usual: dict[str, object] = {
        **dict.fromkeys(polars_schema(PathCrossings), 1.0),
        **{name: "1" for name in ("log_id", "source", "actor_id", "other_id", "other_category")},
        "actor_first": True,
    }
    made = [{**usual, "at_ns": i, **row} for i, row in enumerate(rows)]
    return pl.DataFrame(made, polars_schema(PathCrossings), strict=False)


def stay(begin_s: float | None, end_s: float | None) -> dict[str, object]:
    ends = {"actor_entry_ns": begin_s, "actor_exit_ns": end_s}
    return {name: None if end is None else int(end * SECOND_NS) for name, end in ends.items()}


@pytest.mark.parametrize(
    ("crossings", "expected"),
    [
        pytest.param([stay(1, 2.5)], (1.5, 1), id="one"),
        pytest.param([stay(1, 2), stay(5, 7), stay(8, 9)], (2.0, 5), id="longest"),
        pytest.param([stay(5, 7), stay(1, 3)], (2.0, 1), id="earliest_of_equal_ones"),
        pytest.param([stay(None, 7), stay(8, None)], None, id="not_seen_to_enter_or_leave"),
        pytest.param([stay(None, 7), stay(8, 9)], (1.0, 8), id="one_of_both_seen"),
    ],
)
def test_on_paper(crossings: list[dict[str, object]], expected: tuple[float, float] | None) -> None:
    made = result_of(encroachment_time, path_crossings=crossings_of(*crossings))
    found = [(et_s, at_ns / SECOND_NS) for et_s, at_ns in made.rows.select("et_s", "at_ns").rows()]
    assert found == ([] if expected is None else [pytest.approx(expected)])
    assert made.summary["et_s"].item() == (expected and pytest.approx(expected[0]))


def test_two_that_cross_at_a_right_angle() -> None:
    # One crosses a path of 2 m at 10 m/s, a box of 4 m: 0.6 s. The other comes 3 s later.
    moments = [{"timestamp_ns": i * SECOND_NS // 10, "t": i / 10} for i in range(101)]
    crossing = [
        {"track_id": "across", "timestamp_ns": m["timestamp_ns"], "x_m": 10 * m["t"] - 30}
        for m in moments
    ] + [
        {"track_id": "along", "timestamp_ns": m["timestamp_ns"], "y_m": 5 * m["t"] - 30,
         "heading_rad": math.pi / 2, "velocity_x_mps": 0.0, "velocity_y_mps": 5.0}
        for m in moments
    ]  # fmt: skip
    made = compute_on(traffic_of(*crossing), "encroachment_time").rows
    assert made.select("actor_id", "et_s", "actor_first").rows() == [
        ("across", pytest.approx(0.6, abs=0.02), True),
        ("along", pytest.approx(1.2, abs=0.04), False),
    ]


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Tjunction-1_97_T-1")
    # As published: 1.1 s. The area is what the way of 5 has in common with 50209, which overlaps
    # with the ways of both, and which neither drives along.
    pair = conflict_area(frames, "1", "5")
    assert pair == ("50217", "50209")
    before, after = steps_around(frames, "1", pair)
    assert (after - before) * 0.1 == pytest.approx(1.1)
    # By the lanelets that they do drive along.
    before, after = steps_around(frames, "1", ("50217", "50213"))
    assert (after - before) * 0.1 == pytest.approx(1.3)
    made = compute_on(frames, "encroachment_time").rows
    of_both = (pl.col("actor_id") == "1") & (pl.col("other_id") == "5")
    # 2 m wide boxes at 60°: less of the way, at 9.8 m/s.
    assert made.filter(of_both)["et_s"].item() == pytest.approx(0.717, abs=0.001)


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "encroachment_time").outcomes[log].status == "computed"
