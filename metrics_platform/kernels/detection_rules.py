"""By which rules benchmarks judge three-dimensional detections, frozen by name.

A name never changes its meaning; other rules get another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

ANY_CLASS = "object"


@dataclass(frozen=True, kw_only=True)
class DetectionRules:
    """What is judged, and what counts as found.

    Attributes:
        thresholds_m: A detection is right where its centre is closer than this to an object's.
        dimensions: Of distances: 2 in the ground plane, 3 in space.
        nearest_free: Each detection, most confident first, takes the nearest object that is left.
            Otherwise each chooses the nearest object of all, and only the first to choose it can
            have found it.
        later_first: Of equal scores, the later moment, log and track count as more confident.
        union_of_extremes: The union of two aligned boxes has the greater of each of their sizes,
            as Argoverse 2 takes it; otherwise it is the sum less the intersection.
        classes: From the names of a source to the classes of the benchmark; other names are not
            judged. None takes all names for one class.
        half_turn: Classes whose front can't be told from their back.
        max_range_m: From the ego vehicle, by class, as far as is judged; empty for no bound.
        needs_points: Objects without a single point in them are not judged.
        max_detections: Of a class in one frame, the most confident; None for no bound.
        region_margin_m: A box is judged only where a corner of it is in the drivable area of the
            map, or that near to it; None for everywhere.
        without_region: Name of the same rules for logs without a map.
        rack: Category of annotated boxes whose contents aren't judged; None for no such thing.
        racked: Classes that aren't judged where their centre is in such a box.
        moments: Which are judged: `annotated`, with an object of any category; `common`, with a
            detection as well; or `any`, with either.
    """

    thresholds_m: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    dimensions: Literal[2, 3]
    nearest_free: bool
    later_first: bool
    union_of_extremes: bool
    classes: Mapping[str, str] | None
    half_turn: frozenset[str] = frozenset()
    max_range_m: Mapping[str, float] = field(default_factory=dict)
    needs_points: bool = False
    max_detections: int | None = None
    region_margin_m: float | None = None
    without_region: str | None = None
    rack: str | None = None
    racked: frozenset[str] = frozenset()
    moments: Literal["annotated", "common", "any"]


_NUSCENES_RANGES_M = {
    "car": 50.0,
    "truck": 50.0,
    "bus": 50.0,
    "trailer": 50.0,
    "construction_vehicle": 50.0,
    "pedestrian": 40.0,
    "motorcycle": 40.0,
    "bicycle": 40.0,
    "traffic_cone": 30.0,
    "barrier": 30.0,
}
# Submissions name the classes, annotations are finer.
_NUSCENES_CLASSES = {name: name for name in _NUSCENES_RANGES_M} | {
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
}
_AV2_CLASSES = (
    "ARTICULATED_BUS", "BICYCLE", "BICYCLIST", "BOLLARD", "BOX_TRUCK", "BUS",
    "CONSTRUCTION_BARREL", "CONSTRUCTION_CONE", "DOG", "LARGE_VEHICLE", "MESSAGE_BOARD_TRAILER",
    "MOBILE_PEDESTRIAN_CROSSING_SIGN", "MOTORCYCLE", "MOTORCYCLIST", "PEDESTRIAN",
    "REGULAR_VEHICLE", "SCHOOL_BUS", "SIGN", "STOP_SIGN", "STROLLER", "TRUCK", "TRUCK_CAB",
    "VEHICULAR_TRAILER", "WHEELCHAIR", "WHEELED_DEVICE", "WHEELED_RIDER",
)  # fmt: skip

_AV2_RANGE_M = 150.0

# nuscenes-devkit 1.2.0: detection_cvpr_2019.json, and what filter_eval_boxes does.
_NUSCENES_CVPR_2019 = DetectionRules(
    dimensions=2,
    nearest_free=True,
    later_first=True,
    union_of_extremes=False,
    classes=_NUSCENES_CLASSES,
    half_turn=frozenset({"barrier"}),
    max_range_m=_NUSCENES_RANGES_M,
    needs_points=True,
    rack="static_object.bicycle_rack",
    racked=frozenset({"bicycle", "motorcycle"}),
    moments="annotated",
)
# Its matching by itself, for the names of any source.
_NUSCENES_CLASS_AGNOSTIC = replace(
    _NUSCENES_CVPR_2019,
    classes=None,
    max_range_m={},
    needs_points=False,
    rack=None,
    racked=frozenset(),
    moments="common",
)
# av2 0.3.6: DetectionCfg with `eval_only_roi_instances=False`.
_AV2_2023_WITHOUT_REGION = DetectionRules(
    dimensions=3,
    nearest_free=False,
    later_first=False,
    union_of_extremes=True,
    classes={name: name for name in _AV2_CLASSES},
    max_range_m=dict.fromkeys(_AV2_CLASSES, _AV2_RANGE_M),
    needs_points=True,
    max_detections=100,
    moments="any",
)
# DetectionCfg as it comes, which is that of the challenge; the margin is its ROI_ISOCONTOUR_M.
_AV2_2023 = replace(
    _AV2_2023_WITHOUT_REGION, region_margin_m=5.0, without_region="av2_2023_without_region"
)
# For the names of any source, anywhere, where only some moments were looked at.
_AV2_CLASS_AGNOSTIC = replace(
    _AV2_2023_WITHOUT_REGION,
    classes=None,
    max_range_m={ANY_CLASS: _AV2_RANGE_M},
    moments="common",
)

NUSCENES_CONFIGURATIONS: Mapping[str, DetectionRules] = {
    "nuscenes_cvpr_2019": _NUSCENES_CVPR_2019,
    "nuscenes_class_agnostic": _NUSCENES_CLASS_AGNOSTIC,
}
AV2_CONFIGURATIONS: Mapping[str, DetectionRules] = {
    "av2_2023": _AV2_2023,
    "av2_2023_without_region": _AV2_2023_WITHOUT_REGION,
    "av2_class_agnostic": _AV2_CLASS_AGNOSTIC,
}
