"""Which boxes of images are compared, after the rules of the image benchmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.assignment import Booleans, Floats, Integers, best_matching
from metrics_platform.kernels.clear_mot import CONVENTIONS, Convention
from metrics_platform.kernels.overlap import image_coverage, image_iou
from metrics_platform.kernels.tracked_boxes import (
    ANNOTATION,
    Numbered,
    Side,
    Tracked,
    box_columns,
    compared,
    equal,
    in_units,
    kept,
    numbered,
    units_of,
)
from metrics_platform.kernels.tracking import EPSILON, Pairs


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
    known = numbered(boxes)
    roles = _roles(known, rules)
    classes = sorted(rules.classes)
    tracked, ignored = boxes["tracked"].to_numpy(), boxes["ignored"].to_numpy()
    has_truth = np.zeros(len(known.logs), dtype=np.bool_)
    has_truth[known.log[known.annotated]] = True
    tracks = np.flatnonzero(~known.annotated & tracked & has_truth[known.log])
    judged = np.unique(known.of_source(tracks))
    # A box is there for each class that it has to do with, and an object for each tracker.
    kind, at = np.nonzero(roles.same[:, tracks])
    rows = tracks[at]
    unit = np.searchsorted(judged, known.of_source(rows)) * len(classes) + kind
    found = in_units(known, rows, unit)
    objects = np.flatnonzero(known.annotated & tracked)
    kind, at = np.nonzero(roles.concerned[:, objects])
    rows = objects[at]
    at, source = equal(known.log[rows], judged // max(len(known.sources), 1))
    truth = in_units(known, rows[at], source * len(classes) + kind[at])
    kind = truth.unit % len(classes)
    hidden = (
        _above(boxes["truncation_index"], rules.max_truncation_index)
        | _above(boxes["occlusion_index"], rules.max_occlusion_index)
    )[truth.row]
    places = box_columns(boxes, _BOX)
    pairs = _pairs(truth, found, places, rules)
    removes = roles.like[kind, truth.row] | hidden
    regions = np.flatnonzero(known.annotated & ignored & ~tracked)
    counted = _counted(known, found, pairs, removes, places, regions, rules)
    judges = roles.same[kind, truth.row] & ~ignored[truth.row] & ~hidden
    keys = (judged[:, None] * len(classes) + np.arange(len(classes))).ravel()
    return compared(units_of(known, keys, classes), *kept(truth, found, pairs, judges, counted))


@dataclass(frozen=True, kw_only=True)
class _Roles:
    """What each box has to do with each class, in the order of names; of shape (classes, boxes)."""

    same: Booleans
    like: Booleans
    concerned: Booleans


def _roles(known: Numbered, rules: ImageRules) -> _Roles:
    names = [name.lower() for name in known.categories]
    about = [rules.classes[judged] for judged in sorted(rules.classes)]
    same = _one_of(names, [(judged,) for judged in sorted(rules.classes)])
    like = _one_of(names, [of.distractors for of in about])
    other = _one_of(names, [of.others for of in about])
    return _Roles(
        same=same[:, known.category],
        like=like[:, known.category],
        concerned=(same | like | other)[:, known.category],
    )


def _one_of(names: list[str], classes: list[tuple[str, ...]]) -> Booleans:
    shape = len(classes), len(names)
    return np.array([name in of for of in classes for name in names], np.bool_).reshape(shape)


def _above(levels: pl.Series, most: int | None) -> Booleans:
    if most is None:
        return np.zeros(len(levels), dtype=np.bool_)
    # With nulls it is an array of floats, in which a null is NaN and above nothing.
    above: Booleans = levels.to_numpy() > most
    return above


def _pairs(truth: Side, found: Side, places: Floats, rules: ImageRules) -> Pairs:
    """Return the boxes of an image that overlap."""
    objects, others = equal(truth.frame, found.frame)
    similarity = image_iou(places[:, truth.row[objects]], places[:, found.row[others]])
    alike = similarity > EPSILON
    similarity = similarity[alike]
    return Pairs(
        truth=objects[alike],
        found=others[alike],
        similarity=similarity,
        can_match=similarity >= rules.min_iou_ratio - rules.match_margin,
        can_identify=similarity >= rules.min_iou_ratio - rules.identity_margin,
    )


def _counted(
    known: Numbered,
    found: Side,
    pairs: Pairs,
    removes: Booleans,
    places: Floats,
    regions: Integers,
    rules: ImageRules,
) -> Booleans:
    """Return which of the found boxes are right or wrong, and not neither."""
    close = np.flatnonzero(pairs.can_match)
    chosen = close[
        best_matching(pairs.truth[close], pairs.found[close], pairs.similarity[close])
    ]  # fmt: skip
    counted = np.ones(len(found.row), dtype=np.bool_)
    counted[pairs.found[chosen]] = ~removes[pairs.truth[chosen]]
    alone = np.ones(len(found.row), dtype=np.bool_)
    alone[pairs.found[chosen]] = False
    if rules.min_height_px is not None:
        counted &= ~alone | (places[3, found.row] > rules.min_height_px + EPSILON)
    if rules.max_ignored_ratio is not None:
        single = np.flatnonzero(alone)
        regions = regions[np.argsort(known.image[regions], kind="stable")]
        at, region = equal(known.image[found.row[single]], known.image[regions])
        within = image_coverage(places[:, found.row[single[at]]], places[:, regions[region]])
        counted[single[at[within > rules.max_ignored_ratio + EPSILON]]] = False
    return counted
