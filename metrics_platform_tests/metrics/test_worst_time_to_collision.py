"""The worst that both could do, on paper and against CommonRoad-CriMe."""

import math

import numpy as np
import polars as pl
import pytest

from metrics_platform.kernels.reachability import earliest_contact
from metrics_platform.metrics.worst_time_to_collision import worst_time_to_collision
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import approaching, pairs_of, result_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs

A_MPS2 = 11.5
# Of a box of 4 m by 2 m.
RADIUS_M = math.hypot(4 / 6, 1)
MOVES = {"actor_velocity_x_mps": 10.0, "actor_speed_mps": 10.0, "other_velocity_x_mps": 10.0,
         "other_speed_mps": 10.0}  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param(
            pairs_of(1, relative_x_m=20.0, distance_m=16.0, **MOVES),
            math.sqrt((20 - 2 * RADIUS_M) / A_MPS2),
            id="at_the_same_speed",
        ),
        pytest.param(
            # Only the actor can accelerate: 20 - 2 r = 10 t + A t² / 2
            approaching([16.0]),
            (-10 + math.sqrt(100 + 2 * A_MPS2 * (20 - 2 * RADIUS_M))) / A_MPS2,
            id="the_other_stands",
        ),
        pytest.param(
            pairs_of(2, relative_x_m=[20.0, 10.0], distance_m=[16.0, 6.0], **MOVES),
            math.sqrt((10 - 2 * RADIUS_M) / A_MPS2),
            id="least",
        ),
        pytest.param(pairs_of(1, relative_x_m=2.0, **MOVES), 0.0, id="overlapping"),
        pytest.param(
            pairs_of(1, relative_x_m=20.0, distance_m=20.0,
                     **{f"{who}_{side}_m": 0.0 for who in ("actor", "other")
                        for side in ("length", "width")}, **MOVES),
            math.sqrt(20 / A_MPS2),
            id="two_points",
        ),
        pytest.param(
            # Whoever drives at any moment could have driven at the others.
            pairs_of(2, relative_x_m=[20.0, 200.0], distance_m=[16.0, 196.0],
                     **{**MOVES, "actor_velocity_x_mps": [0.0, 10.0],
                        "actor_speed_mps": [0.0, 10.0], "other_velocity_x_mps": [0.0, 10.0],
                        "other_speed_mps": [0.0, 10.0]}),
            math.sqrt((20 - 2 * RADIUS_M) / A_MPS2),
            id="stand_for_a_while",
        ),
        pytest.param(pairs_of(1, relative_x_m=20.0, distance_m=16.0), None, id="both_stand"),
        pytest.param(
            pairs_of(1, relative_x_m=20.0, distance_m=16.0,
                     **{**MOVES, "other_velocity_x_mps": [None], "other_speed_mps": [None]}),
            None,
            id="unknown_velocity",
        ),
    ],
)  # fmt: skip
def test_on_paper(pairs: pl.DataFrame, expected: float | None) -> None:
    made = result_of(worst_time_to_collision, actor_pairs=pairs)
    assert made.rows["min_wttc_s"].to_list() == (
        [] if expected is None else [pytest.approx(expected)]
    )
    least = made.summary["min_wttc_s"].item()
    assert least == (None if expected is None else pytest.approx(expected))


def test_the_worst_moment_is_found_without_timing_them_all() -> None:
    random = np.random.default_rng(3)
    rows = 400
    x, y, actor_x, other_x, other_y = random.uniform(-30, 30, (5, rows))
    pairs = pairs_of(
        rows,
        other_id=[str(i % 7) for i in range(rows)],
        relative_x_m=x.tolist(),
        relative_y_m=y.tolist(),
        actor_velocity_x_mps=actor_x.tolist(),
        actor_speed_mps=np.abs(actor_x).tolist(),
        other_velocity_x_mps=other_x.tolist(),
        other_velocity_y_mps=other_y.tolist(),
        other_speed_mps=np.hypot(other_x, other_y).tolist(),
    )
    every = earliest_contact(
        x,
        y,
        other_x - actor_x,
        other_y,
        reach=np.full(rows, 2 * RADIUS_M),
        acceleration=np.full(rows, 2 * A_MPS2),
    )
    found = result_of(worst_time_to_collision, actor_pairs=pairs).rows.sort("other_id")
    assert found["min_wttc_s"].to_list() == pytest.approx([every[i::7].min() for i in range(7)])


def test_it_is_never_later_than_the_time_to_collision() -> None:
    frames = scenario("cut_in", gap_m=12.0, closing_mps=4.0, bystanders=5)
    worst = compute_on(frames, "worst_time_to_collision").rows
    likely = compute_on(frames, "time_to_collision").rows
    both = likely.join(worst, on=["log_id", "source", "actor_id", "other_id"])
    assert len(both) == len(likely) > 0
    assert (both["min_wttc_s"] <= both["min_ttc_s"]).all()


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Urban-3_3_Repair")
    start = {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}
    made = compute_on(start, "worst_time_to_collision").rows.filter(pl.col("actor_id") == "8")
    # CriMe gives tenths of a second: 1.3 s to 6, as published, and 1.4 s to 7.
    assert dict(made.select("other_id", pl.col("min_wttc_s").round(1)).rows()) == {
        "6": 1.3,
        "7": 1.4,
    }


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "worst_time_to_collision").outcomes[log].status == "computed"
