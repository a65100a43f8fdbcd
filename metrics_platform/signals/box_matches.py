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
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.kernels.smoothing import Integers
from metrics_platform.signals.box_errors import (
    CENTRE,
    distance_m,
    heading_error_rad,
    length,
    scale_error_ratio,
)
from metrics_platform.signals.drivable_areas import DrivableAreas
from metrics_platform.signals.unjudged_boxes import capped, elsewhere, with_reason

FOUND, FALSE, MISSED, NOT_JUDGED = "found", "false", "missed", "not_judged"
# Between poses further apart the place of the ego is unknown, as in `actor_pairs`.
_MAX_GAP_NS = 1_000_000_000
_FRAME = ("log_id", "source", "timestamp_ns", "class_name")


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
    tracks: pl.LazyFrame,
    ego_poses: pl.LazyFrame,
    rules: DetectionRules,
    truth: str,
    drivable_areas: pl.LazyFrame | None = None,
) -> Rows:
    """Judge every other source by the boxes of the source `truth`, as in `BoxMatches`.

    A log abstains where it has no annotation, or nothing else, or where the rules bound the range
    and nobody knows where the ego was, or have a region of interest and there is no map.
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
    areas = pl.LazyFrame(schema=polars_schema(DrivableAreas))
    if rules.region_margin_m is not None and drivable_areas is not None:
        areas = drivable_areas.join(judged, on="log_id", how="semi")
        mapped = areas.select("log_id").unique()
        reasons.append(
            judged.join(mapped, on="log_id", how="anti").with_columns(
                reason=pl.lit(
                    "the region of interest is unknown: there are no drivable_areas; "
                    f"{rules.without_region!r} judges by the same rules without one"
                )
            )
        )
        judged = judged.join(mapped, on="log_id")
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
        lambda frame: _judged(frame, areas.collect(), rules), schema=_SCHEMA
    )
    abstained = pl.concat([reason.select("log_id", "reason") for reason in reasons])
    return Rows(rows, abstained)


def _with_range(tracks: pl.LazyFrame, ego_poses: pl.LazyFrame, dimensions: int) -> pl.LazyFrame:
    """Add the distance from the ego's origin, null where it is unknown."""
    axes = CENTRE[:dimensions]
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


def _judged(boxes: pl.DataFrame, areas: pl.DataFrame, rules: DetectionRules) -> pl.DataFrame:
    detections = boxes.filter(~pl.col("annotated")).with_columns(pl.col("score").fill_null(1.0))
    judges = boxes.filter("annotated").drop("source").with_columns(score=pl.lit(None, pl.Float64))
    truths = judges.join(detections.select("log_id", "source").unique(), on="log_id")
    detections, truths = _with_frame(detections, truths)
    detections = with_reason(detections, truths, rules)
    truths = with_reason(truths, detections, rules)
    # Argoverse 2 counts the most confident before it looks at the region.
    scored, aside = capped(detections, rules)
    targets = truths.filter(pl.col("reason").is_null()).sort("frame", "track_id")
    left_out = [aside, truths.filter(pl.col("reason").is_not_null())]
    racks = boxes.filter("annotated", pl.col("category") == pl.lit(rules.rack, pl.String))
    scored, targets = (elsewhere(part, racks, areas, rules) for part in (scored, targets))
    left_out += [part.filter(pl.col("reason").is_not_null()) for part in (scored, targets)]
    scored, targets = (part.filter(pl.col("reason").is_null()) for part in (scored, targets))
    matches = _matches(scored, targets, rules)
    aside = pl.concat(left_out, how="diagonal")
    return pl.concat([_rows(aside, NOT_JUDGED), *_outcomes(scored, targets, matches, rules)])


def _with_frame(*parts: pl.DataFrame) -> list[pl.DataFrame]:
    """Number frames and classes, by which all else goes: names take many times longer."""
    frames = pl.concat([part.select(_FRAME) for part in parts]).unique().sort(_FRAME)
    frames = frames.with_row_index("frame")
    return [
        part.join(frames, on=_FRAME, how="left", nulls_equal=True, maintain_order="left")
        for part in parts
    ]


def _matches(scored: pl.DataFrame, targets: pl.DataFrame, rules: DetectionRules) -> Integers:
    """Return which target each detection has found, or `NOBODY`: a row for each threshold."""
    axes, farthest = CENTRE[: rules.dimensions], max(rules.thresholds_m)
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
        distance_m=distance_m(rules),
        scale_error_ratio=scale_error_ratio(rules),
        heading_error_rad=heading_error_rad(rules),
        velocity_error_mps=length("velocity_x_mps", "velocity_y_mps", less="true_"),
        speed_mps=length("true_velocity_x_mps", "true_velocity_y_mps"),
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
        given["speed_mps"] = length("velocity_x_mps", "velocity_y_mps")
    boxes = boxes.with_columns(**given)
    lacking = {
        name: pl.lit(None, dtype) for name, dtype in _SCHEMA.items() if name not in boxes.columns
    }
    return boxes.with_columns(**lacking).select(_SCHEMA.names())


def _integers(frame: pl.DataFrame, name: str) -> Integers:
    values: Integers = frame[name].to_numpy().astype(np.int64)
    return values
