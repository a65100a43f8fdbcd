"""Which annotated objects a detector found, by the rules of Argoverse 2."""

import polars as pl

from metrics_platform.core import Rows, signal
from metrics_platform.kernels.detection_rules import AV2_CONFIGURATIONS
from metrics_platform.signals.box_matches import BoxMatches, match_boxes, rules_named


@signal(version="1.0.0", rows=BoxMatches, owner="perception", optional=["ego_poses"])
def av2_box_matches(
    tracks: pl.LazyFrame,
    ego_poses: pl.LazyFrame,
    *,
    configuration: str = "av2_2023",
    truth: str = "annotation",
) -> Rows:
    """Match detections to annotations as Argoverse 2's `av2` does, for each of its four thresholds.

    Each detection chooses the nearest object of its class, in space. Of those that chose the same
    only the most confident can have found it, namely if it is closer than the threshold: another
    that is closer then counts as false all the same. Every source but the annotation is judged by
    itself. Of equal scores the lesser track id comes first.

    `av2_2023` leaves out categories that are no class of the challenge, boxes 150 m from the ego or
    farther, objects without a lidar point, and all but the 100 most confident detections of a class
    in a frame; the rows say which and why. The challenge looks only at boxes in the region of
    interest of its map, a raster within 5 m of the drivable area, which is not done here.
    `av2_class_agnostic` takes all boxes for one class, at moments with annotation and detection.

    Args:
        tracks: Annotations and detections.
        ego_poses: Where the ego was, for the range.
        configuration: Name of the rules, in `kernels/detection_rules.py`.
        truth: Source that the others are judged by.
    """
    return match_boxes(tracks, ego_poses, rules_named(AV2_CONFIGURATIONS, configuration), truth)
