"""CLEAR MOT over many sequences at once.

Numpy, not Polars: a match depends on the other boxes of its image and on the matches before it.
Where a box can be matched in one way only, all sequences are decided together; Python looks at the
others, in the order of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.assignment import Booleans, Integers, by_component, hungarian
from metrics_platform.kernels.tracking import Boxes, Pairs, Sequences

# TrackEval's: to go on with a track outweighs any similarity.
_GOES_ON = 1000.0


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
    order, starts = by_component(pairs.truth[edges], pairs.found[edges])
    sizes = np.diff(starts)
    grouped = edges[order]
    alone = grouped[np.repeat(sizes == 1, sizes)]
    open_groups = [
        grouped[start:stop]
        for start, stop in zip(starts[:-1][sizes > 1], starts[1:][sizes > 1], strict=True)
    ]
    step = _steps(truth, found)
    chosen = [alone, *_contested(sequences, alone, open_groups, step, convention)]
    matched = np.concatenate(chosen)
    at = pairs.truth[matched]
    return matched[np.lexsort((truth.frame[at], truth.track[at]))]


def _steps(truth: Boxes, found: Boxes) -> Integers:
    """Number the images of the objects, counting those only in which something was found, too."""
    both = np.unique(np.intersect1d(truth.frame, found.frame))
    return np.searchsorted(both, truth.frame, side="right").astype(np.int64)


def _contested(
    sequences: Sequences,
    alone: npt.NDArray[np.intp],
    groups: list[npt.NDArray[np.intp]],
    step: Integers,
    convention: Convention,
) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the matches of each group of pairs that share boxes, in the order of time."""
    truth, found, pairs = sequences.truth, sequences.found, sequences.pairs
    if not groups:
        return
    objects, tracks = _tracks_of(sequences, alone)
    before = _Before(objects, step[pairs.truth[alone]], tracks)
    for group in sorted(groups, key=lambda group: truth.frame[pairs.truth[group[0]]]):
        objects, tracks = pairs.truth[group], found.track[pairs.found[group]]
        now = int(step[objects[0]])
        last = [before.last(int(track), now) for track in truth.track[objects]]
        if convention.keeps_last:
            goes_on = np.array([match[1] for match in last]) == tracks
            matched = _kept_then_most(pairs, group, truth.track[objects], goes_on)
        else:
            continued = [(now - 1, int(track)) for track in tracks]
            goes_on = np.array([a == b for a, b in zip(last, continued, strict=True)])
            weight = pairs.similarity[group] + _GOES_ON * goes_on
            matched = group[hungarian(pairs.truth[group], pairs.found[group], weight)]
        for track, partner in zip(*_tracks_of(sequences, matched), strict=True):
            before.put(int(track), now, int(partner))
        yield matched


class _Before:
    """What an object was last matched to: by the sure matches, and by those put in since."""

    def __init__(self, track: Integers, step: Integers, found: Integers) -> None:
        order = np.lexsort((step, track))
        self._track, self._step, self._found = track[order], step[order], found[order]
        self._since: dict[int, tuple[int, int]] = {}

    def last(self, track: int, now: int) -> tuple[int, int]:
        """Return the step and the found track of the last match before `now`; (-1, -1) if none."""
        start, stop = np.searchsorted(self._track, [track, track + 1])
        at = start + int(np.searchsorted(self._step[start:stop], now)) - 1
        sure = (int(self._step[at]), int(self._found[at])) if at >= start else (-1, -1)
        return max(sure, self._since.get(track, (-1, -1)))

    def put(self, track: int, step: int, found: int) -> None:
        self._since[track] = (step, found)


def _kept_then_most(
    pairs: Pairs, group: npt.NDArray[np.intp], objects: Integers, goes_on: Booleans
) -> npt.NDArray[np.intp]:
    """Match what was matched before, by the number of the object, then as many as possible."""
    kept: list[int] = []
    truths, founds = pairs.truth[group], pairs.found[group]
    free = np.ones(len(group), dtype=np.bool_)
    for at in np.flatnonzero(goes_on)[np.argsort(objects[goes_on])]:
        if free[at]:
            kept.append(at)
            free &= (truths != truths[at]) & (founds != founds[at])
    if free.any():
        # One match more outweighs all similarities, each of which is at most 1.
        weight = pairs.similarity[group[free]] + len(group) + 1
        kept.extend(np.flatnonzero(free)[hungarian(truths[free], founds[free], weight)])
    return group[kept]


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


def clear_statistics(
    sequences: Sequences, convention: Convention
) -> dict[str, npt.NDArray[np.generic]]:
    """Return what CLEAR MOT counts in each sequence."""
    truth, pairs = sequences.truth, sequences.pairs
    matches = clear_matches(sequences, convention)
    unit = truth.unit[pairs.truth[matches]]

    def per_unit(unit: Integers) -> Integers:
        return np.bincount(unit, minlength=sequences.units).astype(np.int64)

    tracks, box_track, sizes = np.unique(truth.track, return_inverse=True, return_counts=True)
    track_unit = np.zeros(len(tracks), dtype=np.int64)
    track_unit[box_track] = truth.unit
    share = np.bincount(box_track[pairs.truth[matches]], minlength=len(tracks)) / sizes
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
