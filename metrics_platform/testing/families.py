"""What else a synthetic log can record: maps, camera boxes, predictions, missions, timings.

Each family is one module beside this one, with a function from the frames of `synthetic` to further
recorded signals of the same logs.
"""

from collections.abc import Callable, Collection, Mapping

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

# Each with the recorded signals that it makes.
FAMILIES: Mapping[Family, frozenset[str]] = {
    detections: frozenset({"tracks"}),
    experts: frozenset({"expert_poses"}),
    image_boxes: frozenset({"image_boxes"}),
    maps: frozenset({"lanes", "lane_points", "drivable_areas"}),
    missions: frozenset(
        {"drive_modes", "interventions", "deliveries", "mission_phases", "reported_distances"}
    ),
    predictions: frozenset({"predicted_trajectories", "forecast_targets"}),
    stage_spans: frozenset({"spans"}),
    traffic: frozenset({"lane_positions", "lane_links"}),
}


def with_families(frames: Frames, needed: Collection[str] | None = None) -> Frames:
    """Return `frames`, and the recorded signals that families make for the same logs.

    Args:
        frames: Of `synthetic`.
        needed: Leave out families that make none of these; None for all of them.
    """
    made = dict(frames)
    for family, signals in FAMILIES.items():
        if needed is None or not signals.isdisjoint(needed):
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
