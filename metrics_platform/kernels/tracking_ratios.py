"""The scores of trackers, from sums over their matches: CLEAR MOT, identity, HOTA.

Numpy, not Polars: HOTA's sums have a threshold as second dimension, and for one short log a query
of that many columns costs more to plan than to run. A score is NaN where nothing says what it is.
"""

from collections.abc import Mapping

import numpy as np

from metrics_platform.kernels.assignment import Booleans, Floats, Integers

Sums = Mapping[str, Floats | Integers]


def clear_and_identity(sums: Sums) -> dict[str, Floats]:
    """Return the scores of CLEAR MOT and the identity measures, by the names of their columns."""
    truth, found = sums["truth_count"], sums["found_count"]
    matched, agreed = sums["true_positives_count"], sums["identity_true_positives_count"]
    errors = sums["misses_count"] + sums["false_positives_count"] + sums["switches_count"]
    # Rounding can bring the mean of ones above one.
    similarity = np.clip(_ratio(sums["similarity_total_ratio"], matched), 0.0, 1.0)
    return {
        "mota_ratio": 1 - _ratio(errors, truth),
        "motp_similarity_ratio": similarity,
        "motp_distance_ratio": 1 - similarity,
        "recall_ratio": _ratio(matched, truth),
        "precision_ratio": _ratio(matched, found),
        "idf1_ratio": _ratio(2 * agreed, truth + found),
        "idp_ratio": _ratio(agreed, found),
        "idr_ratio": _ratio(agreed, truth),
    }


def hota(sums: Sums) -> dict[str, Floats]:
    """Return the scores of HOTA, by the names of their columns: means over its thresholds."""
    truth, found = sums["truth_count"][:, None], sums["found_count"][:, None]
    matched = sums["hota_true_positives_count"]

    def per_match(name: str, without: float) -> Floats:
        """Return the mean of a sum over the matches of a threshold."""
        mean = np.clip(_ratio(sums[name], matched), 0.0, 1.0)
        return np.where(matched > 0, mean, without)

    # Where a threshold has no match, TrackEval takes 0 for the association, 1 for the place.
    detected = _ratio(matched, truth + found - matched)
    associated = per_match("hota_association_ratio", 0.0)
    recalled = per_match("hota_association_recall_ratio", 0.0)
    precise = per_match("hota_association_precision_ratio", 0.0)
    located = per_match("hota_similarity_ratio", 1.0)
    scores = {
        "hota_ratio": np.sqrt(detected * associated),
        "det_a_ratio": detected,
        "ass_a_ratio": _where(truth + found > 0, associated),
        "loc_a_ratio": _where(matched.sum(axis=1, keepdims=True) > 0, located),
        "det_re_ratio": _ratio(matched, truth),
        "det_pr_ratio": _ratio(matched, found),
        "ass_re_ratio": _where(truth > 0, recalled),
        "ass_pr_ratio": _where(found > 0, precise),
    }
    return {name: values.mean(axis=1) for name, values in scores.items()}


def _ratio(part: Floats | Integers, whole: Floats | Integers) -> Floats:
    shape = np.broadcast_shapes(part.shape, whole.shape)
    ratio: Floats = np.divide(part, whole, out=np.full(shape, np.nan), where=whole > 0)
    return ratio


def _where(known: Booleans, values: Floats) -> Floats:
    return np.where(known, values, np.nan)
