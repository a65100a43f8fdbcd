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
from metrics_platform.testing.synthetic import START_NS, scenario
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


def named_log(
    name: str,
    *,
    log_id: str | None = None,
    seconds: float = 10.0,
    start_ns: int = START_NS,
    bystanders: int = 0,
    velocities: bool = False,
    **parameters: float,
) -> Frames:
    """Return all recorded signals of one log of a situation out of `SCENARIOS`, by its name.

    Args:
        name: A key of `SCENARIOS`.
        log_id: The name of the scenario if None.
        seconds: Length of the log.
        start_ns: Time of its first sample.
        bystanders: Parked cars and pedestrians to add, well off the road.
        velocities: Whether the ego poses come with velocities and yaw rates.
        **parameters: Other values for the parameters of the scenario.

    Raises:
        UnknownNameError: There is no such scenario, or it has no such parameter.
        ConfigurationError: It would have to brake below a speed of zero.
    """
    return with_families(
        scenario(
            name,
            log_id=log_id,
            seconds=seconds,
            start_ns=start_ns,
            bystanders=bystanders,
            velocities=velocities,
            **parameters,
        )
    )
