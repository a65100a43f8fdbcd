"""From motions to the frames of recorded signals, for all logs of a fleet at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from metrics_platform.core.frames import MetricFrame, polars_schema
from metrics_platform.signals.ego_poses import EgoPoses
from metrics_platform.signals.recordings import Recordings
from metrics_platform.signals.tracks import Tracks
from metrics_platform.signals.vehicle_speeds import VehicleSpeeds
from metrics_platform.testing.scenarios import (
    LANE_WIDTH_M,
    OTHER_CAR,
    PEDESTRIAN,
    SCENARIOS,
    WALKING_SPEED_MPS,
    Array,
    Motion,
    RoadUser,
    Scenario,
    straight,
)

Frames = dict[str, pl.DataFrame]

POSES_HZ = 20
SPEEDS_HZ = 20
TRACKS_HZ = 10
RELEASES = ("2026.10.0", "2026.11.0")
PLACES = ("harbour", "old-town", "ring-road")
_SOURCE = "tracker"


@dataclass(frozen=True)
class Plan:
    """What is settled before any motion: one entry per log, if not said otherwise.

    Attributes:
        log_ids: In the order of the rows to come.
        kinds: Names of their scenarios.
        parameters: Scenario to parameter to values, of shape (its logs, 1).
        starts_ns: Time of the first sample, but for the jitter.
        places: Where the scene's origin lies in the fixed frame, and how it is turned: (logs, 3).
        velocities: Whether the ego poses come with velocities.
        about: Number of the vehicle, and indices of release and place: (logs, 3).
        seconds: Length of every log.
        tracks: Road users in every log.
        jitter_ns: Samples are late by up to this.
        scenarios: What the names of the scenarios stand for.
    """

    log_ids: list[str]
    kinds: NDArray[np.str_]
    parameters: Mapping[str, Mapping[str, Array]]
    starts_ns: NDArray[np.int64]
    places: Array
    velocities: NDArray[np.bool_]
    about: NDArray[np.int64]
    seconds: float
    tracks: int
    jitter_ns: int = 0
    scenarios: Mapping[str, Scenario] = field(default_factory=lambda: SCENARIOS)


def frames_of(plan: Plan, rng: np.random.Generator) -> Frames:
    """Return the recorded signals of all logs, by name; rows are in the order of their keys."""
    poses_ns, speeds_ns, tracks_ns = (
        _clock(plan, hz, rng) for hz in (POSES_HZ, SPEEDS_HZ, TRACKS_HZ)
    )
    ego = np.empty((5, *poses_ns.shape))
    speed_mps = np.empty(speeds_ns.shape)
    bodies = _Bodies.empty(len(plan.log_ids), tracks_ns.shape[1], plan.tracks)
    for name, drawn in plan.parameters.items():
        kind = plan.scenarios[name]
        logs = np.flatnonzero(plan.kinds == name)
        ego[:, logs] = _stacked(kind.ego(_seconds(poses_ns[logs]), drawn))
        speed_mps[logs] = kind.ego(_seconds(speeds_ns[logs]), drawn).speed_mps
        if name != "no_tracks":
            t = _seconds(tracks_ns[logs])
            others = [*kind.others(t, drawn, kind.box), *_bystanders(t, plan.tracks, rng)]
            bodies.put(logs, others[: plan.tracks])
    return {
        "recordings": _recordings(plan, [poses_ns, speeds_ns, tracks_ns]),
        "ego_poses": _ego_poses(plan, poses_ns, ego),
        "vehicle_speeds": _typed(
            VehicleSpeeds,
            log_id=_repeated(plan.log_ids, speeds_ns.shape[1]),
            timestamp_ns=_moments(plan, speeds_ns),
            speed_mps=speed_mps.ravel(),
        ),
        "tracks": _tracks(plan, tracks_ns, bodies),
    }


def _clock(plan: Plan, hz: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return times since the start of each log, of shape (logs, samples)."""
    ticks = np.arange(int(plan.seconds * hz) + 1, dtype=np.int64) * (1_000_000_000 // hz)
    return ticks + rng.integers(0, plan.jitter_ns + 1, (len(plan.log_ids), len(ticks)))


def _seconds(clock: NDArray[np.int64]) -> Array:
    return clock.astype(np.float64) * 1e-9


def _bystanders(t: Array, count: int, rng: np.random.Generator) -> Sequence[RoadUser]:
    """Return parked cars and walkers on the far right, where no scenario takes the ego."""
    users = []
    for number in range(count):
        x = rng.uniform(-20, 150, (len(t), 1)) + np.zeros_like(t)
        if number % 3 == 2:
            y = -2.5 * LANE_WIDTH_M
            walking = straight(x + WALKING_SPEED_MPS * t, y, WALKING_SPEED_MPS)
            users.append(RoadUser("pedestrian", PEDESTRIAN, walking))
        else:
            users.append(RoadUser("car", OTHER_CAR, straight(x, -1.5 * LANE_WIDTH_M, 0.0)))
    return users


@dataclass(frozen=True)
class _Bodies:
    """Motion of the road users, (5, logs, samples, users); what they are, (logs, users)."""

    motion: Array
    sizes_m: Array
    is_pedestrian: NDArray[np.bool_]
    present: NDArray[np.bool_]

    @staticmethod
    def empty(logs: int, samples: int, users: int) -> "_Bodies":
        absent = np.zeros((logs, users), dtype=bool)
        return _Bodies(
            np.zeros((5, logs, samples, users)), np.zeros((3, logs, users)), absent, absent.copy()
        )

    def put(self, logs: NDArray[np.intp], users: Sequence[RoadUser]) -> None:
        for number, user in enumerate(users):
            self.motion[..., number][:, logs] = _stacked(user.motion)
            box = (user.box.length_m, user.box.width_m, user.box.height_m)
            self.sizes_m[:, logs, number] = np.array(box)[:, None]
            self.is_pedestrian[logs, number] = user.category == "pedestrian"
            self.present[logs, number] = True


def _stacked(motion: Motion) -> Array:
    return np.stack(
        [motion.x_m, motion.y_m, motion.heading_rad, motion.speed_mps, motion.yaw_rate_radps]
    )


def _recordings(plan: Plan, clocks: Sequence[NDArray[np.int64]]) -> pl.DataFrame:
    first = np.min([clock[:, 0] for clock in clocks], axis=0) + plan.starts_ns
    last = np.max([clock[:, -1] for clock in clocks], axis=0) + plan.starts_ns
    kinds = [plan.scenarios[name] for name in plan.kinds]
    return _typed(
        Recordings,
        log_id=plan.log_ids,
        format="synthetic",
        start_ns=first,
        end_ns=last,
        duration_s=(last - first) * 1e-9,
        truncated=False,
        notes="",
        has_ego=True,
        vehicle=[
            f"{'robot' if kind.mission == 'delivery' else 'car'}-{number:02}"
            for kind, number in zip(kinds, plan.about[:, 0], strict=True)
        ],
        release=[RELEASES[number] for number in plan.about[:, 1]],
        place=[PLACES[number] for number in plan.about[:, 2]],
        mission=[kind.mission for kind in kinds],
        ego_length_m=[kind.box.length_m for kind in kinds],
        ego_width_m=[kind.box.width_m for kind in kinds],
        ego_center_offset_m=[kind.box.center_offset_m for kind in kinds],
    )


def _ego_poses(plan: Plan, clock: NDArray[np.int64], ego: Array) -> pl.DataFrame:
    x_m, y_m, heading_rad = _placed(plan.places[:, :, None], ego[0], ego[1], ego[2])
    known = np.broadcast_to(plan.velocities[:, None], clock.shape).ravel()

    def where_known(values: Array) -> pl.Series:
        return pl.Series(values.ravel()).set(pl.Series(~known), None)

    return _typed(
        EgoPoses,
        log_id=_repeated(plan.log_ids, clock.shape[1]),
        timestamp_ns=_moments(plan, clock),
        x_m=x_m.ravel(),
        y_m=y_m.ravel(),
        z_m=0.0,
        heading_rad=heading_rad.ravel(),
        longitudinal_velocity_mps=where_known(ego[3]),
        lateral_velocity_mps=where_known(np.zeros_like(ego[3])),
        yaw_rate_radps=where_known(ego[4]),
    )


def _tracks(plan: Plan, clock: NDArray[np.int64], bodies: _Bodies) -> pl.DataFrame:
    shape = bodies.motion.shape[1:]
    x_m, y_m, heading_rad = _placed(plan.places[:, :, None, None], *bodies.motion[:3])
    speed = bodies.motion[3]
    present = np.broadcast_to(bodies.present[:, None], shape)

    def of_body(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.broadcast_to(values[:, None], shape)[present]

    length_m, width_m, height_m = bodies.sizes_m
    moments = np.broadcast_to((clock + plan.starts_ns[:, None])[:, :, None], shape)
    users = np.broadcast_to(np.arange(shape[2]), shape[::2])
    return _typed(
        Tracks,
        log_id=pl.Series(plan.log_ids).gather(
            of_body(np.broadcast_to(np.arange(shape[0])[:, None], shape[::2]))
        ),
        timestamp_ns=moments[present],
        source=_SOURCE,
        track_id=pl.Series([f"{number:03}" for number in range(shape[2])], dtype=pl.String).gather(
            of_body(users)
        ),
        category=pl.Series(["car", "pedestrian"]).gather(of_body(bodies.is_pedestrian * 1)),
        x_m=x_m[present],
        y_m=y_m[present],
        z_m=of_body(height_m / 2),
        heading_rad=heading_rad[present],
        length_m=of_body(length_m),
        width_m=of_body(width_m),
        height_m=of_body(height_m),
        velocity_x_mps=(speed * np.cos(heading_rad))[present],
        velocity_y_mps=(speed * np.sin(heading_rad))[present],
        acceleration_mps2=None,
        score=0.9,
        occlusion_ratio=None,
        points_count=None,
    )


def _placed(places: Array, x: Array, y: Array, heading: Array) -> tuple[Array, Array, Array]:
    """Turn and move what happened around the origin to where the log is in the fixed frame."""
    x_0, y_0, turn = places[:, 0], places[:, 1], places[:, 2]
    turned = heading + turn
    return (
        x_0 + x * np.cos(turn) - y * np.sin(turn),
        y_0 + x * np.sin(turn) + y * np.cos(turn),
        np.where(np.abs(turned) <= np.pi, turned, turned - np.sign(turned) * 2 * np.pi),
    )


def _moments(plan: Plan, clock: NDArray[np.int64]) -> NDArray[np.int64]:
    return (clock + plan.starts_ns[:, None]).ravel()


def _repeated(log_ids: list[str], times: int) -> pl.Series:
    return pl.Series(log_ids, dtype=pl.String).gather(np.repeat(np.arange(len(log_ids)), times))


def _typed(rows: type[MetricFrame], **columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=polars_schema(rows))
