"""SUMO's network as lanes, their points and what leads into what."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts
from metrics_platform.readers._sumo_xml import Attributes, number, walk

# SUMO's default; a file says only what differs.
_LANE_WIDTH_M = 3.2
# A bound would run away from a sharp bend of the centre line.
_GREATEST_MITER = 2.0
# Their shape is an outline, not a centre line.
_AREAS = frozenset({"walkingarea"})
# Whom a lane is for, where it is for one kind alone.
_KINDS = {
    "pedestrian": "pedestrian", "bicycle": "bike", "bus": "bus", "tram": "rail", "rail": "rail",
    "rail_urban": "rail", "rail_electric": "rail", "rail_fast": "rail",
}  # fmt: skip


def read_net(path: Path) -> dict[str, pl.DataFrame]:
    """Return `lanes`, `lane_points` and `lane_links` of a `net.xml`, without their log.

    Lanes of one edge are neighbours; those in a junction (SUMO's internal ones) are lanes too.

    Raises:
        UnreadableLogError: The file is damaged.
    """
    lanes: list[tuple[str, str, int, str, bool, float, float, float]] = []
    shapes: list[str] = []
    links: list[tuple[str, str]] = []
    edge: dict[str, str] = {}
    from_the_left: list[bool] = []

    def start(name: str, given: Attributes) -> None:
        if name == "net":
            from_the_left.append(given.get("lefthand") == "true")
        elif name == "edge":
            edge.clear()
            edge.update(given)
        elif name == "lane" and edge.get("function") not in _AREAS:
            where = f"{path.name}, lane {given.get('id')!r}"
            lanes.append(
                (
                    _text(given, "id", where),
                    edge.get("id", ""),
                    int(number(given, "index", where)),
                    _kind(given.get("allow", "")),
                    edge.get("function") in ("internal", "crossing"),
                    number(given, "speed", where),
                    number(given, "length", where),
                    float(given.get("width", _LANE_WIDTH_M)),
                )
            )
            shapes.append(_text(given, "shape", where))
        elif name == "connection":
            where = f"{path.name}, a connection"
            first = f"{_text(given, 'from', where)}_{_text(given, 'fromLane', where)}"
            then = f"{_text(given, 'to', where)}_{_text(given, 'toLane', where)}"
            links.append((first, given.get("via", then)))

    if walk(path, start):
        raise UnreadableLogError(f"{path.name} ends before its end")
    columns = ("lane_id", "edge", "index", "kind", "in_intersection", "speed", "length", "width")
    table = pl.DataFrame(lanes, columns, orient="row", strict=False)
    if table.is_empty():
        raise UnreadableLogError(f"{path.name} has no lane")
    known = table.select("lane_id", lane_length_m="length").filter(pl.col("lane_length_m") > 0)
    joined = pl.DataFrame(links, {"lane_id": pl.String, "next_lane_id": pl.String}, orient="row")
    return {
        "lanes": _neighbours(table, index_from_the_left=any(from_the_left)),
        "lane_points": _points(table, shapes, path.name),
        "lane_links": joined.join(known, on="lane_id").join(
            table.select(next_lane_id="lane_id"), on="next_lane_id", how="semi"
        ),
    }


def _text(given: Attributes, name: str, where: str) -> str:
    if name not in given:
        raise UnreadableLogError(f"{where} has no {name}")
    return given[name]


def _kind(allowed: str) -> str:
    kinds = {_KINDS.get(name, "vehicle") for name in allowed.split()}
    return kinds.pop() if len(kinds) == 1 else "vehicle"


def _neighbours(table: pl.DataFrame, *, index_from_the_left: bool) -> pl.DataFrame:
    """Return `lanes`; the lanes of an edge are numbered from the kerb of right-hand traffic."""
    left = -1 if index_from_the_left else 1

    def beside(name: str, step: int) -> pl.DataFrame:
        return table.select(
            "edge", (pl.col("index") - step).alias("index"), lane_id="lane_id"
        ).rename({"lane_id": name})

    return (
        table.join(beside("left_lane_id", left), on=["edge", "index"], how="left")
        .join(beside("right_lane_id", -left), on=["edge", "index"], how="left")
        .select(
            "lane_id",
            "kind",
            "in_intersection",
            speed_limit_mps=pl.when(pl.col("speed") > 0).then("speed"),
            left_lane_id="left_lane_id",
            right_lane_id="right_lane_id",
        )
    )


def _points(table: pl.DataFrame, shapes: Sequence[str], file: str) -> pl.DataFrame:
    """Return `lane_points`: SUMO gives the centre line and a width."""
    try:
        points = (
            table.select("lane_id", "width", shape=pl.Series(shapes).str.split(" "))
            .with_row_index("lane")
            .explode("shape")
            .with_columns(
                pl.col("shape").str.split(",").list.get(i).cast(pl.Float64).alias(name)
                for i, name in enumerate(("x_m", "y_m"))
            )
        )
    except pl.exceptions.PolarsError as error:
        raise UnreadableLogError(f"{file}: a lane's shape is no list of x,y: {error}") from error
    starts = group_starts(points["lane"].to_numpy())
    x, y = points["x_m"].to_numpy(), points["y_m"].to_numpy()
    across_x, across_y = _across(x, y, starts)
    half = points["width"].to_numpy() / 2
    return points.select(
        "lane_id",
        point_index=pl.Series(np.arange(len(x)) - np.repeat(starts[:-1], np.diff(starts))),
        x_m="x_m",
        y_m="y_m",
        left_x_m=pl.Series(x + half * across_x),
        left_y_m=pl.Series(y + half * across_y),
        right_x_m=pl.Series(x - half * across_x),
        right_y_m=pl.Series(y - half * across_y),
    )


def _across(x: Floats, y: Floats, starts: Integers) -> tuple[Floats, Floats]:
    """Return at each point the way to the left bound, as a share of half the width."""
    along = np.diff(x, append=x[-1:]) + 1j * np.diff(y, append=y[-1:])
    along[starts[1:] - 1] = 0  # a lane's last point has nothing after it
    size = np.abs(along)
    after = np.divide(along, size, out=np.zeros_like(along), where=size > 0)
    before = np.roll(after, 1)
    before[starts[:-1]] = 0
    middle = after + before
    size = np.abs(middle)
    # At a bend both bounds stay parallel to the centre line: they are farther off at the corner.
    bend = np.where((after != 0) & (before != 0), size / 2, 1.0)
    scale = np.minimum(1 / np.maximum(bend, 1e-9), _GREATEST_MITER)
    unit = np.divide(middle, size, out=np.zeros_like(middle), where=size > 0) * scale
    return -unit.imag, unit.real
