"""Detections against annotations, box by box: what benchmarks of detection are made of."""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.box_matching import (
    NOBODY,
    first_to_choose,
    nearest,
    nearest_free,
    pairs_within,
)
from metrics_platform.kernels.detection_rules import ANY_CLASS, DetectionRules
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.kernels.smoothing import Integers

FOUND, FALSE, MISSED, NOT_JUDGED = "found", "false", "missed", "not_judged"
# Between poses further apart the place of the ego is unknown, as in `actor_pairs`.
_MAX_GAP_NS = 1_000_000_000
_FRAME = ("log_id", "source", "timestamp_ns", "class_name")
_CENTRE = ("x_m", "y_m", "z_m")


class BoxMatches(MetricFrame):
    """One row per log_id, source, timestamp_ns, threshold_m, annotated, track_id: a box, judged.

    Every detection is there once for each threshold, found or false, and so is every object that
    was missed; an object that was found is in the row of its detection. A box that isn't judged is
    there once, with the reason. Range, speed, occlusion and points are those of the object, or of
    the detection where there is none, so that any slice can be taken.
    """

    timestamp_ns: int = Field(description="Of the box, on the recording's clock.")
    source: str = Field(description="Whose detections are judged.")
    threshold_m: float = Field(
        gt=0, nullable=True, description="Greatest distance of centres; null if not judged."
    )
    outcome: str = Field(
        isin=[FOUND, FALSE, MISSED, NOT_JUDGED],
        description="found: a true positive; false: a false positive; missed: a false negative.",
    )
    track_id: str = Field(description="Of the detection, or of the object that was missed.")
    annotated: bool = Field(description="Whether the box itself is an annotation.")
    reason: str = Field(nullable=True, description="Why it isn't judged.")
    class_name: str = Field(nullable=True, description="Of the benchmark; null if it has none.")
    category: str = Field(description="As the source of the box names it.")
    matched_id: str = Field(nullable=True, description="Of the object that was found.")
    score: float = Field(nullable=True, description="Of the detection; 1 where it has none.")
    distance_m: float = Field(ge=0, nullable=True, description="Between the centres, if found.")
    scale_error_ratio: float = Field(
        ge=0, le=1, nullable=True, description="1 less the overlap of both, laid upon one another."
    )
    heading_error_rad: float = Field(
        ge=0, le=math.pi, nullable=True, description="Between the headings, if found."
    )
    velocity_error_mps: float = Field(
        ge=0, nullable=True, description="Length of the difference of both velocities."
    )
    range_m: float = Field(ge=0, nullable=True, description="From the origin of the ego.")
    speed_mps: float = Field(ge=0, nullable=True, description="Over ground, as recorded.")
    occlusion_ratio: float = Field(ge=0, le=1, nullable=True, description="Hidden part.")
    points_count: int = Field(ge=0, nullable=True, description="Lidar and radar points.")

    class Config:
        unique = ["log_id", "source", "timestamp_ns", "threshold_m", "annotated", "track_id"]


_SCHEMA = polars_schema(BoxMatches)


def rules_named(configurations: Mapping[str, DetectionRules], name: str) -> DetectionRules:
    """Return the rules of that name.

    Raises:
        UnknownNameError: There are none.
    """
    if name not in configurations:
        raise UnknownNameError("configuration", name, configurations)
    return configurations[name]


def match_boxes(
    tracks: pl.LazyFrame, ego_poses: pl.LazyFrame, rules: DetectionRules, truth: str
) -> Rows:
    """Judge every other source by the boxes of the source `truth`, as in `BoxMatches`.

    A log abstains where it has no annotation, or nothing else, or where the rules bound the range
    and nobody knows where the ego was.
    """
    is_truth = pl.col("source") == truth
    logs = tracks.group_by("log_id").agg(truths=is_truth.any(), detections=(~is_truth).any())
    reasons = [
        logs.filter(~pl.col("truths")).with_columns(
            reason=pl.lit(f"nothing to judge by: no tracks of the source {truth!r}")
        ),
        logs.filter("truths", ~pl.col("detections")).with_columns(
            reason=pl.lit(f"nothing to judge: no tracks of another source than {truth!r}")
        ),
    ]
    judged = logs.filter("truths", "detections").select("log_id")
    if rules.max_range_m:
        placed = ego_poses.select("log_id").unique()
        lost = judged.join(placed, on="log_id", how="anti")
        reasons.append(
            lost.with_columns(reason=pl.lit("the range is unknown: there are no ego_poses"))
        )
        judged = judged.join(placed, on="log_id")
    boxes = _with_range(
        tracks.join(judged, on="log_id"), ego_poses.join(judged, on="log_id"), rules.dimensions
    )
    category = pl.col("category")
    named = (
        pl.lit(ANY_CLASS)
        if rules.classes is None
        else category.replace_strict(rules.classes, default=None, return_dtype=pl.String)
    )
    rows = boxes.with_columns(class_name=named, annotated=is_truth).map_batches(
        lambda frame: _judged(frame, rules), schema=_SCHEMA
    )
    abstained = pl.concat([reason.select("log_id", "reason") for reason in reasons])
    return Rows(rows, abstained)


def _with_range(tracks: pl.LazyFrame, ego_poses: pl.LazyFrame, dimensions: int) -> pl.LazyFrame:
    """Add the distance from the ego's origin, null where it is unknown."""
    axes = _CENTRE[:dimensions]
    gap = (pl.col("timestamp_ns").diff() > _MAX_GAP_NS) & (
        pl.col("log_id") == pl.col("log_id").shift(1)
    )
    poses = ego_poses.sort("log_id", "timestamp_ns").select(
        "log_id",
        "timestamp_ns",
        *(pl.col(axis).alias(f"ego_{axis}") for axis in axes),
        segment=gap.fill_null(value=False).cum_sum(),
    )
    moments = tracks.select("log_id", "timestamp_ns").unique().sort("log_id", "timestamp_ns")
    ego = interpolate(moments, poses, segment="segment", linear=[f"ego_{axis}" for axis in axes])
    squares = [(pl.col(axis) - pl.col(f"ego_{axis}")) ** 2 for axis in axes]
    return tracks.join(ego, on=["log_id", "timestamp_ns"], how="left").with_columns(
        # Not sum_horizontal, which takes what is unknown for nothing.
        range_m=sum(squares[1:], squares[0]).sqrt()
    )


def _judged(boxes: pl.DataFrame, rules: DetectionRules) -> pl.DataFrame:
    detections = boxes.filter(~pl.col("annotated")).with_columns(pl.col("score").fill_null(1.0))
    judges = boxes.filter("annotated").drop("source").with_columns(score=pl.lit(None, pl.Float64))
    truths = judges.join(detections.select("log_id", "source").unique(), on="log_id")
    detections = _with_reason(detections, truths, rules)
    truths = _with_reason(truths, detections, rules)
    scored, kept = _capped(detections, rules)
    targets = truths.filter(pl.col("reason").is_null()).sort(*_FRAME, "track_id")
    frames = pl.concat([scored.select(_FRAME), targets.select(_FRAME)]).unique().sort(_FRAME)
    frames = frames.with_row_index("frame")
    scored = scored.join(frames, on=_FRAME, how="left", maintain_order="left")
    targets = targets.join(frames, on=_FRAME, how="left", maintain_order="left")
    aside = pl.concat(
        [part.filter(pl.col("reason").is_not_null()) for part in (kept, truths)], how="diagonal"
    )
    matches = _matches(scored, targets, rules)
    return pl.concat([_rows(aside, NOT_JUDGED), *_outcomes(scored, targets, matches, rules)])


def _with_reason(boxes: pl.DataFrame, others: pl.DataFrame, rules: DetectionRules) -> pl.DataFrame:
    """Say why a box isn't judged; null where it is."""
    moment = ["log_id", "source", "timestamp_ns"]
    met = others.select(moment).unique().with_columns(met=pl.lit(value=True))
    annotated = pl.col("annotated")
    alone = {
        "any": pl.lit(value=False),
        "annotated": ~annotated & pl.col("met").is_null(),
        "common": pl.col("met").is_null(),
    }[rules.moments]
    reason = (
        pl.when(alone)
        .then(
            pl.when(annotated)
            .then(pl.lit("no detection at this moment"))
            .otherwise(pl.lit("no annotation at this moment"))
        )
        .when(pl.col("class_name").is_null())
        .then(pl.lit("no class of the benchmark"))
    )
    if rules.max_range_m:
        reach = pl.col("class_name").replace_strict(
            rules.max_range_m, default=None, return_dtype=pl.Float64
        )
        reason = (
            reason.when(pl.col("range_m").is_null())
            .then(pl.lit("the ego's place is unknown"))
            .when(pl.col("range_m") >= reach)
            .then(pl.lit("out of range"))
        )
    if rules.needs_points:
        reason = reason.when(annotated & (pl.col("points_count") == 0)).then(
            pl.lit("no points in it")
        )
    known = boxes.join(met, on=moment, how="left", maintain_order="left")
    return known.with_columns(reason=reason.otherwise(None).cast(pl.String)).drop("met")


def _capped(detections: pl.DataFrame, rules: DetectionRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the detections to match, the most confident of a frame first, and those set aside."""
    ranked = detections.filter(pl.col("reason").is_null()).sort(
        *_FRAME,
        "score",
        "track_id",
        descending=[False] * len(_FRAME) + [True, rules.later_first],
    )
    aside = detections.filter(pl.col("reason").is_not_null())
    if rules.max_detections is None:
        return ranked, aside
    place = pl.int_range(pl.len()).over(_FRAME)
    ranked = ranked.with_columns(
        reason=pl.when(place >= rules.max_detections).then(
            pl.lit("too many detections in one frame")
        )
    )
    over = pl.col("reason").is_not_null()
    return ranked.filter(~over), pl.concat([aside, ranked.filter(over)])


def _matches(scored: pl.DataFrame, targets: pl.DataFrame, rules: DetectionRules) -> Integers:
    """Return which target each detection has found, or `NOBODY`: a row for each threshold."""
    axes, farthest = _CENTRE[: rules.dimensions], max(rules.thresholds_m)
    frames = (_integers(scored, "frame"), _integers(targets, "frame"))
    points, others = scored.select(axes).to_numpy(), targets.select(axes).to_numpy()
    if not rules.nearest_free:
        choice, distance = nearest(points, frames[0], others, frames[1], farthest)
        chosen = first_to_choose(choice, len(others))
        return np.stack(
            [np.where(chosen & (distance < reach), choice, NOBODY) for reach in rules.thresholds_m]
        )
    detection, target, distance = pairs_within(points, frames[0], others, frames[1], farthest)
    matched = []
    for reach in rules.thresholds_m:
        near = distance < reach
        matched.append(nearest_free(detection[near], target[near], len(points), len(others)))
    return np.stack(matched)


def _outcomes(
    scored: pl.DataFrame, targets: pl.DataFrame, matches: Integers, rules: DetectionRules
) -> list[pl.DataFrame]:
    """Return the boxes that are found, false and missed, for all thresholds."""
    threshold, detection = np.nonzero(matches != NOBODY)
    target = matches[threshold, detection]
    missed = np.ones((len(matches), len(targets)), dtype=bool)
    missed[threshold, target] = False
    hits = scored[detection].hstack(targets.select(pl.all().name.prefix("true_"))[target])
    hits = hits.with_columns(
        distance_m=_distance(rules),
        scale_error_ratio=_scale_error(rules),
        heading_error_rad=_heading_error(rules),
        velocity_error_mps=_length("velocity_x_mps", "velocity_y_mps", less="true_"),
        speed_mps=_length("true_velocity_x_mps", "true_velocity_y_mps"),
        matched_id="true_track_id",
        **{name: f"true_{name}" for name in ("range_m", "occlusion_ratio", "points_count")},
    )
    false, unseen = np.nonzero(matches == NOBODY), np.nonzero(missed)
    parts = [
        (hits, threshold, FOUND),
        (scored[false[1]], false[0], FALSE),
        (targets[unseen[1]], unseen[0], MISSED),
    ]
    reach = np.array(rules.thresholds_m)
    return [
        _rows(boxes.with_columns(threshold_m=pl.Series(reach[at], dtype=pl.Float64)), outcome)
        for boxes, at, outcome in parts
    ]


def _rows(boxes: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Return boxes with the columns of `BoxMatches`, null where they have none."""
    given = {"outcome": pl.lit(outcome)}
    if "speed_mps" not in boxes.columns:
        given["speed_mps"] = _length("velocity_x_mps", "velocity_y_mps")
    boxes = boxes.with_columns(**given)
    lacking = {
        name: pl.lit(None, dtype) for name, dtype in _SCHEMA.items() if name not in boxes.columns
    }
    return boxes.with_columns(**lacking).select(_SCHEMA.names())


def _integers(frame: pl.DataFrame, name: str) -> Integers:
    values: Integers = frame[name].to_numpy().astype(np.int64)
    return values


def _distance(rules: DetectionRules) -> pl.Expr:
    squares = [(pl.col(axis) - pl.col(f"true_{axis}")) ** 2 for axis in _CENTRE[: rules.dimensions]]
    return sum(squares[1:], squares[0]).sqrt()


def _length(x: str, y: str, less: str | None = None) -> pl.Expr:
    dx, dy = (pl.col(x), pl.col(y))
    if less is not None:
        dx, dy = dx - pl.col(f"{less}{x}"), dy - pl.col(f"{less}{y}")
    return (dx * dx + dy * dy).sqrt()


def _scale_error(rules: DetectionRules) -> pl.Expr:
    """Return 1 less the IoU of both with one centre and heading; 1 if neither has a volume."""
    sizes = [(pl.col(name), pl.col(f"true_{name}")) for name in ("length_m", "width_m", "height_m")]

    def product(factors: list[pl.Expr]) -> pl.Expr:
        return factors[0] * factors[1] * factors[2]

    common = product([pl.min_horizontal(pair) for pair in sizes])
    if rules.union_of_extremes:
        union = product([pl.max_horizontal(pair) for pair in sizes])
    else:
        union = product([own for own, _ in sizes]) + product([true for _, true in sizes]) - common
    return pl.when(union > 0).then((1 - common / union).clip(0, 1)).otherwise(1.0)


def _heading_error(rules: DetectionRules) -> pl.Expr:
    difference = pl.col("heading_rad") - pl.col("true_heading_rad")
    whole = wrapped(difference).abs()
    half = pl.min_horizontal(whole, math.pi - whole)
    return pl.when(pl.col("class_name").is_in(list(rules.half_turn))).then(half).otherwise(whole)
