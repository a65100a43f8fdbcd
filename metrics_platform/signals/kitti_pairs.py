"""Detections beside the objects that they may have found: what KITTI's figures are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.core import Rows
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.box_matching import nearest_free, pairs_within
from metrics_platform.kernels.box_overlap import ground_iou, space_iou
from metrics_platform.kernels.kitti_rules import KITTI_CONFIGURATIONS, KittiRules
from metrics_platform.kernels.numbering import numbered
from metrics_platform.kernels.smoothing import Floats, Integers

Booleans = npt.NDArray[np.bool_]

_GROUND = ("x_m", "y_m", "length_m", "width_m", "heading_rad")
_SPACE = (*_GROUND, "z_m", "height_m")
_PLACED = pl.all_horizontal(pl.col(name).is_not_null() for name in _SPACE)
_OTHERS = (
    "log_id", "source", "timestamp_ns", "track_id", "category", "score", "height_px",
    "occlusion_index", "truncation_index",
)  # fmt: skip
# Of centres, whatever the rounding.
_SLACK = 1 + 1e-9


@dataclass(frozen=True, kw_only=True)
class KittiPairs:
    """Objects and detections of one class that overlap by more than it wants.

    A detection that is too small for a difficulty, of whatever class, is ignored there: it may find
    an object, but neither counts nor competes with those that do.

    Attributes:
        truth: Row of the object, ascending; those of one frame in the order of their ids.
        detection: Row of the detection, in the same order.
        truths: All objects, one behind another for each source of detections, with `class_name`
            (of the object, or of its neighbour), `level` (number of the least difficulty at which
            it is to be found; null if it never is), `frame` and `stream` (log and source).
        detections: The same of the detections; `level` is the least at which it counts.
        iou: By view.
    """

    rules: KittiRules
    truth: Integers
    detection: Integers
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
        return class_numbers(self.truths, self.rules)[self.truth]

    @cached_property
    def _own(self) -> Booleans:
        own: Booleans = class_numbers(self.detections, self.rules)[self.detection] == self._classes
        return own

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


def kitti_rows(
    image_boxes: pl.LazyFrame,
    configuration: str,
    truth: str,
    made: Callable[[KittiPairs], pl.DataFrame],
    schema: pl.Schema,
) -> Rows:
    """Return what is `made` of the pairs of all logs; logs without boxes in space abstain.

    Raises:
        UnknownNameError: There is no such configuration.
    """
    if configuration not in KITTI_CONFIGURATIONS:
        raise UnknownNameError("configuration", configuration, KITTI_CONFIGURATIONS)
    rules = KITTI_CONFIGURATIONS[configuration]
    is_truth = pl.col("source") == truth
    logs = image_boxes.group_by("log_id").agg(
        truths=(is_truth & _PLACED).any(), detections=(~is_truth & _PLACED).any()
    )
    reasons = [
        logs.filter(~pl.col("truths")).with_columns(
            reason=pl.lit(f"no box of the source {truth!r} has a place in space")
        ),
        logs.filter("truths", ~pl.col("detections")).with_columns(
            reason=pl.lit(
                f"nothing to judge: no box of another source than {truth!r} has a place in space"
            )
        ),
    ]
    judged = logs.filter("truths", "detections").select("log_id")
    rows = (
        image_boxes.join(judged, on="log_id")
        .filter(~pl.col("ignored"))
        .select(*_OTHERS, *_SPACE, annotated=is_truth)
        .map_batches(
            lambda frame: made(_paired(frame, rules)).select(schema.names()), schema=schema
        )
    )
    return Rows(rows, pl.concat([reason.select("log_id", "reason") for reason in reasons]))


def class_numbers(boxes: pl.DataFrame, rules: KittiRules) -> Integers:
    """Return the number of the class of each box, in the order of the rules; -1 for none."""
    numbers = {name: number for number, name in enumerate(rules.min_iou)}
    number = pl.col("class_name").replace_strict(numbers, default=-1, return_dtype=pl.Int64)
    values: Integers = boxes.select(number).to_series().to_numpy()
    return values


def _paired(boxes: pl.DataFrame, rules: KittiRules) -> KittiPairs:
    name = pl.col("category").str.to_lowercase()
    boxes = numbered(boxes.with_columns(name=name), "order", "track_id")
    # A detector of boxes in images is not one that finds nothing in space.
    streams = boxes.filter(~pl.col("annotated") & _PLACED).select("log_id", "source")
    streams = streams.unique().sort("log_id", "source").with_row_index("stream")
    classes = {name: name for name in rules.min_iou}
    neighbours = {other: name for name, other in rules.neighbours.items()}
    truths = (
        boxes.filter("annotated").drop("source", "score").join(streams, on="log_id")
    ).with_columns(
        class_name=pl.col("name").replace_strict(
            classes | neighbours, default=None, return_dtype=pl.String
        ),
        level=pl.when(pl.col("name").is_in(list(classes))).then(
            _least_level(rules, hidden=True)
        ),
    )  # fmt: skip
    detections = (
        boxes.filter(~pl.col("annotated"))
        .join(streams, on=["log_id", "source"])
        .with_columns(
            pl.col("score").fill_null(1.0),
            class_name=pl.col("name").replace_strict(classes, default=None, return_dtype=pl.String),
        )
        .with_columns(
            level=pl.when(pl.col("class_name").is_not_null()).then(
                _least_level(rules, hidden=False)
            )
        )
    )
    moments = pl.concat([part.select("stream", "timestamp_ns") for part in (truths, detections)])
    moments = moments.unique().sort("stream", "timestamp_ns").with_row_index("frame")
    truths, detections = (
        part.join(moments, on=["stream", "timestamp_ns"]).sort("frame", "order")
        for part in (truths, detections)
    )
    truth, detection, iou = _overlapping(truths, detections, rules)
    return KittiPairs(
        rules=rules,
        truth=truth,
        detection=detection,
        truths=truths,
        detections=detections,
        iou=iou,
    )


def _least_level(rules: KittiRules, *, hidden: bool) -> pl.Expr:
    """Return the number of the least difficulty that admits a box, null if none does."""
    found = pl.lit(None, pl.Int64)
    for number, (height, occlusion, truncation) in reversed(list(enumerate(rules.levels.values()))):
        fits = pl.col("height_px") >= height
        if hidden:
            fits &= pl.col("occlusion_index").fill_null(0) <= occlusion
            fits &= pl.col("truncation_index").fill_null(0) <= truncation
        found = pl.when(fits).then(number).otherwise(found)
    return found


def _overlapping(
    truths: pl.DataFrame, detections: pl.DataFrame, rules: KittiRules
) -> tuple[Integers, Integers, dict[str, Floats]]:
    """Return the pairs that overlap by more than the class of the object wants, seen from above.

    In space they overlap by less. Boxes that share more than half of what they cover together hold
    the centres of each other: a line through a centre that has the other box on one side leaves it
    at most half of the own.
    """
    greatest = max(height for height, *_ in rules.levels.values())
    able = [
        _PLACED & pl.col("class_name").is_not_null(),
        _PLACED & (pl.col("class_name").is_not_null() | (pl.col("height_px") < greatest)),
    ]
    chosen = [
        np.flatnonzero(frame.select(which).to_series().to_numpy())
        for frame, which in zip((truths, detections), able, strict=True)
    ]
    own, other = (
        frame[rows].select(_SPACE).to_numpy()
        for frame, rows in zip((truths, detections), chosen, strict=True)
    )
    radii = [np.hypot(boxes[:, 2], boxes[:, 3]) / 2 * _SLACK for boxes in (own, other)]
    frames = [
        frame["frame"].to_numpy().astype(np.int64)[rows]
        for frame, rows in zip((truths, detections), chosen, strict=True)
    ]
    reach = min(radius.max(initial=0.0) for radius in radii)
    first, second, distance = pairs_within(
        own[:, :2], frames[0], other[:, :2], frames[1], max(reach, 1e-9)
    )
    numbers = [class_numbers(frame, rules) for frame in (truths, detections)]
    truth, detection = chosen[0][first], chosen[1][second]
    small = detections["height_px"].to_numpy()[detection] < greatest
    near = distance < np.minimum(radii[0][first], radii[1][second])
    near &= small | (numbers[0][truth] == numbers[1][detection])
    first, second = first[near], second[near]
    truth, detection = truth[near], detection[near]
    ground = ground_iou(own[first, :5], other[second, :5])
    least = np.array(list(rules.min_iou.values()))
    enough = np.flatnonzero(ground > least[numbers[0][truth]])
    enough = enough[np.lexsort((detection[enough], truth[enough]))]
    space = space_iou(own[first[enough]], other[second[enough]])
    return truth[enough], detection[enough], {"ground": ground[enough], "space": space}


def _at_most(levels: pl.Series, level: int) -> Booleans:
    values: Booleans = (levels <= level).fill_null(value=False).to_numpy().copy()
    return values


def _compact(values: Integers) -> Integers:
    _, number = np.unique(values, return_inverse=True)
    return number.astype(np.int64)
