"""Which boxes of images are compared, after the rules of the image benchmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.assignment import best_matching
from metrics_platform.kernels.clear_mot import CONVENTIONS, Convention
from metrics_platform.kernels.overlap import OTHER, image_coverage, image_iou
from metrics_platform.kernels.tracked_boxes import (
    ANNOTATION,
    Tracked,
    in_units,
    kept,
    numbered,
    units_of,
)
from metrics_platform.kernels.tracking import EPSILON


@dataclass(frozen=True, kw_only=True)
class Class:
    """Categories, in lower case, that have to do with the one that is judged.

    Attributes:
        distractors: Objects so like it that finding one is neither right nor wrong.
        others: Objects that a found box may well be matched to, which is wrong all the same.
    """

    distractors: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageRules:
    """A benchmark's rules on what counts, and how.

    Attributes:
        convention: Of CLEAR MOT.
        classes: Judged category, in lower case, to what has to do with it.
        min_iou_ratio: Boxes that overlap less are not the same.
        match_margin: Below it by so much still matches: for rounding, or as it is rounded.
        identity_margin: The same for the identity measures.
        max_truncation_index: An object that is cut off further counts as a distractor.
        max_occlusion_index: An object that is hidden further counts as a distractor.
        min_height_px: A box of at most this height that matches nothing is not counted.
        max_ignored_ratio: Nor one of which a greater part lies in a region to ignore.
    """

    convention: Convention
    classes: Mapping[str, Class]
    min_iou_ratio: float = 0.5
    match_margin: float
    identity_margin: float
    max_truncation_index: int | None = None
    max_occlusion_index: int | None = None
    min_height_px: float | None = None
    max_ignored_ratio: float | None = None


_MOT_CHALLENGE = MappingProxyType(
    {
        "pedestrian": Class(
            distractors=("person_on_vehicle", "static_person", "distractor", "reflection"),
            others=(
                "car", "bicycle", "motorbike", "non_mot_vehicle", "occluder",
                "occluder_on_ground", "occluder_full", "crowd",
            ),
        )
    }
)  # fmt: skip

# A name never changes its meaning.
IMAGE_RULES = MappingProxyType(
    {
        # TrackEval 1's Kitti2DBox, after the KITTI tracking benchmark.
        "trackeval_kitti_2d_box": ImageRules(
            convention=CONVENTIONS["trackeval_1"],
            classes=MappingProxyType(
                {
                    "car": Class(distractors=("van",)),
                    "pedestrian": Class(distractors=("person", "person_sitting")),
                }
            ),
            match_margin=EPSILON,
            identity_margin=0.0,
            max_truncation_index=0,
            max_occlusion_index=2,
            min_height_px=25.0,
            max_ignored_ratio=0.5,
        ),
        # TrackEval 1's MotChallenge2DBox; in MOT15 nothing is a distractor.
        "trackeval_mot_challenge_2d_box": ImageRules(
            convention=CONVENTIONS["trackeval_1"],
            classes=_MOT_CHALLENGE,
            match_margin=EPSILON,
            identity_margin=0.0,
        ),
        # motmetrics takes distances 1 - IoU of at most 0.5, and an IoU of 0.5 - 2**-54, the next
        # number below, gives one half by rounding.
        "motmetrics_mot_challenge": ImageRules(
            convention=CONVENTIONS["motmetrics_1"],
            classes=_MOT_CHALLENGE,
            match_margin=2.0**-54,
            identity_margin=2.0**-54,
        ),
    }
)

_BOX = ("left_px", "top_px", "width_px", "height_px")


def image_rules(configuration: str) -> ImageRules:
    """Return the rules of this name.

    Raises:
        UnknownNameError: There are none.
    """
    if configuration not in IMAGE_RULES:
        raise UnknownNameError("configuration", configuration, IMAGE_RULES)
    return IMAGE_RULES[configuration]


def judged_boxes(boxes: pl.LazyFrame) -> pl.LazyFrame:
    """Return the boxes that show that a log has an annotation, be it of nothing, or a tracker."""
    return boxes.filter(pl.col("tracked") | (pl.col("source") == ANNOTATION))


def tracked_images(boxes: pl.DataFrame, rules: ImageRules) -> Tracked:
    """Return what `rules` compare: each tracker of a log with its annotation, class by class.

    Args:
        boxes: Rows of `image_boxes`.
        rules: See `IMAGE_RULES`.
    """
    rows = numbered(
        boxes.with_columns(named="category", category=pl.col("category").str.to_lowercase())
    )
    annotated = pl.col("source") == ANNOTATION
    tracks = rows.filter(~annotated & pl.col("tracked"))
    units = units_of(
        rows.filter(annotated), tracks, pl.DataFrame({"category": list(rules.classes)})
    )
    objects = rows.filter(annotated & pl.col("tracked")).join(_roles(rules), on="category")
    hidden = _above("truncation_index", rules.max_truncation_index) | _above(
        "occlusion_index", rules.max_occlusion_index
    )
    objects = objects.with_columns(
        category="judged",
        judges=pl.col("same") & ~pl.col("ignored") & ~hidden,
        removes=pl.col("like") | hidden,
    )
    truth = in_units(units, objects, ["log_id", "category"])
    found = in_units(units, tracks, ["log_id", "source", "category"])
    overlap = pl.col("similarity")
    pairs = (
        truth.select("frame", "row", "removes", *_BOX)
        .join(found.select("frame", "row", *_BOX), on="frame", suffix=OTHER)
        .with_columns(similarity=image_iou())
        .filter(overlap > EPSILON)
        .with_columns(
            can_match=overlap >= rules.min_iou_ratio - rules.match_margin,
            can_identify=overlap >= rules.min_iou_ratio - rules.identity_margin,
        )
    )
    regions = rows.filter(annotated & pl.col("ignored") & ~pl.col("tracked"))
    counted = found.join(_not_counted(found, pairs, regions, rules), on="row", how="anti")
    return kept(units, truth.filter("judges"), counted, pairs)


def _roles(rules: ImageRules) -> pl.DataFrame:
    """Return which category of an object has to do with which judged one, and how."""
    roles = [
        (category, judged, category == judged, category in about.distractors)
        for judged, about in rules.classes.items()
        for category in (judged, *about.distractors, *about.others)
    ]
    schema = {"category": pl.String, "judged": pl.String, "same": pl.Boolean, "like": pl.Boolean}
    return pl.DataFrame(roles, schema, orient="row")


def _above(level: str, most: int | None) -> pl.Expr:
    if most is None:
        return pl.lit(False)
    return (pl.col(level) > most).fill_null(value=False)


def _not_counted(
    found: pl.DataFrame, pairs: pl.DataFrame, regions: pl.DataFrame, rules: ImageRules
) -> pl.DataFrame:
    """Return the found boxes, as `row`, that are neither right nor wrong."""
    close = pairs.filter("can_match")
    chosen = best_matching(
        close["row"].to_numpy(), close["row" + OTHER].to_numpy(), close["similarity"].to_numpy()
    )
    matched = close.filter(chosen).select("removes", row="row" + OTHER)
    alone = found.join(matched, on="row", how="anti")
    parts = [matched.filter("removes").select("row")]
    if rules.min_height_px is not None:
        small = pl.col("height_px") <= rules.min_height_px + EPSILON
        parts.append(alone.filter(small).select("row"))
    if rules.max_ignored_ratio is not None:
        within = image_coverage() > rules.max_ignored_ratio + EPSILON
        beside = alone.join(regions.select("_frame", *_BOX), on="_frame", suffix=OTHER)
        parts.append(beside.filter(within).select("row"))
    return pl.concat(parts)
