"""Every ordered pair of a moment that is in range, in the axes of the actor."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.kernels.smoothing import Floats
from metrics_platform.kernels.traffic_pairs import TrafficPairs, traffic_pairs

_RANGE_M = 10.0


def _boxes(*places: tuple[float, float, float]) -> Boxes:
    x, y, heading = (np.array(column, dtype=float) for column in zip(*places, strict=True))
    size = np.ones(len(x))
    return Boxes(x=x, y=y, heading=heading, length=4 * size, width=2 * size)


def _pairs(boxes: Boxes, velocity_x: Floats, velocity_y: Floats) -> TrafficPairs:
    moment = np.zeros(len(boxes.x), dtype=np.int64)
    return traffic_pairs(moment, boxes, velocity_x, velocity_y, _RANGE_M)


def test_each_sees_the_other_in_its_own_axes() -> None:
    # The first drives north at 3 m/s; the second, 6 m to the east of it, drives east at 2 m/s.
    found = _pairs(
        _boxes((0, 0, math.pi / 2), (6, 0, 0)), np.array([0.0, 2.0]), np.array([3.0, 0.0])
    )
    assert found.actor.tolist() == [0, 1]
    assert found.other.tolist() == [1, 0]
    expected = {
        "relative_x_m": [0, -6],
        "relative_y_m": [-6, 0],
        "relative_heading_rad": [-math.pi / 2, math.pi / 2],
        "other_length_m": [4, 4],
        "other_width_m": [2, 2],
        "other_velocity_x_mps": [0, 0],
        "other_velocity_y_mps": [-2, 3],
        "other_speed_mps": [2, 3],
        "actor_length_m": [4, 4],
        "actor_width_m": [2, 2],
        "actor_velocity_x_mps": [3, 2],
        "actor_velocity_y_mps": [0, 0],
        "actor_speed_mps": [3, 2],
        "distance_m": [3, 3],
    }
    assert set(found.columns) == set(expected)
    for name, values in expected.items():
        assert found.columns[name] == pytest.approx(values, abs=1e-12), name


def test_who_has_no_velocity_is_seen_but_sees_nobody() -> None:
    found = _pairs(_boxes((0, 0, 0), (6, 0, 0)), np.array([1.0, np.nan]), np.zeros(2))
    assert found.actor.tolist() == [0]
    assert np.isnan(found.columns["other_velocity_x_mps"]).all()
    assert np.isnan(found.columns["other_speed_mps"]).all()


@pytest.mark.parametrize("turn", [-2 * math.pi, 0.0, 2 * math.pi])
def test_a_relative_heading_of_half_a_turn_is_minus_pi(turn: float) -> None:
    found = _pairs(_boxes((0, 0, 0), (6, 0, math.pi + turn)), np.zeros(2), np.zeros(2))
    assert found.columns["relative_heading_rad"] == pytest.approx([-math.pi, -math.pi])


def test_nobody_has_no_pairs() -> None:
    nobody = np.zeros(0)
    boxes = Boxes(x=nobody, y=nobody, heading=nobody, length=nobody, width=nobody)
    found = _pairs(boxes, nobody, nobody)
    assert len(found.actor) == len(found.other) == 0
    assert all(not len(column) for column in found.columns.values())


_PLACE = st.floats(-30, 30).map(lambda value: round(value, 3))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), _PLACE, _PLACE, st.floats(-4, 4)), max_size=12))
def test_all_in_range_are_found_in_order(rows: list[tuple[int, float, float, float]]) -> None:
    rows = sorted(rows)
    moment = np.array([row[0] for row in rows], dtype=np.int64)
    boxes = _boxes(*(row[1:] for row in rows)) if rows else _boxes((0, 0, 0))
    moment = moment if rows else np.zeros(1, dtype=np.int64)
    still = np.zeros(len(moment))
    one, two = np.nonzero((moment[:, None] == moment) & ~np.eye(len(moment), dtype=bool))
    distance = box_distances(boxes, one, two)
    near = distance <= _RANGE_M
    found = traffic_pairs(moment, boxes, still, still, _RANGE_M)
    assert found.actor.tolist() == one[near].tolist()
    assert found.other.tolist() == two[near].tolist()
    assert found.columns["distance_m"] == pytest.approx(distance[near], abs=1e-9)
