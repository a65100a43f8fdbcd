"""Which annotated objects a detector found, by the rules of Argoverse 2."""

import polars as pl

from metrics_platform.core import Rows, signal
from metrics_platform.kernels.detection_rules import AV2_CONFIGURATIONS
from metrics_platform.signals.box_matches import BoxMatches, match_boxes, rules_named


@signal(
    version="2.0.0", rows=BoxMatches, owner="perception", optional=["ego_poses", "drivable_areas"]
)
def av2_box_matches(
    tracks: pl.LazyFrame,
    ego_poses: pl.LazyFrame,
    drivable_areas: pl.LazyFrame,
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
    farther, objects without a lidar point, all but the 100 most confident detections of a class in
    a frame, and boxes of which no corner is within 5 m of the drivable area; the rows say which and
    why. A log without a map abstains: `av2_2023_without_region` has the same rules but for the
    area. `av2_class_agnostic` takes all boxes for one class, anywhere, at moments with annotation
    and detection.

    The area is that of the map's polygons here. av2 draws them on a raster of 0.1 m, which moves
    its border by some 0.1 m, and which ends with the polygons: beyond their greatest or least
    coordinate there is no region in av2, and here the margin as everywhere. Corners are those of an
    upright box; av2 tilts boxes with the vehicle. On a real log 9 of 5,171 boxes are judged in one
    and not in the other, with corners between 4.96 and 5.15 m from the area.

    Args:
        tracks: Annotations and detections.
        ego_poses: Where the ego was, for the range.
        drivable_areas: Of the map, for the region of interest.
        configuration: Name of the rules, in `kernels/detection_rules.py`.
        truth: Source that the others are judged by.
    """
    rules = rules_named(AV2_CONFIGURATIONS, configuration)
    return match_boxes(tracks, ego_poses, rules, truth, drivable_areas)
