"""How well cars and pedestrians in images are tracked, by the rules of KITTI."""

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

__all__ = ["kitti_tracking", "pooled"]


@metric(
    version="1.0.0",
    rows=TrackingScores,
    owner="perception",
    summary={**summary_of("car", "car_"), **summary_of("pedestrian", "pedestrian_")},
    # Far below zero a tracker is wrong far more often than there is anything to find.
    plausible={"car_mota": (-1.0, 1.0), "pedestrian_mota": (-1.0, 1.0)},
)
def kitti_tracking(
    image_boxes: pl.LazyFrame, *, configuration: str = "trackeval_kitti_2d_box"
) -> Rows:
    """Judge trackers in images by KITTI's rules; one row per log_id, source, category.

    Cars and pedestrians, each by itself. Objects that are only like them (vans, sitting persons),
    cut off by the image or hidden for the most part count neither way: nor does a box that matches
    one. A box that matches nothing doesn't count either if it is at most 25 pixels high, or for the
    most part in a region where nothing was annotated. The same for any recording that has image
    boxes: where it doesn't say how far an object is hidden, it isn't.

    Scores of several logs together come from `pooled(rows, ["source", "category"])`. A log abstains
    without an annotation, or without a tracker besides.

    Formula: MOTA = 1 - (FN + FP + IDSW) / truth at IoU 0.5; IDF1 = 2 IDTP / (truth + found);
    HOTA = mean over thresholds of IoU 0.05, 0.10 … 0.95 of sqrt(DetA · AssA), with
    DetA = TP / (TP + FN + FP) and AssA the mean over TP of TPA / (TPA + FNA + FPA).

    Source: Geiger et al. (2012), "Are we ready for autonomous driving? The KITTI vision benchmark
    suite"; Bernardin & Stiefelhagen (2008) for CLEAR MOT; Ristani et al. (2016) for the identity
    measures; Luiten et al. (2020) for HOTA.

    Reference: TrackEval 1.3.0, `Kitti2DBox` with HOTA, CLEAR and Identity: the tracker CIWT on nine
    sequences comes out the same, counts exactly and scores to rounding, and so do random sequences
    unless two matchings are equally good, which TrackEval decides by the order of the file and we
    by the ids. Where nothing says what a
    score is, TrackEval gives 0 or 1, here it is null. Its `MOTP` is `motp_similarity_ratio`; its
    KITTI labels call a sitting person `Person`, those of the detection benchmark
    `Person_sitting`: both are distractors here.

    Args:
        image_boxes: Of the annotation and of the trackers.
        configuration: Rules by name, whose meaning never changes; see `IMAGE_RULES`. The default
            has the thresholds of TrackEval 1: IoU 0.5, levels of truncation 0 and occlusion 2,
            25 pixels, half of a box within a region.
    """
    rules = image_rules(configuration)
    rows = scores_of(image_boxes, lambda boxes: tracked_images(boxes, rules), rules.convention)
    return Rows(rows, unjudged(judged_boxes(image_boxes)))
