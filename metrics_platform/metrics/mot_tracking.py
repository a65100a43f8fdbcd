"""How well pedestrians in images are tracked, by the rules of MOTChallenge."""

import polars as pl

from metrics_platform.core import Rows, metric
from metrics_platform.kernels.tracked_boxes import unjudged
from metrics_platform.kernels.tracked_images import image_rules, judged_boxes, tracked_images
from metrics_platform.kernels.tracking_scores import (
    TrackingScores,
    pooled,
    scores_of,
    summary_of,
)

__all__ = ["mot_tracking", "pooled"]


@metric(
    version="1.0.0",
    rows=TrackingScores,
    owner="perception",
    summary=summary_of("pedestrian"),
    # Far below zero a tracker is wrong far more often than there is anything to find.
    plausible={"mota": (-1.0, 1.0)},
)
def mot_tracking(
    image_boxes: pl.LazyFrame, *, configuration: str = "motmetrics_mot_challenge"
) -> Rows:
    """Judge trackers of pedestrians by MOTChallenge's rules; one row per log_id, source, category.

    Annotated pedestrians that are flagged as not to be counted are left out. A box that matches a
    distractor (MOT16 and later: persons on vehicles, standing still, reflected) doesn't count.

    The two usual implementations match differently. With motmetrics an object keeps the track it
    was last matched to, however long ago, before anything else is matched, and then as many boxes
    as possible are; with TrackEval only the image before counts, and then the total similarity. An
    object is mostly tracked from 80 % on with motmetrics, beyond 80 % with TrackEval. A
    fragmentation is a stretch of the object's own boxes without a match with motmetrics; with
    TrackEval a stretch of images in which the object needn't be. HOTA is the same with both.

    Scores of several logs together come from `pooled(rows, ["source", "category"])`. A log abstains
    without an annotation, or without a tracker besides; detections without ids are no tracker.

    Formula: MOTA = 1 - (FN + FP + IDSW) / truth at IoU 0.5; MOTP = mean over TP of 1 - IoU
    (motmetrics) or of IoU (TrackEval); IDF1 = 2 IDTP / (truth + found); HOTA as in
    `kitti_tracking`.

    Source: Leal-Taixé et al. (2015), "MOTChallenge 2015"; Bernardin & Stiefelhagen (2008) for CLEAR
    MOT; Ristani et al. (2016) for the identity measures; Luiten et al. (2020) for HOTA.

    Reference: motmetrics 1.4.0 for CLEAR MOT and identity, TrackEval 1.3.0 for HOTA: TUD-Campus
    comes out the same, counts exactly and scores to rounding, and so do random sequences unless two
    matchings are equally good: then the ids decide here, and not the order of the file. So they do
    where two objects lay claim to the track that both were matched to last. Where nothing says what
    a score is, it is null.

    Args:
        image_boxes: Of the annotation and of the trackers.
        configuration: Rules by name, whose meaning never changes; see `IMAGE_RULES`. The default
            is that of motmetrics, IoU 0.5; `trackeval_mot_challenge_2d_box` the other.
    """
    rules = image_rules(configuration)
    rows = scores_of(image_boxes, lambda boxes: tracked_images(boxes, rules), rules.convention)
    return Rows(rows, unjudged(judged_boxes(image_boxes)))
