"""Which annotated objects a detector found, by the rules of nuScenes."""

import polars as pl

from metrics_platform.core import Rows, signal
from metrics_platform.kernels.detection_rules import NUSCENES_CONFIGURATIONS
from metrics_platform.signals.box_matches import BoxMatches, match_boxes, rules_named


@signal(version="2.0.0", rows=BoxMatches, owner="perception", optional=["ego_poses"])
def nuscenes_box_matches(
    tracks: pl.LazyFrame,
    ego_poses: pl.LazyFrame,
    *,
    configuration: str = "nuscenes_cvpr_2019",
    truth: str = "annotation",
) -> Rows:
    """Match detections to annotations as nuscenes-devkit does, for each of its four thresholds.

    The most confident detection chooses first and takes the nearest object of its class, in the
    ground plane, that nobody has taken yet, if it is closer than the threshold. Every source but
    the annotation is judged by itself, at the moments that have an annotated box. Of equal scores
    the later moment, then the later track id comes first, as the devkit turns a list around.

    `nuscenes_cvpr_2019` leaves out categories that are no class of nuScenes, boxes beyond the range
    of their class, objects without a lidar or radar point, and bicycles and motorcycles with their
    centre in an annotated `static_object.bicycle_rack`; the rows say which and why. The devkit
    refuses a submission of more than 500 detections in a frame; here all of them are judged. Where
    the points or the ego's place are unknown, see `reason`. `nuscenes_class_agnostic` takes all
    boxes for one class, without any of these filters, at the moments that have a detection as well.

    Args:
        tracks: Annotations and detections.
        ego_poses: Where the ego was, for the range.
        configuration: Name of the rules, in `kernels/detection_rules.py`.
        truth: Source that the others are judged by.
    """
    return match_boxes(
        tracks, ego_poses, rules_named(NUSCENES_CONFIGURATIONS, configuration), truth
    )
