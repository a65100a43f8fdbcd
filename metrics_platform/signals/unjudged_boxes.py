"""Which boxes a benchmark leaves out, and why."""

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.kernels.detection_rules import DetectionRules
from metrics_platform.kernels.numbering import numbered
from metrics_platform.kernels.polylines import Lines, inside, near, nearest
from metrics_platform.kernels.smoothing import group_starts

_CORNERS = ((1, 1), (-1, 1), (-1, -1), (1, -1))


def with_reason(boxes: pl.DataFrame, others: pl.DataFrame, rules: DetectionRules) -> pl.DataFrame:
    """Say why a box isn't judged; null where it is."""
    moment = ["log_id", "source", "timestamp_ns"]
    met = others.select(moment).unique().with_columns(met=pl.lit(value=True))
    annotated = pl.col("annotated")
    alone = {
        "any": pl.lit(value=False),
        "annotated": ~annotated & pl.col("met").is_null(),
        "common": pl.col("met").is_null(),
    }[rules.moments]
    reason = (
        pl.when(alone)
        .then(
            pl.when(annotated)
            .then(pl.lit("no detection at this moment"))
            .otherwise(pl.lit("no annotation at this moment"))
        )
        .when(pl.col("class_name").is_null())
        .then(pl.lit("no class of the benchmark"))
    )
    if rules.max_range_m:
        reach = pl.col("class_name").replace_strict(
            rules.max_range_m, default=None, return_dtype=pl.Float64
        )
        reason = (
            reason.when(pl.col("range_m").is_null())
            .then(pl.lit("the ego's place is unknown"))
            .when(pl.col("range_m") >= reach)
            .then(pl.lit("out of range"))
        )
    if rules.needs_points:
        reason = reason.when(annotated & (pl.col("points_count") == 0)).then(
            pl.lit("no points in it")
        )
    known = boxes.join(met, on=moment, how="left", maintain_order="left")
    return known.with_columns(reason=reason.otherwise(None).cast(pl.String)).drop("met")


def capped(detections: pl.DataFrame, rules: DetectionRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the detections to match, the most confident of a frame first, and those set aside."""
    ranked = detections.filter(pl.col("reason").is_null()).sort(
        "frame", "score", "track_id", descending=[False, True, rules.later_first]
    )
    aside = detections.filter(pl.col("reason").is_not_null())
    if rules.max_detections is None:
        return ranked, aside
    place = pl.int_range(pl.len()).over("frame")
    ranked = ranked.with_columns(
        reason=pl.when(place >= rules.max_detections).then(
            pl.lit("too many detections in one frame")
        )
    )
    over = pl.col("reason").is_not_null()
    return ranked.filter(~over), pl.concat([aside, ranked.filter(over)])


def elsewhere(
    boxes: pl.DataFrame, racks: pl.DataFrame, areas: pl.DataFrame, rules: DetectionRules
) -> pl.DataFrame:
    """Add the reason where a box isn't judged because of its place; null where it is.

    Args:
        boxes: Detections or objects.
        racks: Annotated boxes of the category `rack`.
        areas: Corners of drivable areas.
        rules: Of the benchmark.
    """
    reason = pl.lit(None, pl.String)
    if rules.region_margin_m is not None:
        off = pl.Series(~_in_region(boxes, areas, rules.region_margin_m), dtype=pl.Boolean)
        reason = pl.when(off).then(pl.lit("off the region of interest")).otherwise(reason)
    if rules.rack is not None:
        parked = pl.col("class_name").is_in(list(rules.racked)) & _in_racks(boxes, racks)
        reason = pl.when(parked).then(pl.lit("in a rack")).otherwise(reason)
    return boxes.with_columns(reason=reason)


def _in_racks(boxes: pl.DataFrame, racks: pl.DataFrame) -> pl.Series:
    """Say of which boxes the centre is in a rack, or on its surface."""
    place = ["x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m"]
    pairs = (
        boxes.select("log_id", "timestamp_ns", *place[:3])
        .with_row_index("box")
        .join(
            racks.select("log_id", "timestamp_ns", *(pl.col(c).alias(f"rack_{c}") for c in place)),
            on=["log_id", "timestamp_ns"],
        )
    )
    cos, sin = pl.col("rack_heading_rad").cos(), pl.col("rack_heading_rad").sin()
    dx, dy, dz = (pl.col(axis) - pl.col(f"rack_{axis}") for axis in place[:3])
    within = pl.all_horizontal(
        (cos * dx + sin * dy).abs() <= pl.col("rack_length_m") / 2,
        (cos * dy - sin * dx).abs() <= pl.col("rack_width_m") / 2,
        dz.abs() <= pl.col("rack_height_m") / 2,
    )
    parked = np.zeros(len(boxes), dtype=bool)
    parked[pairs.filter(within)["box"].to_numpy()] = True
    return pl.Series(parked, dtype=pl.Boolean)


def _in_region(boxes: pl.DataFrame, areas: pl.DataFrame, margin_m: float) -> npt.NDArray[np.bool_]:
    """Say which boxes have a corner in one of the areas, or that near to it."""
    areas = numbered(areas, "area", "log_id", "area_id").sort("area", "point_index")
    starts = group_starts(areas["area"].to_numpy())
    polygons = Lines(areas["x_m"].to_numpy(), areas["y_m"].to_numpy(), starts).closed()
    names = pl.concat([boxes.select("log_id"), areas[starts[:-1]].select("log_id")])
    logs = numbered(names, "log", "log_id")["log"].to_numpy()
    of_box, of_area = logs[: len(boxes)], logs[len(boxes) :]
    cos, sin = pl.col("heading_rad").cos() / 2, pl.col("heading_rad").sin() / 2
    length, width = pl.col("length_m"), pl.col("width_m")
    x, y = (
        np.column_stack([boxes.select(corner).to_series().to_numpy() for corner in corners]).ravel()
        for corners in (
            [pl.col("x_m") + a * cos * length - b * sin * width for a, b in _CORNERS],
            [pl.col("y_m") + a * sin * length + b * cos * width for a, b in _CORNERS],
        )
    )
    point, polygon = near(np.repeat(of_box, len(_CORNERS)), x, y, of_area, polygons, reach=margin_m)
    found = np.zeros(len(x), dtype=bool)
    found[point[inside(x[point], y[point], polygon, polygons)]] = True
    left = ~found[point]
    point, polygon = point[left], polygon[left]
    found[point[nearest(x[point], y[point], polygon, polygons).distance <= margin_m]] = True
    return np.asarray(found.reshape(-1, len(_CORNERS)).any(axis=1))
