"""A mission as part of a synthetic log: who drove, who stepped in, what was delivered."""

from dataclasses import dataclass

from metrics_platform.core.definitions import Tolerance
from metrics_platform.signals.reported_distances import MILE_M
from metrics_platform.testing.answers import About, Known, Value
from metrics_platform.testing.ego_answers import way_m
from metrics_platform.testing.missions import missions
from metrics_platform.testing.recorded import Recorded
from metrics_platform.testing.situations import Drive
from metrics_platform.testing.synthetic_frames import Frames

# Within a step of 0.1 s a brake of 9 m/s² leaves 0.05 m open, at both ends of a mode.
_BLURRED_M = 0.1


@dataclass(frozen=True)
class Mission(Recorded):
    """Who drove, and who stepped in: the plots `autonomous`, and `delivery` of a robot.

    What is known of it exactly: `missions` says what happens at which share of the log. A car is
    autonomous throughout, with remote assistance from 0.4 to 0.6. A robot is driven from afar from
    0.2 to 0.3, with remote assistance meanwhile and an emergency stop at 0.6; of three deliveries
    one is completed at 0.5, one fails at 0.9; it waits at the kerb twice and stops once.
    """

    def frames(self, frames: Frames) -> Frames:
        """Add drive modes, interventions, deliveries, phases and reports."""
        return {**frames, **missions(frames)}

    def known(self, drive: Drive) -> Known:
        """Return exposure, interventions and deliveries."""
        way, seconds = way_m(drive), drive.seconds
        nothing: dict[str, Value] = {"disengagements": 0, "by_system": 0, "without_cause": 0,
                                     "max_speed_mps": None}  # fmt: skip
        if drive.ego.kind == "car":
            return {
                "exposure": _exposure(way, seconds, way, seconds),
                "disengagements": nothing,
                "interventions_per_distance": _per_distance(1, 1, way),
                "remote_assistance": _assisted(0.2, seconds),
            }
        remote_m = way_m(drive, 0.3 * seconds) - way_m(drive, 0.2 * seconds)
        blurred_m = 0.0 if drive.brake is None else _BLURRED_M
        return {
            "exposure": _exposure(way, seconds, way - remote_m, 0.9 * seconds, blurred_m),
            "disengagements": nothing,
            "interventions_per_distance": _per_distance(2, 0, way - remote_m, blurred_m),
            "remote_assistance": _assisted(0.1, seconds),
            "delivery_completion": {
                "deliveries": 3,
                "completed": 1,
                "failed": 1,
                "cancelled": 0,
                "completed_ratio": 0.5,
                "median_duration_s": 0.5 * seconds,
            },
            "interventions_per_delivery": {
                "deliveries": 2,
                "interventions": 2,
                "interventions_per_delivery": 1.0,
                "deliveries_without": 0,
            },
            "phase_times": {
                "duration_s": seconds,
                "stops": 1,
                "stopped_s": 0.05 * seconds,
                "kerb_waits": 2,
                "kerb_wait_s": 0.15 * seconds,
                "longest_kerb_wait_s": 0.1 * seconds,
            },
        }


def _exposure(
    way: float, seconds: float, autonomous_m: float, autonomous_s: float, blurred_m: float = 0.0
) -> dict[str, Value]:
    return {
        "distance_m": way,
        "duration_s": seconds,
        "autonomous_distance_m": _blurred(autonomous_m, autonomous_m, blurred_m),
        "autonomous_duration_s": autonomous_s,
        "unknown_distance_m": 0.0,
    }


def _per_distance(count: int, other: int, way: float, blurred_m: float = 0.0) -> dict[str, Value]:
    rates: dict[str, Value] = {
        f"interventions_per_1000_{unit}": (
            _blurred(count / (way / length_m), way, blurred_m) if way else None
        )
        for unit, length_m in (("km", 1e6), ("miles", 1_000 * MILE_M))
    }
    return {
        "interventions": count,
        "other_interventions": other,
        "distance_m": _blurred(way, way, blurred_m),
        "miles_per_disengagement": None,
        **rates,
    }


def _blurred(value: float, way: float, blurred_m: float) -> Value:
    """Return a value of which the way is a factor, when the way is known only so far."""
    if not blurred_m:
        return value
    because = "where the mode changes between two states, the ego is taken to be evenly fast"
    return About(value, Tolerance(relative=blurred_m / way), because)


def _assisted(share: float, seconds: float) -> dict[str, Value]:
    return {
        "sessions": 1,
        "endless_sessions": 0,
        "assisted_s": share * seconds,
        "assisted_ratio": share,
    }
