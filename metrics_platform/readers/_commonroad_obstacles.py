"""The obstacles of a CommonRoad scenario: what moves, what stands, and how large it is.

Source: the XML format of CommonRoad, versions 2018b and 2020a, and the states of commonroad-io.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.readers._commonroad_map import exact, points_of
from metrics_platform.readers._poses import Array
from metrics_platform.signals.tracks import Tracks

# `obstacle`, with a role, in 2018b.
_OBSTACLES = ("obstacle", "dynamicObstacle", "staticObstacle")
# Whole numbers beyond this aren't told apart by what reads them.
_MOST_STEPS = 2**53
_SCHEMA = pl.Schema(
    {name: dtype for name, dtype in polars_schema(Tracks).items() if name != "log_id"}
)


@dataclass(frozen=True)
class _Box:
    """A box in the axes of its obstacle: centre, angle and size."""

    x_m: float = 0.0
    y_m: float = 0.0
    heading_rad: float = 0.0
    length_m: float = 0.0
    width_m: float = 0.0

    def corners(self) -> Array:
        along = self.length_m / 2 * _direction(self.heading_rad)
        across = self.width_m / 2 * _direction(self.heading_rad + math.pi / 2)
        offsets = np.array([along + across, along - across, across - along, -along - across])
        corners: Array = offsets + np.array([self.x_m, self.y_m])
        return corners


@dataclass(frozen=True)
class _State:
    """Where an obstacle is at a step, and how it moves there."""

    step: int
    x_m: float
    y_m: float
    heading_rad: float
    velocity_x_mps: float | None
    velocity_y_mps: float | None
    acceleration_mps2: float | None


def tracks(scenario: Element, step_s: float) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of all obstacles, and a sentence on each that is not read in full."""
    moving: list[dict[str, object]] = []
    standing: list[dict[str, object]] = []
    notes: list[str] = []
    for obstacle in scenario:
        if obstacle.tag not in _OBSTACLES:
            continue
        notes += _unread(obstacle)
        static = obstacle.tag == "staticObstacle" or obstacle.findtext("role") == "static"
        (standing if static else moving).extend(_rows(obstacle))
    steps = sorted({int(str(row["step"])) for row in moving or standing[:1]})
    still = {"velocity_x_mps": 0.0, "velocity_y_mps": 0.0, "acceleration_mps2": 0.0}
    there = [{**row, **still, "step": step} for row in standing for step in steps]
    rows = pl.DataFrame([*moving, *there], {"step": pl.Int64(), **_SCHEMA})
    # What is farther off than a clock of 64 bits goes has no time, and is cleaned away.
    times = (pl.col("step") * (step_s * 1e9)).round().cast(pl.Int64, strict=False)
    # Obstacles follow one another in the file: the order of rows says nothing about the clock.
    ordered = rows.with_columns(timestamp_ns=times).sort("timestamp_ns", maintain_order=True)
    return ordered.select(_SCHEMA.names()), notes


def _unread(obstacle: Element) -> Iterator[str]:
    name = f"obstacle {obstacle.attrib['id']}"
    nodes = _nodes(obstacle)
    if left_out := sum(_state(node) is None for node in nodes):
        yield (
            f"{name}: {left_out} of {len(nodes)} states are left out, as position, orientation "
            "or time are not exact"
        )
    if obstacle.find("occupancySet") is not None:
        yield f"{name}: its predicted occupancies are regions, and are not read"


def _nodes(obstacle: Element) -> list[Element]:
    return [*obstacle.iterfind("initialState"), *obstacle.iterfind("trajectory/state")]


def _rows(obstacle: Element) -> Iterator[dict[str, object]]:
    box = _box(obstacle.find("shape"))
    found = [state for node in _nodes(obstacle) if (state := _state(node))]
    # A trajectory may begin with the initial state once more, which is the one that counts.
    states = {state.step: state for state in reversed(found)}
    for state in states.values():
        cos, sin = _direction(state.heading_rad)
        yield {
            "step": state.step,
            "source": "simulation",
            "track_id": obstacle.attrib["id"],
            "category": (obstacle.findtext("type") or "unknown").strip(),
            "x_m": state.x_m + cos * box.x_m - sin * box.y_m,
            "y_m": state.y_m + sin * box.x_m + cos * box.y_m,
            "z_m": 0.0,
            "heading_rad": state.heading_rad + box.heading_rad,
            "length_m": box.length_m,
            "width_m": box.width_m,
            "height_m": 0.0,
            "velocity_x_mps": state.velocity_x_mps,
            "velocity_y_mps": state.velocity_y_mps,
            "acceleration_mps2": state.acceleration_mps2,
        }


def _state(node: Element) -> _State | None:
    """Return what a state says; None where it has no exact place, angle and time."""
    step, heading, speed, across, slip, acceleration = (
        exact(node.findtext(f"{name}/exact"))
        for name in ("time", "orientation", "velocity", "velocityY", "slipAngle", "acceleration")
    )
    place = points_of(node.find("position"))
    if step is None or not step.is_integer() or abs(step) > _MOST_STEPS:
        return None
    if len(place) != 1 or np.isnan(place).any():
        return None
    if heading is None and speed is not None and across is not None:
        # A point mass has no axes of its own: its velocity is along those of the fixed frame.
        velocity = np.array([speed, across])
        heading = math.atan2(across, speed)
    elif heading is None:
        return None
    elif speed is None:
        velocity = np.array([math.nan, math.nan])
    else:
        # A single track drives along its heading and the slip angle.
        course = heading + (slip or 0.0)
        velocity = speed * _direction(course) + (across or 0.0) * _direction(course + math.pi / 2)
    velocity_x, velocity_y = (None if math.isnan(value) else float(value) for value in velocity)
    x_m, y_m = place[0].tolist()
    return _State(int(step), x_m, y_m, heading, velocity_x, velocity_y, acceleration)


def _box(shape: Element | None) -> _Box:
    """Return the box of a rectangle, and the least one along the obstacle's axes of all else."""
    parts = [] if shape is None else list(shape)
    if len(parts) == 1 and parts[0].tag == "rectangle":
        return _rectangle(parts[0])
    corners = np.concatenate([np.empty((0, 2)), *map(_outline, parts)])
    if not len(corners):
        return _Box()
    least, most = corners.min(axis=0), corners.max(axis=0)
    (x_m, y_m), (length_m, width_m) = ((least + most) / 2).tolist(), (most - least).tolist()
    return _Box(x_m, y_m, 0.0, length_m, width_m)


def _outline(part: Element) -> Array:
    """Return points whose extent along x and y is that of the shape."""
    if part.tag == "rectangle":
        return _rectangle(part).corners()
    if part.tag == "circle":
        x_m, y_m = _centre(part)
        radius_m = _size(part, "radius")
        return np.array([[x_m - radius_m, y_m - radius_m], [x_m + radius_m, y_m + radius_m]])
    return points_of(part)


def _rectangle(part: Element) -> _Box:
    orientation = part.findtext("orientation/exact") or part.findtext("orientation")
    return _Box(
        *_centre(part),
        exact(orientation) or 0.0,
        _size(part, "length"),
        _size(part, "width"),
    )


def _size(part: Element, name: str) -> float:
    """Return a size; 0 where it is none."""
    return max(exact(part.findtext(name)) or 0.0, 0.0)


def _centre(part: Element) -> tuple[float, float]:
    x_m, y_m = (exact(part.findtext(f"center/{axis}")) or 0.0 for axis in "xy")
    return x_m, y_m


def _direction(angle_rad: float) -> Array:
    return np.array([math.cos(angle_rad), math.sin(angle_rad)])
