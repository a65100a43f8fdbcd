"""Detections beside the objects that they may have found: what KITTI's figures are made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.core import Rows
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.box_matching import nearest_free, pairs_within
from metrics_platform.kernels.box_overlap import ious
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
# Boxes that are looked at together, some 100 MB with all that is made of them.
_BOXES = 200_000
# Of centres, whatever the rounding.
_SLACK = 1 + 1e-9


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
    judged = logs.filter("truths", "detections").select("log_id").sort("log_id")
    rows = (
        image_boxes.join(judged.with_row_index("log"), on="log_id")
        .filter(~pl.col("ignored"))
        .select("log", *_OTHERS, *_SPACE, annotated=is_truth)
        .map_batches(
            lambda frame: pl.concat(
                made(_paired(block, rules)).select(schema.names()) for block in _blocks(frame)
            ),
            schema=schema,
        )
    )
    return Rows(rows, pl.concat([reason.select("log_id", "reason") for reason in reasons]))


def _blocks(boxes: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the boxes of some logs after those of others."""
    logs = (boxes.select(pl.col("log").max()).item() or 0) + 1
    count = max(1, len(boxes) // _BOXES)
    block = pl.col("log").cast(pl.Int64) * count // logs
    for number in range(count):
        yield boxes.filter(block == number)


def integers(boxes: pl.DataFrame, name: str) -> Integers:
    """Return a column of whole numbers."""
    values: Integers = boxes[name].to_numpy().astype(np.int64)
    return values


def _paired(boxes: pl.DataFrame, rules: KittiRules) -> KittiPairs:
    sources = boxes.select(pl.col("source").unique()).sort("source").with_row_index("_source")
    boxes = boxes.join(sources, on="source", how="left", maintain_order="left")
    # A detector of boxes in images is not one that finds nothing in space.
    spatial = boxes.lazy().filter(~pl.col("annotated") & _PLACED)
    streams = spatial.select("log", "_source").unique().sort("log", "_source").collect()
    streams = streams.with_row_index("stream")
    names = spatial.group_by("log", "_source").agg(pl.col("log_id", "source").first()).collect()
    named = streams.join(names, on=["log", "_source"]).select("stream", "log_id", "source")
    own = {name: number for number, name in enumerate(rules.min_iou)}
    neighbours = {other: own[name] for name, other in rules.neighbours.items()}
    number = pl.col("category").str.to_lowercase()
    number = number.replace_strict(own | neighbours, default=-1, return_dtype=pl.Int64)
    is_neighbour = pl.col("category").str.to_lowercase().is_in(list(neighbours))
    keys = numbered(boxes.select("track_id"), "order", "track_id")["order"]
    narrow = boxes.select(
        "log", "_source", "timestamp_ns", "annotated", "height_px", "occlusion_index",
        "truncation_index", keys, pl.col("score").fill_null(1.0), is_neighbour.alias("neighbour"),
        number.alias("class"),
    ).with_row_index("row")  # fmt: skip
    is_own = ~pl.col("neighbour") & (pl.col("class") >= 0)
    truths = narrow.filter("annotated").join(streams.drop("_source"), on="log").with_columns(
        level=pl.when(is_own).then(_least_level(rules, hidden=True))
    )  # fmt: skip
    detections = narrow.filter(~pl.col("annotated")).join(streams, on=["log", "_source"])
    detections = detections.with_columns(
        pl.when(is_own).then("class").otherwise(-1).alias("class"),
        level=pl.when(is_own).then(_least_level(rules, hidden=False)),
    )
    moments = pl.concat([part.select("stream", "timestamp_ns") for part in (truths, detections)])
    moments = moments.unique().sort("stream", "timestamp_ns").with_row_index("frame")
    kept = ["row", "stream", "frame", "class", "level", "height_px", "score"]
    truths, detections = (
        part.join(moments, on=["stream", "timestamp_ns"]).sort("frame", "order").select(kept)
        for part in (truths, detections)
    )
    truth, detection, iou = _overlapping(boxes, truths, detections, rules)
    return KittiPairs(
        rules=rules,
        truth=truth,
        detection=detection,
        boxes=boxes,
        streams=named,
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
    boxes: pl.DataFrame, truths: pl.DataFrame, detections: pl.DataFrame, rules: KittiRules
) -> tuple[Integers, Integers, dict[str, Floats]]:
    """Return the pairs that overlap by more than the class of the object wants, seen from above.

    In space they overlap by less. Boxes that share more than half of what they cover together hold
    the centres of each other: a line through a centre that has the other box on one side leaves it
    at most half of the own.
    """
    greatest = max(height for height, *_ in rules.levels.values())
    placed = boxes.select(_PLACED).to_series().to_numpy()
    place = boxes.select(_SPACE).to_numpy()
    rows, of_class = (
        [integers(frame, name) for frame in (truths, detections)] for name in ("row", "class")
    )
    small = detections["height_px"].to_numpy() < greatest
    truth = np.flatnonzero(placed[rows[0]] & (of_class[0] >= 0))
    detection = np.flatnonzero(placed[rows[1]] & ((of_class[1] >= 0) | small))
    radius = np.hypot(place[:, 2], place[:, 3]) / 2 * _SLACK
    own, other = rows[0][truth], rows[1][detection]
    reach = min(radius[own].max(initial=0.0), radius[other].max(initial=0.0))
    first, second, distance = pairs_within(
        place[own, :2],
        integers(truths, "frame")[truth],
        place[other, :2],
        integers(detections, "frame")[detection],
        max(reach, _SLACK - 1),
    )
    near = distance < np.minimum(radius[own[first]], radius[other[second]])
    truth, detection = truth[first[near]], detection[second[near]]
    likely = small[detection] | (of_class[0][truth] == of_class[1][detection])
    truth, detection = truth[likely], detection[likely]
    ground, space = ious(place[rows[0][truth]], place[rows[1][detection]])
    enough = np.flatnonzero(ground > np.array(list(rules.min_iou.values()))[of_class[0][truth]])
    enough = enough[np.lexsort((detection[enough], truth[enough]))]
    return truth[enough], detection[enough], {"ground": ground[enough], "space": space[enough]}


def _at_most(levels: pl.Series, level: int) -> Booleans:
    values: Booleans = (levels <= level).fill_null(value=False).to_numpy().copy()
    return values


def _compact(values: Integers) -> Integers:
    _, number = np.unique(values, return_inverse=True)
    return number.astype(np.int64)
