"""Synthetic logs: recorded signals as frames, one at a time or thousands at once.

The same arguments give the same frames, to the bit.
"""

from collections.abc import Mapping

import numpy as np

from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.testing.scenarios import SCENARIOS, Array
from metrics_platform.testing.synthetic_frames import PLACES, RELEASES, Frames, Plan, frames_of

__all__ = ["START_NS", "Frames", "scenario", "synthetic_logs"]

START_NS = 1_790_000_000_000_000_000  # 2026-09-21, a Monday
_BETWEEN_LOGS_NS = 60_000_000_000
_JITTER_NS = 2_000_000
_VEHICLES = 20
# Of which `synthetic_logs` are, in turn. One more would change every fleet that a seed stands for.
_OF_FLEETS = (
    "cruise", "hard_brake", "follow", "cut_in", "pedestrian_crossing", "turn", "standing",
    "no_tracks", "sidewalk",
)  # fmt: skip


def scenario(
    name: str,
    *,
    log_id: str | None = None,
    seconds: float = 10.0,
    start_ns: int = START_NS,
    bystanders: int = 0,
    velocities: bool = False,
    **parameters: float,
) -> Frames:
    """Return the recorded signals of one log of a situation out of `SCENARIOS`.

    Args:
        name: A key of `SCENARIOS`, which says what is known of it.
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
    if name not in SCENARIOS:
        raise UnknownNameError("scenario", name, SCENARIOS)
    kind = SCENARIOS[name]
    for parameter in parameters:
        if parameter not in kind.parameters:
            raise UnknownNameError(f"parameter of scenario {name}", parameter, kind.parameters)
    values = {key: usual for key, (usual, _, _) in kind.parameters.items()} | parameters
    lost = values.get("deceleration_mps2", 0.0) * values.get("duration_s", 0.0)
    if lost > values.get("speed_mps", 0.0):
        raise ConfigurationError(
            f"{name} brakes by {lost:g} m/s, more than its speed of {values['speed_mps']:g} m/s"
        )
    others = len(kind.others(np.zeros((1, 1)), _columns(values, 1), kind.box))
    plan = Plan(
        log_ids=[check_log_id(log_id or name)],
        kinds=np.array([name]),
        parameters={name: _columns(values, 1)},
        starts_ns=np.array([start_ns]),
        places=np.zeros((1, 3)),
        velocities=np.array([velocities]),
        about=np.zeros((1, 3), dtype=np.int64),
        seconds=seconds,
        tracks=others + bystanders,
    )
    return frames_of(plan, np.random.default_rng(0))


def synthetic_logs(count: int, *, seconds: float = 10, tracks: int = 5, seed: int = 0) -> Frames:
    """Return the recorded signals of `count` logs of nine scenarios, with random parameters.

    Logs are named `synthetic_00000` and on, and begin a minute apart. Samples jitter by up to
    2 ms, every log has its own place in the fixed frame, every third one has ego velocities, and
    those of the scenario `no_tracks` have no tracks at all: what differs between the logs of a
    fleet differs here, so that a metric which mixes up logs gets caught.

    Args:
        count: Number of logs; 10,000 fit well into memory.
        seconds: Length of each.
        tracks: Road users in each.
        seed: Other seeds give other logs.
    """
    rng = np.random.default_rng(seed)
    names = np.array(_OF_FLEETS)
    kinds = names[np.arange(count) % len(names)]
    drawn = {
        name: {
            key: rng.uniform(least, most, (int((kinds == name).sum()), 1))
            for key, (_, least, most) in SCENARIOS[name].parameters.items()
        }
        for name in _OF_FLEETS
    }
    plan = Plan(
        log_ids=[f"synthetic_{number:05}" for number in range(count)],
        kinds=kinds,
        parameters=drawn,
        starts_ns=START_NS + np.arange(count) * _BETWEEN_LOGS_NS,
        places=rng.uniform((-2_000, -2_000, -np.pi), (2_000, 2_000, np.pi), (count, 3)),
        velocities=np.arange(count) % 3 == 0,
        about=rng.integers(0, (_VEHICLES, len(RELEASES), len(PLACES)), (count, 3)),
        seconds=seconds,
        tracks=tracks,
        jitter_ns=_JITTER_NS,
    )
    return frames_of(plan, rng)


def _columns(values: Mapping[str, float], logs: int) -> dict[str, Array]:
    return {name: np.full((logs, 1), float(value)) for name, value in values.items()}
