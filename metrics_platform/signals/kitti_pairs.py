"""Detections beside the objects that they may have found: what KITTI's figures are made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.kernels.box_matching import nearest_free
from metrics_platform.kernels.kitti_rules import KittiRules
from metrics_platform.kernels.smoothing import Floats, Integers

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class KittiPairs:
    """Objects and detections of one class that overlap by more than it wants.

    A detection that is too small for a difficulty, of whatever class, is ignored there: it may find
    an object, but neither counts nor competes with those that do.

    Attributes:
        truth: Row of the object in `truths`, ascending; those of one frame in the order of their
            ids.
        detection: Row of the detection in `detections`, in the same order.
        boxes: All boxes as they were given.
        streams: `stream`, the number of a log and source that has detections, and their names.
        truths: All objects, one behind another for each stream: `row` among the boxes, `stream`,
            `frame`, `class` (number of the own class, or of that it is a neighbour of; -1 for none)
            and `level` (number of the least difficulty at which it is to be found; null if it
            never is).
        detections: The same of the detections, `height_px` and `score`; `level` is the least at
            which it counts.
        iou: By view.
    """

    rules: KittiRules
    truth: Integers
    detection: Integers
    boxes: pl.DataFrame
    streams: pl.DataFrame
    truths: pl.DataFrame
    detections: pl.DataFrame
    iou: dict[str, Floats]

    def seen(self, view: str, level: int) -> "SeenPairs":
        """Return the pairs that a view and difficulty have."""
        heights = [height for height, *_ in self.rules.levels.values()]
        least = np.array(list(self.rules.min_iou.values()))
        wanted = self.wanted(level)[self.truth]
        height = self.detections["height_px"].to_numpy()[self.detection]
        counts = self._own & (height >= heights[level])
        there = (counts | (height < heights[level])) & (self.iou[view] > least[self._classes])
        return SeenPairs(
            truth=self.truth[there],
            detection=self.detection[there],
            claim=self._claim[there],
            iou=self.iou[view][there],
            score=self.detections["score"].to_numpy()[self.detection[there]],
            wanted=wanted[there],
            counts=counts[there],
        )

    def wanted(self, level: int) -> Booleans:
        """Return which objects are to be found at a difficulty."""
        return _at_most(self.truths["level"], level)

    def counting(self, level: int) -> Booleans:
        """Return which detections count at a difficulty."""
        return _at_most(self.detections["level"], level)

    @cached_property
    def _classes(self) -> Integers:
        return integers(self.truths, "class")[self.truth]

    @cached_property
    def _own(self) -> Booleans:
        return np.asarray(integers(self.detections, "class")[self.detection] == self._classes)

    @cached_property
    def _claim(self) -> Integers:
        return np.asarray(self.detection * len(self.rules.min_iou) + self._classes)


@dataclass(frozen=True, kw_only=True)
class SeenPairs:
    """Pairs of a view and difficulty.

    Attributes:
        truth: As in `KittiPairs`.
        detection: As in `KittiPairs`.
        claim: Number of the detection and class: a small one is there for each class by itself.
        iou: In this view.
        score: Of the detection.
        wanted: Whether the object is to be found.
        counts: Whether the detection counts; otherwise it is ignored.
    """

    truth: Integers
    detection: Integers
    claim: Integers
    iou: Floats
    score: Floats
    wanted: Booleans
    counts: Booleans

    def of(self, chosen: Booleans | Integers) -> "SeenPairs":
        """Return some of them."""
        return SeenPairs(**{name: values[chosen] for name, values in vars(self).items()})

    def chosen(self, *wish: Floats, matching: Integers | None = None) -> Integers:
        """Return the pairs that come about if objects choose in their order.

        Args:
            wish: What an object would least do without, first; then the first detection.
            matching: Number of the matching of each pair; each is made by itself.
        """
        order = np.lexsort((self.detection, *wish[::-1], self.truth))
        chooser, target = self.truth, self.claim
        if matching is not None:
            order = order[np.argsort(matching[order], kind="stable")]
            chooser = matching * (chooser.max(initial=0) + 1) + chooser
            target = matching * (target.max(initial=0) + 1) + target
        chooser, target = (_compact(values) for values in (chooser[order], target[order]))
        count = (int(chooser.max(initial=-1)) + 1, int(target.max(initial=-1)) + 1)
        matches = nearest_free(chooser, target, *count)
        return np.asarray(order[matches[chooser] == target])


def integers(boxes: pl.DataFrame, name: str) -> Integers:
    """Return a column of whole numbers."""
    values: Integers = boxes[name].to_numpy().astype(np.int64)
    return values


def _at_most(levels: pl.Series, level: int) -> Booleans:
    values: Booleans = (levels <= level).fill_null(value=False).to_numpy().copy()
    return values


def _compact(values: Integers) -> Integers:
    _, number = np.unique(values, return_inverse=True)
    return number.astype(np.int64)
