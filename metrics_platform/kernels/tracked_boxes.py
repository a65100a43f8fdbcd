"""What is compared with what when trackers are judged: truth, found boxes, and their pairs.

A unit is what is judged by itself: one source and category of a log. Strings are numbered once, by
Polars; the rest is arithmetic with these numbers, in numpy, since every frame made in between costs
more than a short log does.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.kernels.assignment import Booleans, Floats, Integers
from metrics_platform.kernels.tracking import Boxes, Pairs, Sequences

ANNOTATION = "annotation"
# Above the numbers of all images, so that those of two units differ.
PER_UNIT = 1 << 32


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """Boxes of many logs by numbers, which come in the order of what they stand for.

    Attributes:
        log: Of each box.
        source: Of each box.
        track: Id of each box, whatever the log and source. Ids that are whole numbers come in the
            order of the numbers, before all others.
        category: Of each box, as it is named.
        image: Of each box, in the order of log and time.
        annotated: Whether it is of the annotation.
        logs: What the numbers of the logs stand for.
        sources: The same of the sources.
        categories: The same of the categories.
    """

    log: Integers
    source: Integers
    track: Integers
    category: Integers
    image: Integers
    annotated: Booleans
    logs: pl.Series
    sources: pl.Series
    categories: pl.Series

    def of_source(self, rows: Integers) -> Integers:
        """Return which source of which log has these rows, as a number."""
        return self.log[rows] * len(self.sources) + self.source[rows]


@dataclass(frozen=True, kw_only=True)
class Side:
    """Boxes of one side, sorted by unit, image and track; `row` is that of the boxes' frame.

    A box that several sources are compared with is there once for each.
    """

    row: Integers
    unit: Integers
    frame: Integers
    track: Integers

    def only(self, left: Booleans) -> "Side":
        """Return those that are left."""
        return Side(
            row=self.row[left],
            unit=self.unit[left],
            frame=self.frame[left],
            track=self.track[left],
        )


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """All that a tracking metric compares.

    Attributes:
        units: Columns log_id, source, category; a unit's number is its row.
        sequences: The numbers alone.
        truth_row: Of each box of the truth, its row in the frame of the boxes.
        found_row: The same for the found boxes.
    """

    units: pl.DataFrame
    sequences: Sequences
    truth_row: Integers
    found_row: Integers


def numbered(boxes: pl.DataFrame) -> Numbered:
    """Return the numbers of the rows of `image_boxes` or `tracks`."""
    ids = pl.col("track_id").unique().sort()
    whole = ids.cast(pl.Int64, strict=False)
    names = boxes.select(
        pl.col("log_id", "source", "category").unique().sort().implode(),
        ids.sort_by(whole, nulls_last=True, maintain_order=True).implode(),
    )

    def number(column: str) -> tuple[Integers, pl.Series]:
        known: pl.Series = names[column][0]
        return boxes[column].cast(pl.Enum(known)).to_physical().to_numpy().astype(np.int64), known

    log, logs = number("log_id")
    source, sources = number("source")
    category, categories = number("category")
    track, _ = number("track_id")
    time = boxes["timestamp_ns"].to_numpy()
    order = np.lexsort((time, log))
    image = np.empty(len(order), dtype=np.int64)
    image[order] = np.cumsum(_changes(log[order]) | _changes(time[order]))
    return Numbered(
        log=log,
        source=source,
        track=track,
        category=category,
        image=image,
        annotated=np.array([name == ANNOTATION for name in sources], np.bool_)[source],
        logs=logs,
        sources=sources,
        categories=categories,
    )


def _changes(values: Integers) -> Booleans:
    changes: Booleans = np.diff(values, prepend=values[:1]) != 0
    return changes


def equal(left: Integers, right: Integers) -> tuple[npt.NDArray[np.intp], Integers]:
    """Return the positions of all pairs of equal values; `right` is sorted."""
    return between(left, left, right)


def between(
    least: Integers, most: Integers, values: Integers
) -> tuple[npt.NDArray[np.intp], Integers]:
    """Return, for each range, its position and those of the sorted `values` in it, one by one."""
    start = np.searchsorted(values, least, side="left")
    count = np.searchsorted(values, most, side="right") - start
    first = np.cumsum(count) - count
    at = np.repeat(np.arange(len(least)), count)
    return at, np.repeat(start - first, count) + np.arange(len(at))


def in_units(known: Numbered, row: Integers, unit: Integers) -> Side:
    """Return the boxes `row` of the units they are in, in order."""
    order = np.lexsort((known.track[row], known.image[row], unit))
    row, unit = row[order], unit[order]
    return Side(
        row=row, unit=unit, frame=unit * PER_UNIT + known.image[row], track=known.track[row]
    )


def units_of(known: Numbered, units: Integers, categories: list[str]) -> pl.DataFrame:
    """Return what is judged, from numbers of sources times the number of categories and category.

    Args:
        known: All boxes.
        units: Sorted, without repetition.
        categories: What their numbers stand for.
    """
    of_source, category = np.divmod(units, len(categories))
    log, source = np.divmod(of_source, max(len(known.sources), 1))
    names = pl.Series(categories, dtype=pl.String)
    return pl.DataFrame(
        {"log_id": known.logs[log], "source": known.sources[source], "category": names[category]}
    )


def kept(
    truth: Side, found: Side, pairs: Pairs, judged: Booleans, counted: Booleans
) -> tuple[Side, Side, Pairs]:
    """Return what is left of both sides; pairs that lost a box go.

    Args:
        truth: Boxes that `pairs` are of.
        found: The same.
        pairs: In the order of their boxes.
        judged: Which of `truth` are left.
        counted: Which of `found` are left.
    """
    both = judged[pairs.truth] & counted[pairs.found]
    left = Pairs(
        truth=(np.cumsum(judged) - 1)[pairs.truth[both]],
        found=(np.cumsum(counted) - 1)[pairs.found[both]],
        similarity=pairs.similarity[both],
        can_match=pairs.can_match[both],
        can_identify=pairs.can_identify[both],
    )
    return truth.only(judged), found.only(counted), left


def compared(units: pl.DataFrame, truth: Side, found: Side, pairs: Pairs) -> Tracked:
    """Return what is compared, of `units_of`, both sides and their pairs."""
    return Tracked(
        units=units,
        sequences=Sequences(
            truth=_boxes(truth), found=_boxes(found), pairs=pairs, units=len(units)
        ),
        truth_row=truth.row,
        found_row=found.row,
    )


def _boxes(side: Side) -> Boxes:
    """Return the numbers of a side, those of the tracks without gaps."""
    ids = side.unit * (side.track.max(initial=0) + 1) + side.track
    _, track = np.unique(ids, return_inverse=True)
    return Boxes(unit=side.unit, frame=side.frame, track=track.astype(np.int64))


def box_columns(boxes: pl.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Return these columns as an array with a row for each of them."""
    return np.stack([boxes[column].to_numpy() for column in columns])


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
        boxes.group_by("log_id", *(["timestamp_ns"] if both else []))
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
