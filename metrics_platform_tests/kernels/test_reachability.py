"""Earliest contact, against the roots of the quartic and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.reachability import Floats, earliest_contact


def contact(*values: float) -> float:
    x, y, velocity_x, velocity_y, reach, acceleration = (np.array([value]) for value in values)
    return float(
        earliest_contact(x, y, velocity_x, velocity_y, reach=reach, acceleration=acceleration)[0]
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # 12 - 2 = 5 t²
        pytest.param((12.0, 0.0, 0.0, 0.0, 2.0, 10.0), math.sqrt(2), id="from_rest"),
        # 12 - 2 = 5 t + 5 t²
        pytest.param((0.0, 12.0, 0.0, -5.0, 2.0, 10.0), 1.0, id="head_on"),
        # 12 - 2 = -5 t + 5 t²
        pytest.param((-12.0, 0.0, -5.0, 0.0, 2.0, 10.0), 2.0, id="away"),
        # 3² + 4² = 5², 5 = 2 + 6·1²/2
        pytest.param((0.0, 3.0, 4.0, 0.0, 2.0, 6.0), 1.0, id="across"),
        pytest.param((1.0, 1.0, 9.0, 9.0, 2.0, 6.0), 0.0, id="overlapping"),
        pytest.param((2.0, 0.0, 9.0, 9.0, 2.0, 6.0), 0.0, id="touching"),
        pytest.param((0.0, 0.0, 1.0, 0.0, 0.0, 1.0), 0.0, id="two_points_in_one_place"),
        # Far apart again after the first contact, and together for good later.
        pytest.param((10.0, 0.0, -20.0, 0.0, 2.0, 0.2), 0.39920, id="first_of_three_contacts"),
    ],
)
def test_by_hand(values: tuple[float, ...], expected: float) -> None:
    assert contact(*values) == pytest.approx(expected, abs=1e-4)


place, speed = st.floats(-100, 100), st.floats(-40, 40)


@settings(deadline=None)
@given(st.tuples(place, place, speed, speed, st.floats(0, 6), st.floats(0.5, 25)))
def test_it_is_the_least_root_of_the_quartic(values: tuple[float, ...]) -> None:
    x, y, velocity_x, velocity_y, reach, acceleration = values
    time = contact(*values)

    def apart(at: float | Floats) -> float | Floats:
        distance = np.hypot(x + velocity_x * at, y + velocity_y * at)
        return distance - reach - acceleration * at * at / 2

    if math.hypot(x, y) <= reach:
        assert time == 0
        return
    assert apart(time) == pytest.approx(0.0, abs=1e-6)
    before = np.linspace(0, time, 200, endpoint=False)
    assert np.all(apart(before) > -1e-6)


def test_each_row_by_itself() -> None:
    rows = np.random.default_rng(7).uniform(1, 9, (6, 50))
    x, y, velocity_x, velocity_y, reach, acceleration = rows
    together = earliest_contact(
        x, y, velocity_x, velocity_y, reach=reach, acceleration=acceleration
    )
    assert together.tolist() == [contact(*row) for row in rows.T]
