"""Safe distances of RSS, as ad-rss-lib's unit tests and the definitions have them."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.rss import (
    Dynamics,
    safe_distance_lateral,
    safe_distance_opposite,
    safe_distance_same_direction,
)

# Of the ego in ad-rss-lib's tests, and of the others, who respond in 2 s.
EGO = Dynamics(
    response_s=1.0,
    accelerates_mps2=3.5,
    brakes_mps2=4.0,
    brakes_in_lane_mps2=3.0,
    brakes_at_most_mps2=8.0,
    sideways_accelerates_mps2=0.2,
    sideways_brakes_mps2=0.8,
)
OTHER = replace(EGO, response_s=2.0)


def value(expression: pl.Expr) -> float:
    return float(pl.select(expression).item())


def speed(kmh: float) -> pl.Expr:
    return pl.lit(kmh / 3.6)


def test_opposite_directions_as_published() -> None:
    found = value(safe_distance_opposite(speed(100), speed(100), EGO, OTHER))
    assert found == pytest.approx(406.32, abs=0.01)


@pytest.mark.parametrize(
    ("rear_kmh", "front_kmh", "expected_m"),
    [
        pytest.param(10, 100, 0.0, id="published_leading_vehicle_much_faster"),
        # 13.889·1 + 1.75 + 17.389²/8 - 13.889²/16
        pytest.param(50, 50, 41.379, id="same_speed"),
        pytest.param(0, 0, 1.75 + 3.5**2 / 8, id="both_stand"),
    ],
)
def test_same_direction(rear_kmh: float, front_kmh: float, expected_m: float) -> None:
    found = value(safe_distance_same_direction(speed(rear_kmh), speed(front_kmh), EGO, OTHER))
    assert found == pytest.approx(expected_m, abs=0.001)


@pytest.mark.parametrize(
    ("left_kmh", "right_kmh", "expected_m"),
    [
        # As published, to the right in both columns, with the margin of 0.1 m.
        pytest.param(0, 0, 1.1, id="neither"),
        pytest.param(1, 1, 1.19, id="both_to_the_right"),
        pytest.param(-1, -1, 1.19, id="both_to_the_left"),
        pytest.param(5, 5, 2.9, id="both_fast"),
        pytest.param(1, 0, 1.84, id="towards"),
        pytest.param(-1, 0, 0.45, id="away"),
        pytest.param(5, 0, 5.77, id="fast_towards"),
    ],
)
def test_lateral_as_published(left_kmh: float, right_kmh: float, expected_m: float) -> None:
    found = value(
        safe_distance_lateral(speed(left_kmh), -speed(right_kmh), OTHER, OTHER, margin_m=0.1)
    )
    assert found == pytest.approx(expected_m, abs=0.01)


def test_the_margin_is_kept_to_those_that_move_apart() -> None:
    # Definition 6 adds it to what is needed; ad-rss-lib takes it off again, and gives 0.
    found = value(safe_distance_lateral(speed(-5), speed(0), OTHER, OTHER, margin_m=0.1))
    assert found == 0.1


@given(
    st.floats(0, 40), st.floats(0, 40), st.floats(0.1, 3.0), st.floats(0.5, 5.0), st.floats(1, 4)
)
def test_keeping_the_distance_avoids_a_collision(
    rear: float, front: float, response_s: float, accelerates: float, brakes: float
) -> None:
    """Drive the worst that is allowed: the one behind just stops at the one in front, or short."""
    follower = replace(EGO, response_s=response_s, accelerates_mps2=accelerates, brakes_mps2=brakes)
    gap = value(safe_distance_same_direction(pl.lit(rear), pl.lit(front), follower, EGO))
    faster = rear + response_s * accelerates
    stops_at = rear * response_s + accelerates * response_s**2 / 2 + faster**2 / (2 * brakes)
    stopped_at = gap + front**2 / (2 * EGO.brakes_at_most_mps2)
    assert stops_at <= stopped_at + 1e-9
    assert gap == 0 or stops_at == pytest.approx(stopped_at)
