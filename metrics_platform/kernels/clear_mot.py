"""CLEAR MOT over many sequences at once.

Numpy, not Polars: a match depends on the other boxes of its image and on the matches before it.
Where a box can be matched in one way only, all sequences are decided together; Python looks at the
others, in the order of time.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.assignment import (
    Booleans,
    Floats,
    Integers,
    best_of_one,
    by_component,
)
from metrics_platform.kernels.tracking import Boxes, Sequences

# TrackEval's: to go on with a track outweighs any similarity.
_GOES_ON = 1000.0
# The last match of an object that had none.
_NEVER = -1


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Where implementations of CLEAR MOT differ, though they cite the same paper.

    Attributes:
        keeps_last: An object stays with the track it was last matched to, however long ago, before
            anything else is matched, and then as many as possible are matched. Otherwise only the
            image before counts, and the total of the similarities decides after it.
        gaps_in_own_images: A match is interrupted where the object is there and isn't matched.
            Otherwise also where it is not there, in an image with objects and boxes.
        mostly_from_ratio: An object with this share of its boxes matched is mostly tracked.
        inclusive: Whether exactly that share is enough.
    """

    keeps_last: bool
    gaps_in_own_images: bool
    mostly_from_ratio: float = 0.8
    lost_below_ratio: float = 0.2
    inclusive: bool


# A name never changes its meaning.
CONVENTIONS = MappingProxyType(
    {
        "trackeval_1": Convention(keeps_last=False, gaps_in_own_images=False, inclusive=False),
        "motmetrics_1": Convention(keeps_last=True, gaps_in_own_images=True, inclusive=True),
    }
)


def clear_matches(sequences: Sequences, convention: Convention) -> npt.NDArray[np.intp]:
    """Return the pairs that CLEAR MOT matches, sorted by object and image.

    Two boxes that nobody else could be matched to are matched whatever was before, so only the
    others are gone through in the order of time.

    Source: Bernardin & Stiefelhagen (2008), "Evaluating Multiple Object Tracking Performance".
    """
    truth, found, pairs = sequences.truth, sequences.found, sequences.pairs
    edges = np.flatnonzero(pairs.can_match)
    sides = pairs.truth[edges], pairs.found[edges]
    single = (np.bincount(nodes)[nodes] == 1 for nodes in sides)
    alone = np.logical_and(*single)
    step = _steps(truth, found)
    contested = _contested(sequences, edges[alone], edges[~alone], step, convention)
    matched = np.concatenate([edges[alone], contested])
    at = pairs.truth[matched]
    return matched[np.lexsort((truth.frame[at], truth.track[at]))]


def _steps(truth: Boxes, found: Boxes) -> Integers:
    """Number the images of the objects, counting those only in which something was found, too."""
    both = np.unique(np.intersect1d(truth.frame, found.frame))
    return np.searchsorted(both, truth.frame, side="right").astype(np.int64)


def _contested(
    sequences: Sequences,
    alone: npt.NDArray[np.intp],
    edges: npt.NDArray[np.intp],
    step: Integers,
    convention: Convention,
) -> npt.NDArray[np.intp]:
    """Return the matches among pairs that share boxes, group by group in the order of time.

    In lists of Python's, since most groups are of two or three pairs. A match is one number, which
    is greater for later ones: its step times the number of tracks, and its track.
    """
    truth, pairs = sequences.truth, sequences.pairs
    order, starts = by_component(pairs.truth[edges], pairs.found[edges])
    edges = edges[order]
    in_time = np.argsort(truth.frame[pairs.truth[edges[starts[:-1]]]], kind="stable")
    bounds = np.stack([starts[:-1], starts[1:]])[:, in_time].T.tolist()
    tracks = int(sequences.found.track.max(initial=0)) + 2
    match = _as_numbers(sequences, edges, step, tracks)
    # With the last match kept, whenever it was, its track alone has to be the same.
    every = tracks if convention.keeps_last else np.iinfo(np.int64).max
    wanted = (match % tracks if convention.keeps_last else match - tracks).tolist()
    sure = _last_before(sequences, alone, edges, step, tracks)
    objects, match = truth.track[pairs.truth[edges]].tolist(), match.tolist()
    ends, others = pairs.truth[edges].tolist(), pairs.found[edges].tolist()
    similarity = pairs.similarity[edges].tolist()
    choose = _kept_then_most if convention.keeps_last else _best_going_on
    since: dict[int, int] = {}
    matched: list[int] = []
    for start, stop in bounds:
        goes_on = [
            max(sure[at], since.get(objects[at], _NEVER)) % every == wanted[at]
            for at in range(start, stop)
        ]
        some = slice(start, stop)
        group = _Group(ends[some], others[some], similarity[some], objects[some])
        for place in choose(group, goes_on):
            at = start + place
            since[objects[at]] = match[at]
            matched.append(at)
    return edges[matched]


def _as_numbers(
    sequences: Sequences, edges: npt.NDArray[np.intp], step: Integers, tracks: int
) -> Integers:
    pairs = sequences.pairs
    return step[pairs.truth[edges]] * tracks + sequences.found.track[pairs.found[edges]]


def _last_before(
    sequences: Sequences,
    matches: npt.NDArray[np.intp],
    edges: npt.NDArray[np.intp],
    step: Integers,
    tracks: int,
) -> list[int]:
    """Return the last of `matches` of the object of each edge before it."""
    truth, steps = sequences.pairs.truth, step.max(initial=0) + 1
    at_matches, at_edges = (
        sequences.truth.track[truth[some]] * steps + step[truth[some]] for some in (matches, edges)
    )
    order = np.argsort(at_matches)
    numbers = np.append(_as_numbers(sequences, matches[order], step, tracks), _NEVER)
    at_matches = np.append(at_matches[order], _NEVER)
    # Before the first one stands the last, which is none.
    at = np.searchsorted(at_matches[:-1], at_edges) - 1
    same = at_matches[at] // steps == at_edges // steps
    last: list[int] = np.where(same, numbers[at], _NEVER).tolist()
    return last


class _Group(NamedTuple):
    """Pairs that share boxes: where their boxes are, how similar, and the objects' tracks."""

    truth: list[int]
    found: list[int]
    similarity: list[float]
    objects: list[int]


def _best_going_on(group: _Group, goes_on: list[bool]) -> list[int]:
    """Match what has the greatest similarity in all, and goes on with as much as it can."""
    weight = [a + _GOES_ON * b for a, b in zip(group.similarity, goes_on, strict=True)]
    return best_of_one(group.truth, group.found, weight)


def _kept_then_most(group: _Group, goes_on: list[bool]) -> list[int]:
    """Match what was matched before, by the number of the object, then as many as possible."""
    kept: list[int] = []
    truth, found, similarity, objects = group
    free = list(range(len(truth)))
    for at in sorted((at for at in free if goes_on[at]), key=objects.__getitem__):
        if at in free:
            kept.append(at)
            free = [b for b in free if truth[b] != truth[at] and found[b] != found[at]]
    # One match more outweighs all similarities, each of which is at most 1.
    weight = [similarity[at] + len(truth) + 1 for at in free]
    more = best_of_one([truth[at] for at in free], [found[at] for at in free], weight)
    return kept + [free[at] for at in more]


def switches(sequences: Sequences, matches: npt.NDArray[np.intp]) -> Booleans:
    """Return at which of the `matches` an object has another track than at its match before."""
    objects, tracks = _tracks_of(sequences, matches)
    switched = np.zeros(len(matches), dtype=np.bool_)
    switched[1:] = (objects[1:] == objects[:-1]) & (tracks[1:] != tracks[:-1])
    return switched


def interruptions(
    sequences: Sequences, matches: npt.NDArray[np.intp], convention: Convention
) -> Booleans:
    """Return at which of the `matches` an object is found again after it had been lost."""
    truth = sequences.truth
    if convention.gaps_in_own_images:
        place = np.empty(len(truth.frame), dtype=np.int64)
        place[np.lexsort((truth.frame, truth.track))] = np.arange(len(truth.frame))
    else:
        place = _steps(truth, sequences.found)
    objects, _ = _tracks_of(sequences, matches)
    at = place[sequences.pairs.truth[matches]]
    again = np.zeros(len(matches), dtype=np.bool_)
    again[1:] = (objects[1:] == objects[:-1]) & (np.diff(at) > 1)
    return again


def _tracks_of(sequences: Sequences, matches: npt.NDArray[np.intp]) -> tuple[Integers, Integers]:
    pairs = sequences.pairs
    return (
        sequences.truth.track[pairs.truth[matches]],
        sequences.found.track[pairs.found[matches]],
    )


def clear_statistics(sequences: Sequences, convention: Convention) -> dict[str, Floats | Integers]:
    """Return what CLEAR MOT counts in each sequence."""
    truth, pairs = sequences.truth, sequences.pairs
    matches = clear_matches(sequences, convention)
    unit = truth.unit[pairs.truth[matches]]

    def per_unit(unit: Integers) -> Integers:
        return np.bincount(unit, minlength=sequences.units).astype(np.int64)

    sizes = np.bincount(truth.track)
    tracks = np.flatnonzero(sizes)
    track_unit = np.zeros(len(sizes), dtype=np.int64)
    track_unit[truth.track] = truth.unit
    track_unit = track_unit[tracks]
    found = np.bincount(truth.track[pairs.truth[matches]], minlength=len(sizes))
    share = found[tracks] / sizes[tracks]
    mostly = share > convention.mostly_from_ratio
    if convention.inclusive:
        mostly = share >= convention.mostly_from_ratio
    lost = share < convention.lost_below_ratio
    return {
        "truth_count": per_unit(truth.unit),
        "found_count": per_unit(sequences.found.unit),
        "true_positives_count": per_unit(unit),
        "switches_count": per_unit(unit[switches(sequences, matches)]),
        "fragmentations_count": per_unit(unit[interruptions(sequences, matches, convention)]),
        "mostly_tracked_count": per_unit(track_unit[mostly]),
        "partially_tracked_count": per_unit(track_unit[~mostly & ~lost]),
        "mostly_lost_count": per_unit(track_unit[lost]),
        "similarity_total_ratio": np.bincount(
            unit, pairs.similarity[matches], minlength=sequences.units
        ),
    }
