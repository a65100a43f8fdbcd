"""How near both come from the first moment on, on paper and against CommonRoad-CriMe."""

import polars as pl
import pytest

from metrics_platform.metrics.closest_encounter import closest_encounter
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import pairs_of, result_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs


@pytest.mark.parametrize(
    ("distances_m", "expected"),
    [
        pytest.param([9.0, 4.0, 6.0], (4.0, 0.1), id="least"),
        pytest.param([9.0, 4.0, 4.0], (4.0, 0.1), id="earliest_of_equal_ones"),
        pytest.param([4.0, 9.0], (4.0, 0.0), id="the_first_one"),
        pytest.param([9.0, 4.0 + 1e-9, 4.0], (4.0, 0.1), id="equal_but_for_rounding"),
        pytest.param([9.0, 4.0 + 1e-5, 4.0], (4.0, 0.2), id="nearer_by_more_than_rounding"),
        pytest.param([9.0, 0.0, 0.0], (0.0, 0.1), id="contact"),
        pytest.param([0.0, 3.0], (0.0, 0.0), id="overlapping_from_the_start"),
        pytest.param([7.0], (7.0, 0.0), id="seen_once"),
    ],
)
def test_what_is_to_come(distances_m: list[float], expected: tuple[float, float]) -> None:
    pairs = pairs_of(len(distances_m), distance_m=distances_m, relative_y_m=3.0)
    made = result_of(closest_encounter, actor_pairs=pairs)
    row = made.rows.row(0, named=True)
    assert (row["dce_m"], row["ttce_s"]) == pytest.approx(expected)
    assert (row["at_ns"], row["distance_m"]) == (0, distances_m[0])
    assert row["bearing_rad"] == pytest.approx(1.5708, abs=1e-4)
    assert made.summary.row(0) == ("log", *(pytest.approx(value) for value in expected))


def test_the_nearest_of_all_counts() -> None:
    near = pairs_of(2, distance_m=[9.0, 2.0], other_id="near")
    far = pairs_of(1, distance_m=3.0, other_id="far")
    made = result_of(closest_encounter, actor_pairs=pl.concat([far, near]))
    assert made.summary.row(0) == ("log", 2.0, pytest.approx(0.1))


def test_it_begins_when_both_are_within_range() -> None:
    seconds = (0, 10, 20)
    users = [
        {"track_id": name, "timestamp_ns": second * 10**9, "x_m": 1e6 + x, "velocity_x_mps": v}
        for second in seconds
        for name, x, v in (("a", 10.0 * second, 10.0), ("b", 150.0, 0.0))
    ]
    made = compute_on(traffic_of(*users), "closest_encounter").rows
    # 146 m apart at first, then 46 m on both sides.
    assert made.select("actor_id", "at_ns", "dce_m", "ttce_s").rows() == [
        ("a", 10**10, pytest.approx(46.0), 0.0),
        ("b", 10**10, pytest.approx(46.0), 0.0),
    ]


def test_commonroad_crime(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("ZAM_Urban-3_3_Repair"), "closest_encounter").rows
    ego = made.filter(pl.col("actor_id") == "8").sort("other_id")
    assert ego["at_ns"].to_list() == [0, 0]
    # As published: DCE 0.00 and 0.98 m, TTCE 2.4 s to both; and TTC*, when the first is hit.
    assert ego["dce_m"].to_list() == pytest.approx([0.0, 0.98], abs=0.005)
    assert ego["ttce_s"].to_list() == pytest.approx([2.4, 2.4])


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "closest_encounter").outcomes[log].status == "computed"
