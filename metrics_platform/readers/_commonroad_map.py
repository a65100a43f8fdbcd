"""The lanelets of a CommonRoad scenario: lanes, where they lie, and where one may drive.

Source: Bender, Ziegler & Stiller (2014), "Lanelets: efficient map representation for autonomous
driving"; elements after the XML format of CommonRoad, versions 2018b and 2020a.
"""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np
import polars as pl

from metrics_platform.readers._poses import Array

# `laneletType` and `userOneWay` to the kind of the lane; whatever else is for vehicles.
_KINDS = {
    "busLane": "bus",
    "bus": "bus",
    "bicycleLane": "bike",
    "bicycle": "bike",
    "sidewalk": "pedestrian",
    "crosswalk": "pedestrian",
    "pedestrian": "pedestrian",
}
_FOR_VEHICLES = ("vehicle", "bus")
# Maximum speed and beginning of a zone of it, in each country of commonroad-io's traffic signs.
_MAX_SPEED_SIGNS = frozenset(
    {"274", "274.1", "R2-1", "r301", "3.24", "R15", "C43", "B14", "\u03a1-32", "B31"}
)
_WORDS = ("laneletType", "userOneWay")
_TURNS = ("successorsRight", "successorsStraight", "successorsLeft")
_LANES = {
    "lane_id": pl.String,
    "kind": pl.String,
    "in_intersection": pl.Boolean,
    "speed_limit_mps": pl.Float64,
    "left_lane_id": pl.String,
    "right_lane_id": pl.String,
}
_LINKS = {"lane_id": pl.String, "next_lane_id": pl.String, "lane_length_m": pl.Float64}
_LANE_POINTS = ("x_m", "y_m", "left_x_m", "left_y_m", "right_x_m", "right_y_m")


def map_signals(scenario: Element) -> dict[str, pl.DataFrame]:
    """Return `lanes`, `lane_points`, `lane_links` and `drivable_areas`.

    A lanelet's centre line are the midpoints of its bounds, point by point. Drivable are the
    lanelets for vehicles and buses. A lanelet lies in an intersection where its type says so, or
    where an intersection names it as a way through. Speed limits are in m/s, from the lanelet
    (2018b) or from the traffic signs that it refers to (2020a).
    """
    lanelets = scenario.findall("lanelet")
    through = {
        turn.attrib["ref"]
        for name in _TURNS
        for turn in scenario.iterfind(f"intersection/incoming/{name}")
    }
    limits = {sign.attrib["id"]: limit for sign, limit in _limits(scenario)}
    bounds = {lanelet.attrib["id"]: _bounds(lanelet) for lanelet in lanelets}
    rows = [_lane(lanelet, through, limits) for lanelet in lanelets]
    points = {
        lane_id: np.column_stack([(left + right) / 2, left, right])
        for lane_id, (left, right) in bounds.items()
    }
    drivable = {str(row["lane_id"]) for row in rows if row["kind"] in _FOR_VEHICLES}
    areas = {
        lane_id: np.concatenate([right, left[::-1]])
        for lane_id, (left, right) in bounds.items()
        if lane_id in drivable
    }
    return {
        "lanes": pl.DataFrame(rows, _LANES),
        "lane_points": _frame(points, "lane_id", _LANE_POINTS),
        "lane_links": pl.DataFrame(
            [
                {
                    "lane_id": lanelet.attrib["id"],
                    "next_lane_id": successor.attrib["ref"],
                    "lane_length_m": _along(points[lanelet.attrib["id"]][:, :2])[-1],
                }
                for lanelet in lanelets
                for successor in lanelet.iter("successor")
                # One without any length leads nowhere.
                if _along(points[lanelet.attrib["id"]][:, :2])[-1] > 0
            ],
            _LINKS,
        ),
        "drivable_areas": _frame(areas, "area_id", ("x_m", "y_m")),
    }


def points_of(node: Element | None) -> Array:
    """Return the points that a bound or polygon consists of, as rows of x and y in metres.

    NaN where one isn't told: whoever cleans the rows says how many these are.
    """
    found = [] if node is None else node.findall("point")
    values = [[exact(point.findtext(axis)) for axis in "xy"] for point in found]
    # None becomes NaN.
    return np.array(values, np.float64).reshape(-1, 2)


def exact(text: str | None) -> float | None:
    """Return the number that a text says; None where there is none, or one without end."""
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _lane(lanelet: Element, through: set[str], limits: dict[str, float]) -> dict[str, object]:
    lane_id = lanelet.attrib["id"]
    words = [
        node.text or "" for name in ("laneletType", "userOneWay") for node in lanelet.iter(name)
    ]
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    signs = [limits.get(sign.attrib["ref"]) for sign in lanelet.iter("trafficSignRef")]
    given = [exact(limit.text) for limit in lanelet.iter("speedLimit")]
    beside = {
        side: lanelet.find(f"adjacent{side.title()}[@drivingDir='same']")
        for side in ("left", "right")
    }
    return {
        "lane_id": lane_id,
        "kind": kinds[0] if kinds else "vehicle",
        "in_intersection": lane_id in through or "intersection" in words,
        "speed_limit_mps": min(
            [limit for limit in [*signs, *given] if limit and limit > 0], default=None
        ),
        **{
            f"{side}_lane_id": None if lane is None else lane.attrib["ref"]
            for side, lane in beside.items()
        },
    }


def _limits(scenario: Element) -> Iterator[tuple[Element, float]]:
    for sign in scenario.iter("trafficSign"):
        for element in sign.iter("trafficSignElement"):
            value = exact(element.findtext("additionalValue"))
            if element.findtext("trafficSignID") in _MAX_SPEED_SIGNS and value is not None:
                yield sign, value


def _bounds(lanelet: Element) -> tuple[Array, Array]:
    left, right = points_of(lanelet.find("leftBound")), points_of(lanelet.find("rightBound"))
    if not len(left) or not len(right):
        return left[:0], right[:0]
    # The format wants as many points on both sides; who breaks it gets them spread evenly.
    if len(left) != len(right):
        most = max(len(left), len(right))
        left, right = _resampled(left, most), _resampled(right, most)
    return left, right


def _resampled(line: Array, points: int) -> Array:
    along = _along(line)
    places = np.linspace(0.0, along[-1], points)
    return np.column_stack([np.interp(places, along, axis) for axis in line.T])


def _along(line: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _frame(shapes: dict[str, Array], name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    sizes = [len(points) for points in shapes.values()]
    points = np.concatenate([np.empty((0, len(columns))), *shapes.values()])
    return pl.DataFrame(
        {
            name: pl.Series(list(shapes), dtype=pl.String).gather(
                np.repeat(np.arange(len(sizes)), sizes)
            ),
            "point_index": np.concatenate([np.empty(0, np.int64), *map(np.arange, sizes)]),
            **dict(zip(columns, points.T, strict=True)),
        }
    )
