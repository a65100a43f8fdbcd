"""What trackers are judged by: sequences of boxes, and the measures of identity and HOTA.

Numpy, not Polars: how a box is matched depends on the other boxes of its image, and on how well
whole tracks go together. All sequences are in one set of arrays, so that a thousand short ones cost
as much as a long one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.assignment import Booleans, Floats, Integers, best_matching

# Of TrackEval and of the paper: 0.05, 0.10, … 0.95.
ALPHAS: Floats = np.arange(0.05, 0.99, 0.05)
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """One side of many sequences: what there is, or what a tracker found.

    Attributes:
        unit: Sequence of each box, from 0.
        frame: Its image: greater is later in a sequence, and no two sequences share one.
        track: Its identity, a small number; no two sequences share one.
    """

    unit: Integers
    frame: Integers
    track: Integers


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """An object and a found box in the same image that are alike at all.

    Attributes:
        truth: Position of the object among the boxes of the truth.
        found: Position of the other among the found boxes.
        similarity: Above 0, up to 1.
        can_match: Whether CLEAR MOT may match them.
        can_identify: Whether they count as the same for the identity measures.
    """

    truth: Integers
    found: Integers
    similarity: Floats
    can_match: Booleans
    can_identify: Booleans


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Truth, found boxes and their pairs; `units` is the number of sequences."""

    truth: Boxes
    found: Boxes
    pairs: Pairs
    units: int

    @cached_property
    def track_pairs(self) -> "TrackPairs":
        """Return which tracks have to do with each other, for all measures to share."""
        tracks = self.found.track.max(initial=0) + 1
        both = self.truth.track[self.pairs.truth] * tracks + self.found.track[self.pairs.found]
        names, first, of_pair = np.unique(both, return_index=True, return_inverse=True)
        objects, found = np.divmod(names, tracks)
        return TrackPairs(
            truth=objects,
            found=found,
            unit=self.truth.unit[self.pairs.truth[first]],
            of_pair=of_pair,
        )


@dataclass(frozen=True, kw_only=True)
class TrackPairs:
    """Tracks of both sides that have a pair of boxes; `of_pair` says which, for each such pair."""

    truth: Integers
    found: Integers
    unit: Integers
    of_pair: npt.NDArray[np.intp]


def identity_statistics(sequences: Sequences) -> dict[str, Floats | Integers]:
    """Return in how many boxes the tracks agree, each with the one that it agrees most with.

    Source: Ristani et al. (2016), "Performance Measures and a Data Set for Multi-Target,
    Multi-Camera Tracking".
    """
    tracks = sequences.track_pairs
    alike = tracks.of_pair[sequences.pairs.can_identify]
    count = np.bincount(alike, minlength=len(tracks.unit))
    some = np.flatnonzero(count)
    best = some[
        best_matching(tracks.truth[some], tracks.found[some], count[some].astype(np.float64))
    ]  # fmt: skip
    agreed = np.bincount(tracks.unit[best], count[best], minlength=sequences.units)
    return {"identity_true_positives_count": agreed.astype(np.int64)}


def hota_statistics(sequences: Sequences) -> dict[str, Floats | Integers]:
    """Return what HOTA sums up in each sequence, of shape (sequences, thresholds).

    Source: Luiten et al. (2020), "HOTA: A Higher Order Metric for Evaluating Multi-Object
    Tracking".
    """
    truth, found, pairs = sequences.truth, sequences.found, sequences.pairs
    similarity = pairs.similarity
    # How well two tracks go together over the whole sequence decides which boxes are matched.
    total = np.bincount(pairs.truth, similarity, minlength=len(truth.track))[pairs.truth]
    total += np.bincount(pairs.found, similarity, minlength=len(found.track))[pairs.found]
    overlap = similarity / (total - similarity)
    tracks = sequences.track_pairs
    pair_of, names = tracks.of_pair, len(tracks.unit)
    aligned = np.bincount(pair_of, overlap, minlength=names)
    object_size = np.bincount(truth.track)[tracks.truth]
    found_size = np.bincount(found.track)[tracks.found]
    alignment = aligned / (object_size + found_size - aligned)
    matched = best_matching(pairs.truth, pairs.found, alignment[pair_of] * similarity)
    # How many of the thresholds a match passes; a threshold's matches are those that pass it.
    passed = np.searchsorted(ALPHAS - EPSILON, similarity[matched], side="right")
    unit = truth.unit[pairs.truth]
    counts = _at_or_above(pair_of[matched], passed, names)
    association = {
        "hota_association_ratio": object_size[:, None] + found_size[:, None] - counts,
        "hota_association_recall_ratio": np.broadcast_to(object_size[:, None], counts.shape),
        "hota_association_precision_ratio": np.broadcast_to(found_size[:, None], counts.shape),
    }
    sums: dict[str, Floats | Integers] = {}
    for name, size in association.items():
        sums[name] = np.zeros((sequences.units, len(ALPHAS)))
        np.add.at(sums[name], tracks.unit, counts * counts / np.maximum(size, 1))
    return {
        "hota_true_positives_count": _at_or_above(unit[matched], passed, sequences.units),
        **sums,
        "hota_similarity_ratio": _at_or_above(
            unit[matched], passed, sequences.units, similarity[matched]
        ),
    }


def _at_or_above(
    group: Integers, passed: npt.NDArray[np.intp], groups: int, weight: Floats | None = None
) -> Floats:
    """Return per group and threshold the number, or total weight, of those that pass it."""
    levels = len(ALPHAS) + 1
    cells = np.bincount(group * levels + passed, weight, minlength=groups * levels)
    table = cells.reshape(groups, levels).astype(np.float64)
    return np.cumsum(table[:, :0:-1], axis=1)[:, ::-1]
