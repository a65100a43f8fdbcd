"""What is tracked in images and what is tracked in space, for metrics that look at both."""

from collections.abc import Callable

import polars as pl

from metrics_platform.kernels.clear_mot import Convention
from metrics_platform.kernels.tracked_boxes import Tracked, unjudged
from metrics_platform.kernels.tracked_images import image_rules, judged_boxes, tracked_images
from metrics_platform.kernels.tracked_objects import CONVENTION, tracked_objects

IMAGE, SPACE = "image", "space"
Told = Callable[[str, pl.DataFrame, Tracked, Convention], pl.DataFrame]


def in_views(
    image_boxes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    told: Told,
    schema: pl.Schema,
    *,
    configuration: str,
    max_distance_m: float,
    both_sides: bool,
) -> pl.LazyFrame:
    """Return what `told` makes of both views: of its name, its boxes, what of them is compared.

    Args:
        image_boxes: Of the annotation and of the trackers.
        tracks: Annotated and tracked road users, by whatever category.
        told: Returns a frame of `schema`.
        schema: Of the result.
        configuration: See `IMAGE_RULES`.
        max_distance_m: See `tracked_objects`.
        both_sides: The same.
    """
    rules = image_rules(configuration)

    def in_images(boxes: pl.DataFrame) -> pl.DataFrame:
        compared = tracked_images(boxes, rules)
        return told(IMAGE, boxes.filter("tracked"), compared, rules.convention)

    def in_space(boxes: pl.DataFrame) -> pl.DataFrame:
        compared = tracked_objects(boxes, max_distance_m, both=both_sides, by_category=False)
        return told(SPACE, boxes, compared, CONVENTION)

    return pl.concat(
        boxes.map_batches(
            function,
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            schema=schema,
        )
        for boxes, function in ((image_boxes, in_images), (tracks, in_space))
    )


def judged_in_neither(
    recordings: pl.LazyFrame, image_boxes: pl.LazyFrame, tracks: pl.LazyFrame, both_sides: bool
) -> pl.LazyFrame:
    """Return `log_id` and `reason` of the logs without anything to compare in either view."""
    boxes = judged_boxes(image_boxes)
    reasons = [
        (unjudged(view, both=both).with_columns(pl.format(name + ": {}", "reason")), view)
        for name, view, both in (("images", boxes, False), ("tracks", tracks, both_sides))
    ]
    neither = recordings.select("log_id")
    for reason, view in reasons:
        judged = view.select("log_id").unique().join(reason, on="log_id", how="anti")
        neither = neither.join(judged, on="log_id", how="anti")
    told = pl.concat([reason for reason, _ in reasons]).group_by("log_id").agg(
        pl.col("reason").sort().str.join("; ")
    )  # fmt: skip
    return neither.join(told, on="log_id", how="left").with_columns(
        pl.col("reason").fill_null("it has neither tracks nor boxes in images")
    )
