"""The synthetic corpus that `metrics.lock` pins: small, and with rows in every definition."""

import numpy as np
import polars as pl

from metrics_platform.testing.conformance import hardly_logs
from metrics_platform.testing.families import with_families
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform.testing.synthetic import scenario
from metrics_platform.testing.synthetic_frames import Frames

# Every scenario happens within these, with its usual parameters.
SECONDS = 10.0
# Sideways out of a lane of 3.5 m and back, by a car 1.9 m wide: its centre stays in.
_DRIFT_M = 1.3
_DRIFT_SPEED_MPS = 8.0
_DRIFT_AT_S, _DRIFT_S = 2.0, 4.0


def pinned_logs() -> Frames:
    """Return the logs of conformance, each scenario in full, and what no scenario shows.

    A hard turn and a drift out of the lane are among them, so that every derived definition has
    rows of some log.
    """
    parts = [
        *(scenario(name, seconds=SECONDS, bystanders=2) for name in SCENARIOS),
        scenario("turn", log_id="hard_turn", seconds=SECONDS, speed_mps=11.0, radius_m=25.0),
        _drifting(scenario("cruise", log_id="drift", seconds=SECONDS, speed_mps=_DRIFT_SPEED_MPS)),
    ]
    hardly = hardly_logs()
    whole = with_families({name: pl.concat([part[name] for part in parts]) for name in parts[0]})
    return {name: pl.concat([hardly[name], frame]) for name, frame in whole.items()}


def _drifting(frames: Frames) -> Frames:
    """Move an ego that drives along x to the left and back, in one wave."""
    t = (pl.col("timestamp_ns") - pl.col("timestamp_ns").min()) * 1e-9
    phase = ((t - _DRIFT_AT_S) / _DRIFT_S).clip(0, 1) * 2 * np.pi
    moved = frames["ego_poses"].with_columns(
        y_m=_DRIFT_M * (1 - phase.cos()) / 2,
        heading_rad=(_DRIFT_M * phase.sin() * np.pi / _DRIFT_S / _DRIFT_SPEED_MPS).arctan(),
    )
    return {**frames, "ego_poses": moved}
