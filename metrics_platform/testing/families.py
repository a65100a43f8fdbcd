"""What else a synthetic log can record: maps, camera boxes, predictions, missions, timings.

Each family is one module beside this one, with a function from the frames of `synthetic` to further
recorded signals of the same logs.
"""

from collections.abc import Callable

from metrics_platform.testing.detections import detections
from metrics_platform.testing.experts import experts
from metrics_platform.testing.image_boxes import image_boxes
from metrics_platform.testing.maps import maps
from metrics_platform.testing.missions import missions
from metrics_platform.testing.predictions import predictions
from metrics_platform.testing.spans import stage_spans
from metrics_platform.testing.synthetic_frames import Frames
from metrics_platform.testing.traffic import traffic

Family = Callable[[Frames], Frames]

FAMILIES: tuple[Family, ...] = (
    detections,
    experts,
    image_boxes,
    maps,
    missions,
    predictions,
    stage_spans,
    traffic,
)


def with_families(frames: Frames) -> Frames:
    """Return `frames`, and the recorded signals that all families make for the same logs."""
    made = dict(frames)
    for family in FAMILIES:
        made |= family(frames)
    return made
