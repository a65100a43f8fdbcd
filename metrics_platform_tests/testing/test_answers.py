"""The platform's metrics find in the scenarios what was put into them."""

from typing import Any

import polars as pl
import pytest

from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario


@pytest.mark.parametrize("velocities", [False, True], ids=["poses-alone", "with-velocities"])
@pytest.mark.parametrize(
    ("name", "parameters", "metric", "summary", "expected"),
    [
        ("hard_brake", {"deceleration_mps2": 6.0}, "hard_brakes", "hard_brakes", 1),
        ("hard_brake", {"deceleration_mps2": 2.5}, "hard_brakes", "hard_brakes", 0),
        ("hard_brake", {"deceleration_mps2": 5.0}, "hard_brakes", "peak_deceleration_mps2", 5.0),
        # 4 s at 15 m/s, 2 s at 9 on average, 4 s at 3.
        ("hard_brake", {}, "distance_driven", "distance_m", 90.0),
        ("follow", {"headway_s": 1.3}, "time_headway", "min_headway_s", 1.3),
        ("cut_in", {"gap_m": 8.0, "closing_mps": 4.0}, "time_to_collision", "min_ttc_s", 2.0),
        ("sidewalk", {"clearance_m": 0.6}, "closest_approach", "distance_m", 0.6),
        ("standing", {"gap_m": 5.0}, "closest_approach", "distance_m", 5.0),
        ("turn", {"speed_mps": 6, "radius_m": 20}, "ego_comfort", "max_yaw_rate_radps", 0.3),
        ("turn", {"speed_mps": 6, "radius_m": 20}, "ego_comfort", "max_lateral_acceleration_mps2",
         1.8),
    ],
)  # fmt: skip
def test_a_metric_finds_the_answer(
    name: str,
    parameters: dict[str, Any],
    metric: str,
    summary: str,
    expected: float,
    velocities: bool,
) -> None:
    frames = scenario(name, velocities=velocities, **parameters)
    made = compute_on(frames, metric)
    assert made.summary[summary].item() == pytest.approx(expected, rel=0.02)


def test_where_the_scene_is_changes_no_answer() -> None:
    """The same brake elsewhere, later and driving another way: turned by 90 degrees."""
    frames = scenario("hard_brake")
    moved = frames["ego_poses"].with_columns(
        pl.col("timestamp_ns") + 5_000_000_000,
        x_m=700.0 - pl.col("y_m"),
        y_m=pl.col("x_m") - 300.0,
        heading_rad=pl.col("heading_rad") + 1.5707963267948966,
    )
    before = compute_on(frames, "hard_brakes").rows
    after = compute_on({**frames, "ego_poses": moved}, "hard_brakes").rows
    peak = "peak_deceleration_mps2"
    assert after[peak].item() == pytest.approx(before[peak].item())
