"""The synthetic corpus that `metrics.lock` pins: small, and with rows in every definition."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from metrics_platform.testing.conformance import hardly_logs
from metrics_platform.testing.families import with_families
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform.testing.synthetic import scenario
from metrics_platform.testing.synthetic_frames import Frames

# Every scenario happens within these, with its usual parameters.
SECONDS = 10.0
WILD_SECONDS = 20.0
# What is steady on a wild drive, and what it does in the meantime.
_PIECE_S = 0.8
_ACCELERATIONS_MPS2 = (-8.0, -4.0, -3.2, -2.5, 0.0, 0.0, 1.5, 3.0)
_YAW_RATES_RADPS = (-1.2, -0.4, -0.1, 0.0, 0.0, 0.1, 0.4, 1.2)
_FASTEST_MPS = 14.0
# In turn: one that stops, one that reverses.
_SLOWEST_MPS = (0.0, -2.0)
# Sideways out of a lane of 3.5 m and back, by a car 1.9 m wide: its centre stays in.
_DRIFT_M = 1.3
_DRIFT_SPEED_MPS = 8.0
_DRIFT_AT_S, _DRIFT_S = 2.0, 4.0
_LANE_CHANGE_M = 3.5
# A full circle in less than the log, and who drives through it.
_CIRCLE_M, _CIRCLE_RADPS = 10.0, 1.1
_ACROSS_MPS = 4.8
_HIDDEN_S = (2.0, 4.0)
_CLIMBS_MPS = 0.6
# When the poses come back, the ego's centre is in its first lane for one more moment.
_LANE_END_S = (0.4, 1.2)


def pinned_logs(needed: Collection[str] | None = None) -> Frames:
    """Return the logs of conformance, each scenario in full, and what no scenario shows.

    A hard turn and a drift out of the lane are among them, so that every derived definition has
    rows of some log; and gaps in the poses, to be bridged and not. On wild drives the ego brakes,
    turns, stops and reverses in no order, among the road users of some scenarios: thresholds and
    durations are met from either side.

    Args:
        needed: Recorded signals without which others may be left out; None for all.
    """
    parts = [
        *(scenario(name, seconds=SECONDS, bystanders=2) for name in SCENARIOS),
        scenario("turn", log_id="hard_turn", seconds=SECONDS, speed_mps=11.0, radius_m=25.0),
        *(
            _wild(scenario(name, log_id=f"wild_{name}", seconds=WILD_SECONDS, bystanders=4), seed)
            for seed, name in enumerate(("follow", "cut_in", "pedestrian_crossing", "sidewalk"))
        ),
        _drifting(scenario("cruise", log_id="drift", seconds=SECONDS, speed_mps=_DRIFT_SPEED_MPS)),
        _drifting(
            scenario("cruise", log_id="lane_change", seconds=SECONDS, speed_mps=_DRIFT_SPEED_MPS),
            _LANE_CHANGE_M,
            waves=0.5,
        ),
        _circling(),
        _without_poses(scenario("cruise", log_id="lane_end", seconds=4), *_LANE_END_S),
    ]
    hardly = hardly_logs(needed)
    driven = {name: pl.concat([part[name] for part in parts]) for name in parts[0]}
    whole = with_families(driven, needed)
    if "interventions" in whole:
        whole = _assisted_by_several(whole)
    return {name: pl.concat([hardly[name], frame]) for name, frame in whole.items()}


def _drifting(frames: Frames, aside_m: float = _DRIFT_M, *, waves: float = 1.0) -> Frames:
    """Move an ego that drives along x to the left, and back if it is a whole wave."""
    t = (pl.col("timestamp_ns") - pl.col("timestamp_ns").min()) * 1e-9
    phase = ((t - _DRIFT_AT_S) / _DRIFT_S).clip(0, 1) * 2 * np.pi * waves
    moved = frames["ego_poses"].with_columns(
        y_m=aside_m * (1 - phase.cos()) / 2,
        heading_rad=(aside_m * phase.sin() * np.pi * waves / _DRIFT_S / _DRIFT_SPEED_MPS).arctan(),
    )
    return {**frames, "ego_poses": moved}


def _circling() -> Frames:
    """Drive up in a circle that somebody crosses at both ends, with poses missing at its top.

    There the heading passes through pi, and has to be told from the poses before and after.
    """
    speed_mps = _CIRCLE_RADPS * _CIRCLE_M
    frames = scenario(
        "turn", log_id="circle", seconds=SECONDS, bystanders=1,
        speed_mps=speed_mps, radius_m=_CIRCLE_M,
    )  # fmt: skip
    t = (pl.col("timestamp_ns") - pl.col("timestamp_ns").min()) * 1e-9
    top_s = np.pi / _CIRCLE_RADPS
    return {
        **_without_poses(frames, top_s - 0.15, top_s + 0.15),
        # Long before the ego at the top, and just before it where the circle ends. It is lost from
        # sight meanwhile, wavers, and nobody says how fast it is.
        "tracks": frames["tracks"]
        .filter(~t.is_between(*_HIDDEN_S))
        .with_columns(pl.lit(None, pl.Float64).alias(f"velocity_{axis}_mps") for axis in "xy")
        .with_columns(
            x_m=pl.lit(0.0),
            y_m=2 * _CIRCLE_M - _ACROSS_MPS * (t - 1) + (2 * t).sin() / 2,
            heading_rad=pl.lit(-np.pi / 2),
        ),
    }


def _assisted_by_several(frames: Frames) -> Frames:
    """Have two more remote operators come in while the first one of the circle is there."""
    events = frames["interventions"]
    first = events.filter(log_id="circle", kind="remote_assistance")
    time, lasts = pl.col("timestamp_ns"), pl.col("end_ns") - pl.col("timestamp_ns")
    more = [
        first.with_columns(
            timestamp_ns=time + lasts * tenth // 10,
            end_ns=time + lasts * (tenth + 1) // 10,
            intervention_id=pl.lit(f"more_{tenth}"),
        )
        for tenth in (1, 5)
    ]
    return {**frames, "interventions": pl.concat([events, *more]).sort("log_id", "timestamp_ns")}


def _without_poses(frames: Frames, from_s: float, until_s: float) -> Frames:
    """Take away the ego's poses of some moments, and let it climb."""
    since_s = (pl.col("timestamp_ns") - pl.col("timestamp_ns").min()) * 1e-9
    kept = frames["ego_poses"].filter(~since_s.is_between(from_s, until_s, closed="none"))
    climbing = kept.with_columns(z_m=_CLIMBS_MPS * since_s)
    return {**frames, "ego_poses": climbing}


def _wild(frames: Frames, seed: int) -> Frames:
    """Have the ego accelerate and turn at random, a piece at a time, from where it starts."""
    rng = np.random.default_rng(seed)
    poses = frames["ego_poses"]
    t = (poses["timestamp_ns"] - poses["timestamp_ns"][0]).to_numpy() * 1e-9
    pieces = (t / _PIECE_S).astype(int)
    step_s = np.diff(t, prepend=0.0)
    changes = rng.choice(_ACCELERATIONS_MPS2, pieces[-1] + 1)[pieces] * step_s
    speed = _within(_SLOWEST_MPS[seed % len(_SLOWEST_MPS)], changes)
    heading = (rng.choice(_YAW_RATES_RADPS, pieces[-1] + 1)[pieces] * step_s).cumsum()
    moved = poses.with_columns(
        x_m=pl.Series((speed * np.cos(heading) * step_s).cumsum()),
        y_m=pl.Series((speed * np.sin(heading) * step_s).cumsum()),
        heading_rad=pl.Series(np.arctan2(np.sin(heading), np.cos(heading))),
    )
    wheels = frames["vehicle_speeds"].with_columns(speed_mps=pl.Series(speed))
    return {**frames, "ego_poses": moved, "vehicle_speeds": wheels}


def _within(slowest_mps: float, changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the speed after each change, held within what the ego can do."""
    speeds = [_FASTEST_MPS / 2]
    for change in changes:
        speeds.append(min(max(speeds[-1] + change, slowest_mps), _FASTEST_MPS))
    return np.array(speeds[1:])
