"""Against the traffic: nuplan-devkit's scenes, on paper, on synthetic and real drives."""

import math

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.driving_direction import driving_direction
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import STEP_NS, ego_lanes_of
from metrics_platform_tests.metrics.nuplan import PACIFICA
from metrics_platform_tests.signals.roads import Lane, road

Y_M = 3997600.0
HEADING = -1.534863576938717
# Along the street at that heading, 3.5 m wide; the poses are millions of metres from the origin.
ALONG = (math.cos(HEADING), math.sin(HEADING))
STREET = Lane(
    "street",
    [(664430.3396 + s * ALONG[0], 3997665.3735 + s * ALONG[1]) for s in (-60.0, 90.0)],
    width_m=12.0,
)


@pytest.mark.parametrize(
    ("places", "score", "least_m"),
    [
        pytest.param(
            [(664430.3396621217, 65.373507501), (664430.48626169, 78.3735075)], 0.0, -12.99,
            id="ego_drives_backward",
        ),
        pytest.param(
            [(664430.3396621217, 65.373507501), (664430.1930625531, 52.3735075),
             (664430.1930625531, 38.3735075), (664430.1930625531, 28.3735075),
             (664433.2930625531, 24.3735075)],
            1.0, 0.0, id="ego_does_not_drive_backward",
        ),
    ],
)  # fmt: skip
def test_nuplan_scenes(places: list[tuple[float, float]], score: float, least_m: float) -> None:
    ego = ego_states_of(
        len(places),
        timestamp_ns=[(i + 1) * 1_000_000_000 for i in range(len(places))],
        x_m=[x for x, _ in places],
        y_m=[Y_M + y for _, y in places],
        heading_rad=HEADING,
        **PACIFICA,
    )
    made = compute_on({"ego_states": ego, **road(STREET)}, "driving_direction")
    (summary,) = made.summary.to_dicts()
    assert summary["driving_direction_score"] == score
    assert summary["min_progress_m"] == pytest.approx(least_m, abs=0.005)


def backwards(*ways: float, **columns: object) -> dict[str, object]:
    """Return the summary of a drive that comes along its lane by these ways in turn."""
    along = [100.0]
    for way in ways:
        along.append(along[-1] + way)
    made = result_of(
        driving_direction, ego_lanes=ego_lanes_of(len(along), along_m=along, **columns)
    )
    return made.summary.drop("log_id").row(0, named=True)


@pytest.mark.parametrize(
    ("ways", "least_m", "score", "events"),
    [
        pytest.param([1.0] * 15, 0.0, 1.0, 0, id="forward"),
        pytest.param([0.0] * 15, 0.0, 1.0, 0, id="standing"),
        pytest.param([0.0] * 5 + [-0.5] * 3 + [0.0] * 20, -1.5, 1.0, 1, id="less_than_2_m"),
        pytest.param([0.0] * 5 + [-1.0] * 2 + [0.0] * 20, -2.0, 0.5, 1, id="2_m"),
        pytest.param([0.0] * 5 + [-1.0] * 6 + [0.0] * 20, -6.0, 0.0, 1, id="6_m"),
        # A state counts with the ten before it: eleven steps, as in nuPlan.
        pytest.param([-0.5] * 30, -5.5, 0.5, 1, id="5_mps_backwards_is_11_steps_of_half_a_metre"),
        pytest.param([2.0] * 5 + [-1.0] * 3 + [0.0] * 20, -3.0, 0.5, 1, id="after_driving_on"),
        pytest.param([-0.5] * 2 + [1.0] * 8, -1.0, 1.0, 1, id="then_forward"),
        pytest.param([-3.0] + [0.0] * 20 + [-3.0] + [0.0] * 12, -3.0, 0.5, 2, id="twice"),
        pytest.param([0.001, -0.002] * 20, 0.0, 1.0, 0, id="noise_is_no_event"),
        pytest.param([], 0.0, 1.0, 0, id="one_state"),
    ],
)
def test_by_hand(ways: list[float], least_m: float, score: float, events: int) -> None:
    assert backwards(*ways) == {
        "driving_direction_score": score,
        "min_progress_m": pytest.approx(least_m),
        "against_direction_events": events,
    }


def test_an_event_says_when_and_where() -> None:
    ways = [0.0] * 5 + [-1.0] * 4 + [0.0] * 20
    along = [100.0 + sum(ways[:i]) for i in range(len(ways) + 1)]
    made = result_of(
        driving_direction,
        ego_lanes=ego_lanes_of(len(along), along_m=along, x_m=along, lane_id="7"),
    )
    (row,) = made.rows.to_dicts()
    # From the first step back until the last is more than a second ago.
    assert row["start_ns"] == 6 * STEP_NS
    assert row["duration_s"] == pytest.approx((9 + 10 + 1 - 6) * 0.1)
    assert (row["worst_at_ns"], row["x_m"], row["lane_id"]) == (9 * STEP_NS, 96.0, "7")


def test_where_the_lane_changes_the_velocity_stands_for_the_step() -> None:
    lanes = ["a"] * 5 + ["b"] * 5
    along = [4.0, 3.0, 2.0, 1.0, 0.0, 49.0, 48.0, 47.0, 46.0, 45.0]
    made = result_of(
        driving_direction, ego_lanes=ego_lanes_of(10, lane_id=lanes, along_m=along, along_mps=-10.0)
    )
    assert made.summary["min_progress_m"].item() == pytest.approx(-9.0)


def test_nothing_is_driven_across_a_gap_or_off_lanes() -> None:
    assert backwards(0, -50.0, 0, segment_index=[0, 0, 1, 1])["min_progress_m"] == 0
    off = backwards(-1.0, -9.0, -9.0, lane_id=["a", "a", None, None])
    assert off["min_progress_m"] == pytest.approx(-1.0)


def test_in_no_lane_at_all_it_abstains() -> None:
    made = result_of(driving_direction, ego_lanes=ego_lanes_of(3, lane_id=None))
    assert made.outcomes["log"].status is Status.ABSTAINED


def test_settings() -> None:
    along = [100.0 - i for i in range(20)]
    given = ego_lanes_of(20, along_m=along).lazy()
    for window_s, least in ((0.5, -6.0), (1.5, -16.0)):
        rows = driving_direction(given, window_s=window_s)
        assert not isinstance(rows, pl.LazyFrame)
        assert rows.rows.collect()["min_progress_m"].min() == pytest.approx(least)


def test_a_synthetic_drive_into_the_lane_of_the_others() -> None:
    """Two seconds in the oncoming lane at 10 m/s: 11 m in eleven steps, but for the angle."""
    frames = scenario("turn", seconds=6, speed_mps=10.0, radius_m=200.0)
    made = compute_on(frames | maps(frames), "driving_direction")
    (row,) = made.rows.to_dicts()
    assert row["lane_id"].startswith("oncoming")
    assert -11.0 < row["min_progress_m"] < -10.0
    assert made.summary["driving_direction_score"].item() == 0.0


def test_a_real_drive(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("3b3570b4"), "driving_direction")
    assert made.summary["driving_direction_score"].to_list() == [1.0]
    assert made.rows.is_empty()
