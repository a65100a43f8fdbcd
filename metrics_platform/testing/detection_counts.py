"""What benchmarks make of a detector's counts, by formula."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics_platform.core.definitions import Tolerance
from metrics_platform.testing.answers import About, Value

# Of nuScenes and Argoverse 2: within which a box can be right, and at which errors are taken.
THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
_ERROR_THRESHOLD_M = 2.0
# nuScenes reads precision at the recalls .11, .12, … 1, and only what is beyond 0.1 of it.
_RECALLS, _LEAST_PRECISION = np.arange(11, 101) / 100, 0.1
# Argoverse 2 at 0, .01, … 1, of which it takes the greatest there or beyond.
_AV2_RECALLS = np.arange(101) / 100
_BETWEEN_RECALLS = "precision falls at the recall that is reached, between two that it is read at"


@dataclass(frozen=True)
class Counts:
    """How many boxes of one category there are of each kind, as the annotation names it.

    Attributes:
        truths: Annotated.
        missed: Of them, without a box of the detector.
        misclassified: Of them, found as something else.
        false: Boxes of the detector that say so, where nothing is at all.
        false_class: Boxes that say so of something else.
    """

    truths: int = 0
    missed: int = 0
    misclassified: int = 0
    false: int = 0
    false_class: int = 0

    @property
    def found(self) -> int:
        """True positives, where the class matters."""
        return self.truths - self.missed - self.misclassified

    @property
    def recall(self) -> float:
        """Of the truths, how many were found as what they are."""
        return self.found / self.truths

    @property
    def precision(self) -> float:
        """Of the boxes of that category, how many are right."""
        return self.found / (self.found + self.false + self.false_class)


def nuscenes_answers(
    counts: Sequence[Counts], error_m: float, turned_rad: float, *, surest_when_wrong: bool
) -> dict[str, dict[str, Value]]:
    """Return the scores by the rules of nuScenes.

    Args:
        counts: Of each annotated class.
        error_m: By which every box that is right is displaced.
        turned_rad: By which it is turned.
        surest_when_wrong: Whether what is wrong has the greater scores.
    """
    precisions = [_precision(c, surest_when_wrong) for c in counts]
    beyond = [np.maximum(p - _LEAST_PRECISION, 0) / (1 - _LEAST_PRECISION) for p in precisions]
    mean_ap = _reached(error_m) * float(np.mean(beyond))
    step = Tolerance(absolute=1.01 / len(_RECALLS))
    scores: dict[str, Value] = {"mean_ap": About(mean_ap, step, _BETWEEN_RECALLS)}
    if min(c.recall for c in counts) > _RECALLS[0] + 0.01:
        # Scale and velocity are right, attributes unknown.
        score = (5 * mean_ap + max(0.0, 1 - error_m) + max(0.0, 1 - turned_rad) + 2) / 10
        scores["nds"] = About(score, step, _BETWEEN_RECALLS)
    found = any(c.found for c in counts) and error_m < _ERROR_THRESHOLD_M
    errors = {"heading_error_rad": turned_rad, "velocity_error_mps": 0.0, "flipped_ratio": 0.0}
    return {"nuscenes_detection": scores, "matched_box_errors": {**errors} if found else {}}


def av2_answers(
    counts: Sequence[Counts], error_m: float, turned_rad: float
) -> dict[str, dict[str, Value]]:
    """Return the scores by the rules of Argoverse 2, where what is wrong has lower scores.

    Args:
        counts: Of each annotated class.
        error_m: By which every box that is right is displaced.
        turned_rad: By which it is turned.
    """
    precisions = [
        _reached(error_m) * float((c.recall >= _AV2_RECALLS - 1e-9).mean()) for c in counts
    ]
    # Of the three errors, that of scale is 0; 2 m and pi are the worst of the others.
    off = (error_m / _ERROR_THRESHOLD_M + turned_rad / math.pi) / 3
    goodness = [1 - off if c.found else 0.0 for c in counts]
    scores = np.multiply(precisions, goodness)
    step = Tolerance(absolute=1.01 / len(_AV2_RECALLS))
    return {
        "av2_detection": {
            "mean_ap": About(float(np.mean(precisions)), step, _BETWEEN_RECALLS),
            "cds": About(float(np.mean(scores)), step, _BETWEEN_RECALLS),
        }
    }


def _reached(error_m: float) -> float:
    """Return the share of the thresholds within which a box is right."""
    return sum(error_m < threshold for threshold in THRESHOLDS_M) / len(THRESHOLDS_M)


def _precision(counts: Counts, surest_when_wrong: bool) -> NDArray[np.float64]:
    """Return the precision at each recall that nuScenes reads, 0 beyond the last one."""
    if not surest_when_wrong:
        return np.where(counts.recall >= _RECALLS - 1e-9, 1.0, 0.0)
    right = np.arange(counts.found + 1)
    precision = right / np.maximum(right + counts.false + counts.false_class, 1)
    return np.interp(_RECALLS, right / counts.truths, precision, right=0.0)
