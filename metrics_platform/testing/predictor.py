"""A predictor of road users, as part of a synthetic log."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metrics_platform.testing.answers import Known, Value
from metrics_platform.testing.predictions import (
    EVERY_S,
    FINAL_ERRORS_M,
    PROBABILITIES,
    STEP_S,
    STEPS,
    futures,
)
from metrics_platform.testing.recorded import Recorded, with_trajectories
from metrics_platform.testing.situations import Drive
from metrics_platform.testing.synthetic_frames import Frames

# Of Argoverse 2.
_HIT_M = 2.0
_HORIZON_S = STEPS * STEP_S


@dataclass(frozen=True)
class Predictor(Recorded):
    """A predictor that gives every road user but the last three futures, once a second.

    What is known of it exactly: errors grow evenly along a mode, up to those of `FINAL_ERRORS_M`;
    the best mode is never the most probable one. At the first moment everybody's future is asked
    for. It is judged by an annotation, so it takes `DetectorErrors`, with or without errors.
    """

    needs_annotation: ClassVar[bool] = True

    def frames(self, frames: Frames) -> Frames:
        """Add `predicted_trajectories` and `forecast_targets`."""
        made = futures(frames)
        added = with_trajectories(frames, made["predicted_trajectories"])
        return {**added, "forecast_targets": made["forecast_targets"]}

    def known(self, drive: Drive) -> Known:
        """Return errors and calibration, where anybody is predicted to the end."""
        predicted = drive.users - 1
        if predicted < 1 or drive.seconds < _HORIZON_S:
            return {}
        errors: dict[str, Value] = {"predictions": predicted, "unpredicted_targets": 1}
        for k, mode in ((1, int(np.argmax(PROBABILITIES))), (6, int(np.argmin(FINAL_ERRORS_M)))):
            final = FINAL_ERRORS_M[mode]
            # Of 1/6, 2/6, … 1 of it.
            mean = final * (STEPS + 1) / (2 * STEPS)
            errors |= {
                f"min_ade_{k}_m": mean,
                f"ade_of_best_fde_{k}_m": mean,
                f"min_fde_{k}_m": final,
                f"brier_min_fde_{k}_m": final + (1 - PROBABILITIES[mode]) ** 2,
                f"miss_rate_{k}": float(final > _HIT_M),
            }
        rounds = int((drive.seconds - _HORIZON_S) / EVERY_S + 1e-9) + 1
        best = int(np.argmin(FINAL_ERRORS_M))
        # Each probability is in a bin of its own, of which all or none is the best.
        off = [abs((mode == best) - share) for mode, share in enumerate(PROBABILITIES)]
        return {
            "prediction_errors": errors,
            "prediction_calibration": {
                "calibrated_modes": rounds * predicted * len(off),
                "expected_calibration_error": sum(off) / len(off),
                "max_calibration_error": max(off),
            },
        }
