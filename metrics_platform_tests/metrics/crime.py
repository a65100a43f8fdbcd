"""What CommonRoad-CriMe 0.4.5 does with a scenario, from what our reader has of it.

CriMe's code is not there when the tests run; its rules are written out here, so that a test can
show its published value beside ours, and why they differ.
"""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy.interpolate import splev, splprep
from shapely.geometry import LineString, Point, Polygon

from metrics_platform.kernels.smoothing import Floats

Frames = Mapping[str, pl.DataFrame]


def track_of(frames: Frames, track: str) -> list[dict[str, float]]:
    """Return the states of a road user, step by step."""
    rows = frames["tracks"].filter(pl.col("track_id") == track).sort("timestamp_ns")
    return rows.to_dicts()


def outline(state: Mapping[str, float]) -> Polygon:
    """Return the box of a road user."""
    cos, sin = math.cos(state["heading_rad"]), math.sin(state["heading_rad"])
    length, width = state["length_m"] / 2, state["width_m"] / 2
    sides = [(length, width), (-length, width), (-length, -width), (length, -width)]
    return Polygon(
        [(state["x_m"] + x * cos - y * sin, state["y_m"] + x * sin + y * cos) for x, y in sides]
    )


def lanelets(frames: Frames) -> dict[str, Polygon]:
    """Return the area of each lanelet."""
    corners = frames["drivable_areas"].sort("area_id", "point_index")
    return {
        str(name): Polygon(rows.select("x_m", "y_m").rows())
        for (name,), rows in corners.partition_by("area_id", as_dict=True).items()
    }


def conflict_area(frames: Frames, actor: str, other: str) -> tuple[str, str]:
    """Return the two lanelets whose common area CriMe takes for an actor and an other.

    The one is the lanelet along which the other drives. The second is another lanelet of the
    intersection, from elsewhere, in which the centre of the other is, and in which that of the
    actor is at any time. Later steps of the other overrule earlier ones. So the second need not be
    the lanelet along which the actor drives.
    """
    areas, lanes, links = lanelets(frames), frames["lanes"], frames["lane_links"]
    inner = set(lanes.filter("in_intersection")["lane_id"])
    origin = dict(links.select("next_lane_id", "lane_id").rows())

    def around(state: Mapping[str, float]) -> set[str]:
        centre = Point(state["x_m"], state["y_m"])
        return {name for name, area in areas.items() if area.intersects(centre)}

    passed = set.union(*map(around, track_of(frames, actor)))
    found = []
    for state in track_of(frames, other):
        at = around(state)
        own = min(at, key=lambda name: abs(_turned(frames, name, state)))
        found += [
            (own, name)
            for name in sorted(at & passed & inner - {own})
            if origin[name] != origin.get(own)
        ]
    return found[-1]


def steps_around(frames: Frames, track: str, pair: tuple[str, str]) -> tuple[int, int]:
    """Return the steps just before and just after a road user is in what two lanelets share."""
    areas = lanelets(frames)
    shared = areas[pair[0]].intersection(areas[pair[1]])
    states = track_of(frames, track)
    inside = [step for step, state in enumerate(states) if outline(state).intersects(shared)]
    return inside[0] - 1, inside[-1] + 1


def smoothed_line(frames: Frames, lane: str) -> Floats:
    """Return the centre line of a lanelet, made longer by 10 of its last pieces, as a spline.

    CriMe's weights of the points by curvature change the angles here by 0.0001 rad, and are left
    out.
    """
    points = _centre(frames, lane)
    before, beyond = 2 * points[0] - points[1], points[-1] + 10 * (points[-1] - points[-2])
    line = _resampled(np.vstack([before, points]))
    longer = np.vstack([line, _resampled(np.vstack([points[-1], beyond]))[1:]])
    spline, _ = splprep(longer.T, s=5)
    return np.column_stack(splev(np.linspace(0, 1, 2 * len(points)), spline))


def angle_at(line: Floats, x_m: float, y_m: float) -> float:
    """Return the direction of a line next to a place, between those of its corners."""
    pieces = np.diff(line, axis=0)
    angles = np.arctan2(pieces[:, 1], pieces[:, 0])
    along = LineString(line).project(Point(x_m, y_m))
    return float(np.interp(along, _along(line), np.append(angles, angles[-1])))


def times_to_collision(frames: Frames, actor: str, other: str) -> list[float | None]:
    """Return the time to collision with one that stands, along a straight lane on the x axis.

    Jansson (2005), (5.26), with the acceleration that numpy's gradient has of the speeds; gap and
    time are rounded to 0.01. Only while the boxes of both reach into one lanelet.
    """
    areas, states = lanelets(frames), track_of(frames, actor)
    front = track_of(frames, other)[0]
    there = {name for name, area in areas.items() if area.intersects(outline(front))}
    speeds = [math.hypot(state["velocity_x_mps"], state["velocity_y_mps"]) for state in states]
    found: list[float | None] = []
    for state, v, a in zip(states, speeds, np.gradient(speeds, 0.1), strict=True):
        lengths_m = (front["length_m"] + state["length_m"]) / 2
        gap_m = _to_hundredths(front["x_m"] - state["x_m"] - lengths_m)
        together = any(areas[name].intersects(outline(state)) for name in there)
        if gap_m < 0 or not together:
            found.append(None)
        elif abs(a) <= 0.1:
            found.append(_to_hundredths(gap_m / v))
        else:
            found.append(_to_hundredths((v - math.sqrt(v * v + 2 * a * gap_m)) / -a))
    return found


def _to_hundredths(value: float) -> float:
    return math.copysign(math.floor(abs(value) * 100 + 0.5) / 100, value)


def _turned(frames: Frames, lane: str, state: Mapping[str, float]) -> float:
    angle = angle_at(_centre(frames, lane), state["x_m"], state["y_m"])
    return math.remainder(state["heading_rad"] - angle, 2 * math.pi)


def _centre(frames: Frames, lane: str) -> Floats:
    points = frames["lane_points"].filter(pl.col("lane_id") == lane).sort("point_index")
    return points.select("x_m", "y_m").to_numpy()


def _along(line: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _resampled(line: Floats) -> Floats:
    along = _along(line)
    places = np.linspace(0.0, along[-1], math.ceil(along[-1] / 2 + 1))
    return np.column_stack([np.interp(places, along, axis) for axis in line.T])
