"""What is compared with what when trackers are judged: truth, found boxes, and their pairs.

A unit is what is judged by itself: one source and category of a log. Rows are numbered once, since
the rest is arithmetic with these numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.kernels.assignment import Integers
from metrics_platform.kernels.tracking import Boxes, Pairs, Sequences

ANNOTATION = "annotation"
# Above the numbers of all images and tracks, so that those of two units differ.
_PER_UNIT = 1 << 32
_GONE = -1


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """All that a tracking metric compares.

    Attributes:
        units: Columns `unit`, log_id, source, category; a unit's number is its row.
        truth: Columns `unit`, `frame`, `track`, timestamp_ns, track_id, named (its
            category as the source has it): the objects.
        found: The same of what the source has.
        pairs: `truth` and `found`: their rows; `similarity`, `can_match`, `can_identify`.
    """

    units: pl.DataFrame
    truth: pl.DataFrame
    found: pl.DataFrame
    pairs: pl.DataFrame

    def sequences(self) -> Sequences:
        """Return the numbers alone."""
        columns = {name: self.pairs[name].to_numpy() for name in _PAIR}
        return Sequences(
            truth=_boxes(self.truth),
            found=_boxes(self.found),
            pairs=Pairs(**columns),
            units=len(self.units),
        )


_PAIR = ("truth", "found", "similarity", "can_match", "can_identify")


def _boxes(rows: pl.DataFrame) -> Boxes:
    return Boxes(
        unit=rows["unit"].to_numpy(), frame=rows["frame"].to_numpy(), track=rows["track"].to_numpy()
    )


def numbered(boxes: pl.DataFrame) -> pl.DataFrame:
    """Add `_frame` and `_track`: images and tracks of all logs, in the order of log and time or id.

    Ids that are whole numbers come in the order of the numbers, before all others.
    """
    frames = (
        boxes.select("log_id", "timestamp_ns")
        .unique()
        .sort("log_id", "timestamp_ns")
        .with_columns(_frame=pl.int_range(pl.len()))
    )
    tracks = (
        boxes.select("log_id", "source", "track_id")
        .unique()
        .sort(
            "log_id",
            "source",
            pl.col("track_id").cast(pl.Int64, strict=False),
            "track_id",
            nulls_last=True,
        )
        .with_columns(_track=pl.int_range(pl.len()))
    )
    return boxes.join(frames, on=["log_id", "timestamp_ns"]).join(
        tracks, on=["log_id", "source", "track_id"]
    )


def units_of(truth: pl.DataFrame, found: pl.DataFrame, categories: pl.DataFrame) -> pl.DataFrame:
    """Return a unit for each source of an annotated log and each of the categories.

    Args:
        truth: Has `log_id`; only logs in it can be judged.
        found: Has `log_id` and `source`.
        categories: Column `category`; with those of `found` among its columns, each has its own.
    """
    judged = found.select("log_id", "source").unique().join(truth, on="log_id", how="semi")
    on = [name for name in judged.columns if name in categories.columns]
    crossed = judged.join(categories, on=on) if on else judged.join(categories, how="cross")
    return (
        crossed.select("log_id", "source", "category")
        .sort("log_id", "source", "category")
        .with_columns(unit=pl.int_range(pl.len()))
    )


def in_units(units: pl.DataFrame, boxes: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Return the numbered boxes of each unit, with `unit`, `frame`, `track`, in a fixed order.

    A box that several sources are compared with is there once for each.
    """
    return (
        boxes.join(units.select("unit", *on), on=list(on))
        .with_columns(
            frame=pl.col("unit") * _PER_UNIT + pl.col("_frame"),
            track=pl.col("unit") * _PER_UNIT + pl.col("_track"),
        )
        .sort("frame", "track")
        .with_columns(row=pl.int_range(pl.len()))
    )


def kept(
    units: pl.DataFrame, truth: pl.DataFrame, found: pl.DataFrame, pairs: pl.DataFrame
) -> Tracked:
    """Return what is left of the rows, numbered anew; pairs that lost a side go.

    Args:
        units: See `units_of`.
        truth: See `in_units`.
        found: The same.
        pairs: By `row` and `row_other`, with the columns that `Tracked` wants.
    """
    columns = ("unit", "frame", "track", "timestamp_ns", "track_id", "named")
    objects = _renumbered(truth["row"].to_numpy(), pairs["row"].to_numpy())
    boxes = _renumbered(found["row"].to_numpy(), pairs["row_other"].to_numpy())
    # In a fixed order, so that sums come out the same to the last bit.
    order = np.lexsort((boxes, objects))
    order = order[(objects[order] != _GONE) & (boxes[order] != _GONE)]
    return Tracked(
        units=units,
        truth=truth.select(columns),
        found=found.select(columns),
        pairs=pairs.with_columns(truth=objects, found=boxes).select(_PAIR)[order],
    )


def _renumbered(left: Integers, wanted: Integers) -> Integers:
    """Return where the rows `wanted` stand among those that are left, or that they are gone."""
    rows = 1 + max(left.max(initial=-1), wanted.max(initial=-1))
    place = np.full(rows, _GONE, dtype=np.int64)
    place[left] = np.arange(len(left))
    return place[wanted]


def unjudged(boxes: pl.LazyFrame, *, both: bool = False) -> pl.LazyFrame:
    """Return `log_id` and `reason` of the logs in which no tracker can be judged.

    Args:
        boxes: All that the logs have.
        both: Whether there has to be a moment at which both sides have a box.
    """
    truth, found = pl.col("_truth").any(), pl.col("_found").any()
    annotated = pl.col("source") == ANNOTATION
    together = (pl.col("_truth") & pl.col("_found")).any() if both else pl.lit(True)
    return (
        boxes.group_by("log_id", "timestamp_ns")
        .agg(_truth=annotated.any(), _found=(~annotated).any())
        .group_by("log_id")
        .agg(
            reason=pl.when(~truth)
            .then(pl.lit("nothing is annotated, so there is nothing to compare with"))
            .when(~found)
            .then(pl.lit("there are annotations, and no tracker to compare with them"))
            .when(~together)
            .then(pl.lit("no moment has boxes of both the annotation and a tracker"))
        )
        .filter(pl.col("reason").is_not_null())
    )
