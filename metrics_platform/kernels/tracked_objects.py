"""Which boxes of `tracks` are compared, after the rules of nuScenes."""

import polars as pl

from metrics_platform.kernels.clear_mot import CONVENTIONS
from metrics_platform.kernels.tracked_boxes import (
    ANNOTATION,
    Tracked,
    in_units,
    kept,
    numbered,
    units_of,
)
from metrics_platform.kernels.tracking import EPSILON

# nuscenes-devkit counts with motmetrics.
CONVENTION = CONVENTIONS["motmetrics_1"]
# Whatever an object is called.
ALL = "all"
# An object as far away as this is as unlike as can be: TrackEval's rule that half of it matches.
REACH = 2.0
_AROUND = pl.DataFrame(
    [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)], ["_dx", "_dy"], orient="row"
)


def tracked_objects(
    tracks: pl.DataFrame, max_distance_m: float, *, both: bool = True, by_category: bool = True
) -> Tracked:
    """Return what is compared: each source of a log with its annotation.

    Whatever a box is called, with the category `all`; and by category, as both sides name it.
    Similarity is 1 - distance / (2 · `max_distance_m`), so 0.5 is at that distance.

    Args:
        tracks: Rows of the signal.
        max_distance_m: Centres farther apart than this, in the plane, are never the same object.
        both: Whether only moments count at which both sides have a box of any category.
        by_category: Otherwise only `all`.
    """
    named = numbered(tracks.rename({"category": "named"}))
    rows = named.with_columns(category=pl.lit(ALL))
    if by_category:
        own = named.with_columns(category="named").filter(pl.col("named") != ALL)
        rows = pl.concat([rows, own])
    annotated = pl.col("source") == ANNOTATION
    objects, boxes = rows.filter(annotated), rows.filter(~annotated)
    sources = ["log_id", "source"]
    if both:
        boxes = boxes.join(objects.select("_frame").unique(), on="_frame", how="semi")
    moments = boxes.select(*sources, "_frame").unique()
    categories = pl.concat(
        [
            boxes.select(*sources, "category"),
            objects.select("log_id", "category")
            .unique()
            .join(moments.select(sources).unique(), on="log_id")
            .select(*sources, "category"),
        ]
    ).unique()
    units = units_of(objects, boxes, categories)
    truth = in_units(units, objects, ["log_id", "category"])
    found = in_units(units, boxes, [*sources, "category"])
    if both:
        seen = units.join(moments, on=sources).select("unit", "_frame")
        truth = truth.join(seen, on=["unit", "_frame"], how="semi")
    x, y = (pl.col(name) - pl.col(f"{name}_other") for name in ("x_m", "y_m"))
    reach_m = REACH * max_distance_m
    near = pl.col("_distance_m") < max_distance_m
    pairs = (
        _neighbours(truth, found, reach_m)
        .with_columns(_distance_m=(x * x + y * y).sqrt())
        .with_columns(
            similarity=1 - pl.col("_distance_m") / reach_m, can_match=near, can_identify=near
        )
        .filter(pl.col("similarity") > EPSILON)
    )
    return kept(units, truth, found, pairs)


def _neighbours(truth: pl.DataFrame, found: pl.DataFrame, reach_m: float) -> pl.DataFrame:
    """Join the boxes of an image that are no farther apart than `reach_m`, and some that are.

    By cells of that size, so that a crowded scene is not joined with itself.
    """
    cells = {
        f"_cell_{axis}": (pl.col(f"{axis}_m") / reach_m).floor().cast(pl.Int64) for axis in "xy"
    }
    columns = ("frame", "row", "x_m", "y_m")
    around = (
        found.select(*columns, **cells)
        .join(_AROUND, how="cross")
        .with_columns(
            _cell_x=pl.col("_cell_x") + pl.col("_dx"), _cell_y=pl.col("_cell_y") + pl.col("_dy")
        )
    )
    return truth.select(*columns, **cells).join(
        around, on=["frame", "_cell_x", "_cell_y"], suffix="_other"
    )
