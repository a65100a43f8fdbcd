"""Over-speeds: nuplan-devkit's scene, on paper, on synthetic and real drives."""

from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.speed_limit_compliance import speed_limit_compliance
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import BEHIND_M, PIECE_M, maps
from metrics_platform.testing.scenarios import CAR
from metrics_platform.testing.synthetic import START_NS, scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import STEP_NS, commonroad_drive, ego_lanes_of
from metrics_platform_tests.signals.roads import Lane, road, states

THIRTY_MPH = 30 * 0.44704


def test_nuplan_scene() -> None:
    """`speed_limit_violation` of nuplan-devkit, on a straight lane in place of its map."""
    speeds = [20.0, 22.27, 24.69, 10.0, 10.0]
    second = 1_000_000_000
    ego = states(
        [(x, 0) for x in (10, 30, 50, 70, 80)],
        0.0,
        timestamp_ns=[i * second for i in range(1, 6)],
        speed_mps=speeds,
        longitudinal_velocity_mps=speeds,
    )
    lane = Lane("lane", [(0, 0), (100, 0)], speed_limit_mps=THIRTY_MPH)
    made = compute_on({"ego_states": ego, **road(lane)}, "speed_limit_compliance")
    (row,) = made.rows.to_dicts()
    # Its COUNT 1, MAX 11.28, MEAN 8.91; and its time series ends at the fourth state.
    assert row["max_over_speed_mps"] == pytest.approx(11.28, abs=0.005)
    assert row["mean_over_speed_mps"] == pytest.approx(8.91, abs=0.005)
    assert (row["start_ns"], row["duration_s"]) == (second, pytest.approx(3.0))
    assert row["worst_at_ns"] == 3 * second
    # 6.59 + 8.86 + 11.28 m/s over 1 s each, of 2.23 m/s over 4 s.
    assert row["loss_ratio"] == pytest.approx((6.59 + 8.86 + 11.28) / (2.23 * 4), abs=0.002)
    (summary,) = made.summary.to_dicts()
    assert summary["speed_limit_score"] == 0.0
    assert summary["over_speed_ratio"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("speeds", "limits", "events", "share", "score"),
    [
        pytest.param([10] * 5, [10.0] * 5, [], 0.0, 1.0, id="at_the_limit"),
        # 1 m/s for two steps of the four that 5 states are apart.
        pytest.param(
            [10, 11, 11, 10, 10], [10.0] * 5, [(1, 0.2, 1)], 0.4, 1 - 2 / 2.23 / 4, id="once"
        ),
        pytest.param(
            [11, 10, 12, 10, 10], [10.0] * 5, [(0, 0.1, 1), (2, 0.1, 2)], 0.4,
            1 - 3 / 2.23 / 4, id="twice",
        ),
        pytest.param(
            [11] * 5, [None, None, 10.0, 10.0, None], [(2, 0.2, 1)], 1.0, 1 - 2 / 2.23 / 4,
            id="not_everywhere_known",
        ),
        pytest.param([11, 12], [10.0, 11.5], [(0, 0.2, 1)], 1.0, 1 - 1.5 / 2.23, id="limits"),
        pytest.param([30] * 3, [10.0] * 3, [(0, 0.3, 20)], 1.0, 0.0, id="no_less_than_0"),
        pytest.param([11], [10.0], [(0, 0.0, 1)], 0.0, 1.0, id="one_state_has_no_time"),
        pytest.param([0] * 3, [10.0] * 3, [], 0.0, 1.0, id="standing"),
    ],
)  # fmt: skip
def test_by_hand(
    speeds: list[float],
    limits: list[float | None],
    events: list[tuple[int, float, float]],
    share: float,
    score: float,
) -> None:
    given = ego_lanes_of(len(speeds), speed_mps=speeds, speed_limit_mps=limits)
    made = result_of(speed_limit_compliance, ego_lanes=given)
    found = made.rows.select("start_ns", "duration_s", "max_over_speed_mps").rows()
    assert found == [
        (start * STEP_NS, pytest.approx(duration), pytest.approx(most))
        for start, duration, most in events
    ]
    (summary,) = made.summary.to_dicts()
    assert summary["over_speed_ratio"] == pytest.approx(share)
    assert summary["speed_limit_score"] == pytest.approx(score)
    assert summary["over_speed_events"] == len(events)


def test_the_time_of_two_segments_is_added_up_without_the_gap() -> None:
    given = ego_lanes_of(
        6,
        timestamp_ns=[i * STEP_NS + 60 * STEP_NS * (i > 2) for i in range(6)],
        segment_index=[0, 0, 0, 1, 1, 1],
        speed_mps=[11, 11, 11, 10, 10, 10],
        speed_limit_mps=10.0,
    )
    made = result_of(speed_limit_compliance, ego_lanes=given)
    assert made.summary["over_speed_ratio"].item() == pytest.approx(0.5)
    assert made.summary["speed_limit_score"].item() == pytest.approx(1 - 3 / (2.23 * 4))


def test_a_setting_says_what_makes_the_score_zero() -> None:
    given = ego_lanes_of(11, speed_mps=11.0, speed_limit_mps=10.0)
    rows = speed_limit_compliance(given.lazy(), max_over_speed_mps=11.0)
    assert not isinstance(rows, pl.LazyFrame)
    assert rows.rows.collect()["loss_ratio"].item() == pytest.approx(0.1)


def test_without_a_limit_it_abstains() -> None:
    made = result_of(speed_limit_compliance, ego_lanes=ego_lanes_of(3, speed_mps=50.0))
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert "no speed limit" in (made.outcomes["log"].reason or "")


def test_a_synthetic_drive_through_pieces_with_their_own_limits() -> None:
    """Of the four limits one is above 15 m/s and one is not known."""
    frames = scenario("cruise", log_id="fiveX", seconds=10)
    frames |= maps(frames)
    limits = frames["lanes"].filter(pl.col("lane_id").str.starts_with("own"))
    by_piece = dict(limits.select("lane_id", "speed_limit_mps").iter_rows())
    made = compute_on(frames, "speed_limit_compliance")
    over = [name for name, limit in by_piece.items() if limit is not None and limit < 15.0]
    assert {row["lane_id"] for row in made.rows.to_dicts()} == set(over) & {
        # It ends at 150 m, on the fourth piece.
        f"own_{piece}"
        for piece in range(4)
    }
    assert made.rows.height == 2
    for row in made.rows.to_dicts():
        assert row["max_over_speed_mps"] == pytest.approx(15.0 - by_piece[row["lane_id"]], abs=1e-2)
        piece = int(row["lane_id"].removeprefix("own_"))
        enters_s = max(0.0, (piece * PIECE_M - BEHIND_M - CAR.center_offset_m) / 15.0)
        assert (row["start_ns"] - START_NS) * 1e-9 == pytest.approx(enters_s, abs=0.1)


def test_a_map_without_limits_abstains(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("3b3570b4"), "speed_limit_compliance")
    assert made.outcomes["3b3570b4"].status is Status.ABSTAINED


@pytest.mark.parametrize("limit_mps", [14.0, 9.0])
def test_a_real_scenario_with_signs(tmp_path: Path, limit_mps: float) -> None:
    """The car reaches 9.77 m/s: below the signs of its scenario, above lower ones."""
    frames = commonroad_drive(
        tmp_path,
        "ZAM_Tjunction-1_97_T-1",
        "1",
        old="<additionalValue>14.0<",
        new=f"<additionalValue>{limit_mps}<",
    )
    made = compute_on(frames, "speed_limit_compliance")
    root = ElementTree.parse(tmp_path / "drive.xml").getroot()
    speeds = [float(v.text or 0) for v in root.findall("*[@id='1']//velocity/exact")]
    over = [speed - limit_mps for speed in speeds if speed > limit_mps]
    assert len(speeds) == 148
    assert made.rows["max_over_speed_mps"].max() == (pytest.approx(max(over)) if over else None)
    (summary,) = made.summary.to_dicts()
    assert summary["over_speed_ratio"] == pytest.approx(len(over) / len(speeds))
    # All steps are alike.
    loss = sum(over) / (2.23 * (len(speeds) - 1))
    assert summary["speed_limit_score"] == pytest.approx(1 - loss)
    assert made.rows["speed_limit_mps"].unique().to_list() == ([limit_mps] if over else [])
