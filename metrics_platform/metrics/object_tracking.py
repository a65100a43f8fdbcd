"""How well road users are tracked in space."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels import tracking_scores
from metrics_platform.kernels.tracked_boxes import unjudged
from metrics_platform.kernels.tracked_objects import (
    ALL,
    CONVENTION,
    REACH,
    tracked_objects,
)
from metrics_platform.kernels.tracking_scores import TrackingScores, scores_of, summary_of


class ObjectTracking(TrackingScores):
    """One row per log_id, source, category: how well a tracker followed the annotated road users.

    The category `all` disregards what either side calls an object. The last columns give distances
    in metres, as nuScenes does.
    """

    distance_total_m: float = Field(ge=0, description="Sum over all matched boxes.")
    motp_distance_m: float = Field(
        ge=0, nullable=True, description="Mean distance between the centres of matched boxes."
    )

    class Config:
        unique = ["log_id", "source", "category"]


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the scores of all rows together that have the same values in the columns `by`."""
    total, matched = pl.col("distance_total_m"), pl.col("true_positives_count")
    distances = rows.group_by(by).agg(
        total.sum(), motp_distance_m=pl.when(matched.sum() > 0).then(total.sum() / matched.sum())
    )
    return tracking_scores.pooled(rows, by).join(distances, on=by, nulls_equal=True)


@metric(
    version="1.0.0",
    rows=ObjectTracking,
    owner="perception",
    summary={**summary_of(ALL), "motp_distance_m": pl.col("motp_distance_m")
             .filter(pl.col("category") == ALL).mean()},
    # Far below zero a tracker is wrong far more often than there is anything to find.
    plausible={"mota": (-1.0, 1.0)},
)  # fmt: skip
def object_tracking(
    tracks: pl.LazyFrame, *, max_distance_m: float = 2.0, both_sides: bool = True
) -> Rows:
    """Judge trackers by the annotated road users; one row per log_id, source, category.

    Every source of a log but the annotation is a tracker. An object and a box of the tracker at the
    same moment can be the same if their centres are near each other in the plane. Matches go on
    while they can, then as many boxes as possible are matched, then the nearest.

    Scores of several logs together come from `pooled(rows, ["source", "category"])`. A log abstains
    without an annotation, without a tracker, or where they have no moment in common.

    Formula: as in `mot_tracking`, with similarity = 1 - d / (2 · `max_distance_m`) for the distance
    d of the centres, so that one half stands at the threshold; MOTP = mean d.

    Source: Caesar et al. (2020), "nuScenes", whose tracking task matches by the distance of the
    centres on the ground; the similarity is TrackEval's for points (MOT15 3D).

    Reference: motmetrics 1.4.0, which nuscenes-devkit's tracking task uses, on the same distances:
    equal. nuScenes' AMOTA, a mean over thresholds of the score, is not this: here all boxes of the
    tracker count, at whatever distance from the vehicle.

    Args:
        tracks: Annotated and tracked road users.
        max_distance_m: Centres at this distance or farther apart are never the same object;
            `dist_th_tp` of nuscenes-devkit's `tracking_nips_2019`.
        both_sides: Only moments count at which both the annotation and the tracker have a box of
            any category: trackers are often slower than annotators, and a moment at which it said
            nothing at all is no moment at which it missed everything. If false, every annotated
            moment counts.
    """
    scores = scores_of(
        tracks,
        lambda rows: tracked_objects(rows, max_distance_m, both=both_sides),
        CONVENTION,
    )
    matched = pl.col("true_positives_count")
    unlike = (matched - pl.col("similarity_total_ratio")).clip(lower_bound=0.0)
    rows = scores.with_columns(distance_total_m=unlike * REACH * max_distance_m).with_columns(
        motp_distance_m=pl.when(matched > 0).then(pl.col("distance_total_m") / matched)
    )
    return Rows(
        rows.select(polars_schema(ObjectTracking).names()), unjudged(tracks, both=both_sides)
    )
