"""From the boxes of images to pairs of an object and a detection, for all logs."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from metrics_platform.core import Rows
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.box_matching import pairs_within
from metrics_platform.kernels.box_overlap import ious
from metrics_platform.kernels.kitti_rules import KITTI_CONFIGURATIONS, KittiRules
from metrics_platform.kernels.numbering import numbered
from metrics_platform.kernels.smoothing import Floats, Integers
from metrics_platform.signals.kitti_pairs import KittiPairs, integers

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
