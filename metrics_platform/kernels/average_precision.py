"""Precision against recall of many detectors and classes at once, as benchmarks sample it.

A group is what one curve is drawn of: the detections of one class, most confident first. Numpy,
not Polars: a curve is interpolated at fixed recalls, which Polars would do group by group. Recalls
are fractions of small numbers, and compared as such, so no rounding decides on which side of a step
a sample lies; running sums never cross from one group to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.kernels.smoothing import Floats, Integers

# As nuScenes and Argoverse 2 have it.
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Detections of all groups, one group behind another, the most confident first.

    Attributes:
        hits: Whether a detection found an object.
        starts: Where each group begins, and the number of detections, as `group_starts` has it.
        truths: Number of objects to be found in each group, at least 1.
    """

    hits: npt.NDArray[np.bool_]
    starts: Integers
    truths: Integers

    @cached_property
    def group(self) -> Integers:
        """Return the number of the group of each detection."""
        return np.repeat(np.arange(len(self.truths)), np.diff(self.starts))

    @cached_property
    def found(self) -> Integers:
        """Return the hits of the group up to each detection."""
        total = np.cumsum(self.hits)
        found: Integers = total - np.append(0, total)[self.starts[:-1]][self.group]
        return found

    @cached_property
    def precision(self) -> Floats:
        """Return the share of hits up to each detection."""
        place = np.arange(len(self.hits)) - self.starts[:-1][self.group] + 1
        precision: Floats = self.found / place
        return precision

    @cached_property
    def hits_of_group(self) -> Integers:
        """Return the number of hits of each group."""
        return np.bincount(self.group, weights=self.hits, minlength=len(self.truths)).astype(
            np.int64
        )

    def at_recalls(self, values: Sequence[Floats]) -> list[Floats]:
        """Return each of `values` at `RECALLS`, of shape (groups, recalls).

        Linear between detections; 0 beyond the recall of the last; before the recall of the
        first, its value. Where the recall stays the same, the last detection counts: numpy's
        `interp`, with `right=0`.

        Args:
            values: Columns, one value for each detection.
        """
        truths, hits = self.truths[:, None], self.hits_of_group[:, None]
        if not len(self.hits):
            return [np.zeros((len(truths), len(RECALLS))) for _ in values]
        # The greatest number of hits whose recall is not beyond the sample.
        least = np.floor(RECALLS * truths).astype(np.int64)
        least += (least + 1) / truths <= RECALLS
        least -= least / truths > RECALLS
        begins, ends = self.starts[:-1, None], self.starts[1:, None]
        within = least < hits
        at_hits = np.append(np.flatnonzero(self.hits), 0)
        before_group = np.cumsum(hits, axis=0) - hits
        after = np.where(within, at_hits[np.where(within, before_group + least, -1)], ends - 1)
        before = np.where(within, np.maximum(after - 1, begins), after).clip(0)
        after = after.clip(0)
        share = (RECALLS - least / truths) / ((least + 1) / truths - least / truths)
        beyond = (hits / truths < RECALLS) | (begins == ends)
        return [
            np.where(
                beyond,
                0.0,
                column[before] + np.where(within, share, 0) * (column[after] - column[before]),
            )
            for column in values
        ]


def running_mean(values: Floats, group: Integers) -> Floats:
    """Return the mean of the values of the group so far, NaN left out; 0 as long as all are.

    Args:
        values: Any number of them may be NaN.
        group: Of each value.
    """
    known = pl.col("value").is_not_nan()
    total = pl.when(known).then("value").otherwise(0.0).cum_sum().over("group")
    count = known.cast(pl.Int64).cum_sum().over("group")
    frame = pl.DataFrame({"value": values, "group": group})
    mean = pl.when(count > 0).then(total / count).otherwise(0.0)
    result: Floats = frame.select(mean).to_series().to_numpy()
    return result


def greatest_from_here(values: Floats, group: Integers) -> Floats:
    """Return the greatest value of the group from each row to its end."""
    frame = pl.DataFrame({"value": values, "group": group})
    greatest = pl.col("value").cum_max(reverse=True).over("group")
    result: Floats = frame.select(greatest).to_series().to_numpy()
    return result


def at_confidences(
    confidences: Floats, scores: Floats, values: Sequence[Floats], group: Integers
) -> list[Floats]:
    """Return `values`, given at descending `scores`, at the `confidences` of their group.

    Linear between scores; beyond the ends, the value at the end. Of equal scores the first counts.

    Args:
        confidences: Shape (groups, samples).
        scores: Descending in each group.
        values: Columns, one value for each score.
        group: Of each score, ascending.
    """
    groups, samples = confidences.shape
    if not len(scores):
        return [np.zeros((groups, samples)) for _ in values]
    # Whole numbers in the order of the scores: groups can be searched in one go, to the last bit.
    levels, level = np.unique(np.append(scores, confidences.ravel()), return_inverse=True)
    key = (group + 1) * len(levels) - level[: len(scores)]
    wanted = (np.repeat(np.arange(groups), samples) + 1) * len(levels) - level[len(scores) :]
    ends = np.searchsorted(group, np.arange(groups), side="right")
    begins = np.searchsorted(group, np.arange(groups), side="left")
    at = np.searchsorted(key, wanted).reshape(groups, samples)
    below = np.minimum(at, ends[:, None] - 1).clip(0)
    above = np.where(at < ends[:, None], np.maximum(at - 1, begins[:, None]), below)
    span = scores[above] - scores[below]
    share = np.where(span > 0, (confidences - scores[below]) / np.where(span > 0, span, 1.0), 0.0)
    return [column[below] + share * (column[above] - column[below]) for column in values]
