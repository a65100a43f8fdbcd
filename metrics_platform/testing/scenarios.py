"""A small vocabulary of traffic situations whose answers are known by construction.

Everything is in the plane, in closed form, at any moment asked for: a position is the exact
integral of its speed, so that what a metric ought to find can be worked out on paper. The ego
vehicle starts at the origin and looks along x.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
LANE_WIDTH_M = 3.5


@dataclass(frozen=True)
class Box:
    """Length, width and height of a body, and how far its centre lies before its origin."""

    length_m: float
    width_m: float
    height_m: float
    center_offset_m: float = 0.0

    @property
    def front_m(self) -> float:
        """From the origin to the front bumper."""
        return self.center_offset_m + self.length_m / 2


# The origin of a car is its rear axle, that of a robot and of a road user the centre of its box.
CAR = Box(4.6, 1.9, 1.6, center_offset_m=1.4)
ROBOT = Box(0.7, 0.55, 0.6)
OTHER_CAR = Box(4.5, 1.8, 1.5)
PEDESTRIAN = Box(0.5, 0.5, 1.75)
WALKING_SPEED_MPS = 1.4


@dataclass(frozen=True)
class Motion:
    """Where a body is and how it moves: arrays that broadcast to (logs, samples)."""

    x_m: Array
    y_m: Array
    heading_rad: Array
    speed_mps: Array
    yaw_rate_radps: Array


@dataclass(frozen=True)
class RoadUser:
    """One other body, over all samples."""

    category: str
    box: Box
    motion: Motion


@dataclass(frozen=True)
class Scenario:
    """A situation: the motion of the ego vehicle and of others, as functions of time.

    Attributes:
        ego: From times in seconds, of shape (logs, samples), and parameters of shape (logs, 1).
        others: The same, for the road users; the box of the ego vehicle comes third.
        parameters: Name to (usual, least, greatest) value; the last two bound random draws.
        box: Of the ego vehicle.
        mission: Drive or delivery.
    """

    ego: Callable[[Array, Parameters], Motion]
    others: Callable[[Array, Parameters, Box], Sequence[RoadUser]]
    parameters: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    box: Box = CAR
    mission: str = "drive"


def straight(x_m: Array, y_m: Array | float, speed_mps: Array | float) -> Motion:
    """Return a motion along x; a negative speed means looking the other way."""
    still = np.zeros_like(x_m)
    speed = still + speed_mps
    heading = np.where(speed < 0, np.pi, 0.0)
    return Motion(x_m, still + y_m, heading, np.abs(speed), still)


def _cruise(t: Array, p: Parameters) -> Motion:
    return straight(p["speed_mps"] * t, 0.0, p["speed_mps"])


def _brake(t: Array, p: Parameters) -> Motion:
    """Constant speed, constant deceleration, and the lower speed from then on."""
    since = t - p["brake_at_s"]
    braking = np.clip(since, 0.0, p["duration_s"])
    coasting = np.maximum(since - p["duration_s"], 0.0)
    deceleration = p["deceleration_mps2"]
    lost = deceleration * (braking**2 / 2 + braking * coasting)
    return straight(p["speed_mps"] * t - lost, 0.0, p["speed_mps"] - deceleration * braking)


def _turn(t: Array, p: Parameters) -> Motion:
    radius = p["radius_m"]
    rate = np.broadcast_to(p["speed_mps"] / radius, t.shape)
    heading = rate * t
    return Motion(
        radius * np.sin(heading),
        radius * (1 - np.cos(heading)),
        # As recorders give it: within -pi and pi.
        np.arctan2(np.sin(heading), np.cos(heading)),
        np.zeros_like(t) + p["speed_mps"],
        rate,
    )


def _nobody(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    return ()


def _lead(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    gap = p["headway_s"] * p["speed_mps"]
    x = p["speed_mps"] * t + ego.front_m + gap + OTHER_CAR.length_m / 2
    return (RoadUser("car", OTHER_CAR, straight(x, 0.0, p["speed_mps"])),)


def _cutting_in(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    """A car that comes from the left lane, and drives off again once it is in.

    It is slower than the ego vehicle by `closing_mps` until it is in, then gains speed in such a
    way that half of the gap remains for good: the least time to collision is gap / closing.
    """
    since = t - p["in_lane_at_s"]
    fading = np.exp(-np.maximum(since, 0.0) * 2 * p["closing_mps"] / p["gap_m"])
    gap = p["gap_m"] * (1 + fading) / 2 - p["closing_mps"] * np.minimum(since, 0.0)
    x = p["speed_mps"] * t + ego.front_m + gap + OTHER_CAR.length_m / 2
    forward = p["speed_mps"] - p["closing_mps"] * fading
    phase = np.pi * np.clip(-since / p["change_s"], 0.0, 1.0)
    lane_width = p.get("lane_width_m", LANE_WIDTH_M)
    y = lane_width * (1 - np.cos(phase)) / 2
    sideways = -lane_width * np.sin(phase) / 2 * np.pi / p["change_s"]
    # The car's yaw rate is nobody's to see: a track has none.
    motion = Motion(
        x, y, np.arctan2(sideways, forward), np.hypot(forward, sideways), np.zeros_like(t)
    )
    return (RoadUser("car", OTHER_CAR, motion),)


def _walking_across(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    return _crossing(t, p, ego, "pedestrian", PEDESTRIAN, WALKING_SPEED_MPS)


def _driving_across(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    return _crossing(t, p, ego, "car", OTHER_CAR, p["crossing_mps"])


def _crossing(
    t: Array, p: Parameters, ego: Box, category: str, box: Box, crossing_mps: Array | float
) -> Sequence[RoadUser]:
    """One from the right, who has left the ego's lane band `pet_s` before it comes."""
    x = p["speed_mps"] * p["arrive_s"] + ego.front_m + box.width_m / 2
    clear_of_path = ego.width_m / 2 + box.length_m / 2
    y = clear_of_path + crossing_mps * (t - (p["arrive_s"] - p["pet_s"]))
    still = np.zeros_like(t)
    motion = Motion(still + x, y, still + np.pi / 2, still + crossing_mps, still)
    return (RoadUser(category, box, motion),)


def _oncoming_walker(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    """A pedestrian who passes the ego on its left, side by side at `meet_s`."""
    x = p["speed_mps"] * p["meet_s"] - WALKING_SPEED_MPS * (t - p["meet_s"])
    y = ego.width_m / 2 + p["clearance_m"] + PEDESTRIAN.width_m / 2
    return (RoadUser("pedestrian", PEDESTRIAN, straight(x, y, -WALKING_SPEED_MPS)),)


def _parked_ahead(t: Array, p: Parameters, ego: Box) -> Sequence[RoadUser]:
    x = np.zeros_like(t) + ego.front_m + p["gap_m"] + OTHER_CAR.length_m / 2
    return (RoadUser("car", OTHER_CAR, straight(x, 0.0, 0.0)),)


def _standing(t: Array, p: Parameters) -> Motion:
    return straight(np.zeros_like(t), 0.0, 0.0)


_SPEED = (15.0, 8.0, 25.0)

# What is known of each, from its parameters:
#   cruise              speed; distance = speed x time; nothing ahead.
#   hard_brake          one brake of `deceleration_mps2` for `duration_s` from `brake_at_s`.
#   follow              a gap of `headway_s` x speed between bumpers, closing at nothing.
#   cut_in              least time to collision `gap_m` / `closing_mps`, when the change ends.
#   pedestrian_crossing the pedestrian leaves the ego's path `pet_s` before the ego enters theirs.
#   turn                to the left; yaw rate speed / radius, lateral acceleration speed² / radius.
#   standing            speed 0, a parked car `gap_m` ahead.
#   no_tracks           as cruise, and the recording has no other road user at all.
#   sidewalk            a delivery robot; a pedestrian passes at a distance of `clearance_m`.
#   intersection        as pedestrian_crossing, of a car that drives `crossing_mps`.
SCENARIOS: Mapping[str, Scenario] = {
    "cruise": Scenario(_cruise, _nobody, {"speed_mps": _SPEED}),
    "hard_brake": Scenario(
        _brake,
        _nobody,
        {
            "speed_mps": (15.0, 12.0, 20.0),
            "deceleration_mps2": (6.0, 3.5, 8.0),
            "brake_at_s": (4.0, 2.0, 5.0),
            "duration_s": (2.0, 0.5, 1.5),
        },
    ),
    "follow": Scenario(_cruise, _lead, {"speed_mps": _SPEED, "headway_s": (2.0, 0.7, 3.0)}),
    "cut_in": Scenario(
        _cruise,
        _cutting_in,
        {
            "speed_mps": _SPEED,
            "gap_m": (15.0, 6.0, 30.0),
            "closing_mps": (3.0, 1.0, 6.0),
            "in_lane_at_s": (5.0, 4.0, 7.0),
            "change_s": (3.0, 2.0, 4.0),
        },
    ),
    "pedestrian_crossing": Scenario(
        _cruise,
        _walking_across,
        {"speed_mps": (8.0, 4.0, 12.0), "arrive_s": (6.0, 5.0, 8.0), "pet_s": (1.5, 0.5, 3.0)},
    ),
    "turn": Scenario(
        _turn, _nobody, {"speed_mps": (6.0, 3.0, 8.0), "radius_m": (20.0, 12.0, 60.0)}
    ),
    "standing": Scenario(_standing, _parked_ahead, {"gap_m": (8.0, 2.0, 15.0)}),
    "no_tracks": Scenario(_cruise, _nobody, {"speed_mps": _SPEED}),
    "sidewalk": Scenario(
        _cruise,
        _oncoming_walker,
        {"speed_mps": (1.2, 0.6, 1.6), "meet_s": (5.0, 3.0, 7.0), "clearance_m": (0.8, 0.3, 2.0)},
        box=ROBOT,
        mission="delivery",
    ),
    "intersection": Scenario(
        _cruise,
        _driving_across,
        {
            "speed_mps": (10.0, 6.0, 15.0),
            "arrive_s": (5.0, 4.0, 7.0),
            "pet_s": (1.0, 0.5, 3.0),
            "crossing_mps": (10.0, 6.0, 15.0),
        },
    ),
}
