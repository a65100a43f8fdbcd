"""By which rules KITTI judges detections in space, frozen by name.

A name never changes its meaning; other rules get another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

VIEWS = ("ground", "space")


@dataclass(frozen=True, kw_only=True)
class KittiRules:
    """What is judged, and what counts as found.

    Attributes:
        min_iou: A detection is right where it overlaps the object by more than this, by class; at
            least a half.
        neighbours: Name that is easily taken for the class: finding one is neither right nor wrong.
        levels: By difficulty: least height in px; greatest occlusion; greatest truncation. Each
            admits all that those before it do.
    """

    min_iou: Mapping[str, float]
    neighbours: Mapping[str, str]
    levels: Mapping[str, tuple[float, int, float]]


# evaluate_object.cpp of the development kit of 2017, which added the two views in space.
KITTI_CONFIGURATIONS: Mapping[str, KittiRules] = {
    "kitti_2017": KittiRules(
        min_iou={"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5},
        neighbours={"car": "van", "pedestrian": "person_sitting"},
        levels={"easy": (40, 0, 0.15), "moderate": (25, 1, 0.3), "hard": (25, 2, 0.5)},
    )
}
