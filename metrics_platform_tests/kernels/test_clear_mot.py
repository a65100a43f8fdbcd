"""CLEAR MOT by hand: where the two conventions agree, and where they don't."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.clear_mot import CONVENTIONS, clear_matches, clear_statistics
from metrics_platform.kernels.tracking import Boxes, Pairs, Sequences

TRACKEVAL, MOTMETRICS = "trackeval_1", "motmetrics_1"
# Per image: pairs of object and track with their similarity; a similarity of 0 says that both are
# there, and None that only one of them is.
Image = list[tuple[int | None, int | None, float]]


@dataclass(frozen=True)
class Counts:
    matched: int
    switches: int
    interruptions: int


def sequences_of(images: list[Image]) -> Sequences:
    sides: list[list[tuple[int, int]]] = [[], []]
    pairs = []
    for frame, image in enumerate(images):
        for truth, found, similarity in image:
            for side, track in zip(sides, (truth, found), strict=True):
                if track is not None and (frame, track) not in side:
                    side.append((frame, track))
            if truth is not None and found is not None and similarity > 0:
                at = (sides[0].index((frame, truth)), sides[1].index((frame, found)))
                pairs.append((*at, similarity))
    first, second = (np.array(side, dtype=np.int64).reshape(-1, 2) for side in sides)
    table = np.array(pairs).reshape(-1, 3)
    return Sequences(
        truth=_boxes(first),
        found=_boxes(second),
        pairs=Pairs(
            truth=table[:, 0].astype(np.int64),
            found=table[:, 1].astype(np.int64),
            similarity=table[:, 2],
            can_match=table[:, 2] >= 0.5,
            can_identify=table[:, 2] >= 0.5,
        ),
        units=1,
    )


def _boxes(rows: np.ndarray) -> Boxes:
    return Boxes(unit=np.zeros(len(rows), dtype=np.int64), frame=rows[:, 0], track=rows[:, 1])


def counts(images: list[Image], convention: str) -> Counts:
    made = clear_statistics(sequences_of(images), CONVENTIONS[convention])
    return Counts(
        *(
            int(made[name].item())
            for name in ("true_positives_count", "switches_count", "fragmentations_count")
        )
    )


def both(one: float, other: float) -> Image:
    """Return an image with one object and two tracks."""
    return [(1, 1, one), (1, 2, other)]


@pytest.mark.parametrize(
    ("images", "trackeval", "motmetrics"),
    [
        pytest.param([], Counts(0, 0, 0), Counts(0, 0, 0), id="nothing"),
        pytest.param([[(1, 1, 0.9)]], Counts(1, 0, 0), Counts(1, 0, 0), id="one_image"),
        pytest.param(
            [[(1, 1, 0.9)], [(1, 2, 0.9)], [(1, 1, 0.9)]],
            Counts(3, 2, 0),
            Counts(3, 2, 0),
            id="there_and_back",
        ),
        pytest.param(
            # The track that was matched stays, though the other overlaps more.
            [[(1, 1, 0.6)], both(0.6, 0.9)],
            Counts(2, 0, 0),
            Counts(2, 0, 0),
            id="goes_on",
        ),
        pytest.param(
            # Not matched for an image: only motmetrics remembers what was before it.
            [[(1, 1, 0.6)], both(0.1, 0.1), both(0.6, 0.9)],
            Counts(2, 1, 1),
            Counts(2, 0, 1),
            id="remembered_across_a_gap",
        ),
        pytest.param(
            # The object isn't there in between, and something else was found.
            [[(1, 1, 0.9)], [(2, 2, 0.1)], [(1, 1, 0.9)]],
            Counts(2, 0, 1),
            Counts(2, 0, 0),
            id="away_is_a_fragmentation_for_trackeval",
        ),
        pytest.param(
            # Images in which one side is empty are no images for TrackEval.
            [[(1, 1, 0.6)], [(1, None, 0)], both(0.6, 0.9)],
            Counts(2, 0, 0),
            Counts(2, 0, 1),
            id="nothing_found_in_between",
        ),
        pytest.param(
            # Three matches add up to 1.5, two others to 1.8: motmetrics wants as many as possible.
            [[(1, 1, 0.5), (2, 2, 0.5), (3, 3, 0.5), (1, 2, 0.9), (2, 3, 0.9)]],
            Counts(2, 0, 0),
            Counts(3, 0, 0),
            id="most_or_best",
        ),
        pytest.param(
            # Both objects were on track 1 last. With TrackEval it stays where it was just before,
            # with motmetrics the first of them has it, and the other gets another.
            [[(1, 1, 0.9)], [(2, 1, 0.9)], [(1, 1, 0.6), (2, 1, 0.9), (2, 2, 0.6)]],
            Counts(3, 0, 0),
            Counts(4, 1, 0),
            id="two_lay_claim",
        ),
    ],
)
def test_conventions(images: list[Image], trackeval: Counts, motmetrics: Counts) -> None:
    assert counts(images, TRACKEVAL) == trackeval
    assert counts(images, MOTMETRICS) == motmetrics


@pytest.mark.parametrize(
    ("matched", "of", "trackeval", "motmetrics"),
    [
        pytest.param(4, 5, "partially", "mostly", id="exactly_80_percent"),
        pytest.param(9, 10, "mostly", "mostly", id="above"),
        pytest.param(1, 5, "partially", "partially", id="exactly_20_percent"),
        pytest.param(1, 6, "lost", "lost", id="below"),
        pytest.param(0, 3, "lost", "lost", id="never"),
    ],
)
def test_mostly_tracked(matched: int, of: int, trackeval: str, motmetrics: str) -> None:
    images: list[Image] = [[(1, 1, 0.9 if at < matched else 0.1)] for at in range(of)]
    names = {
        "mostly": "mostly_tracked_count",
        "partially": "partially_tracked_count",
        "lost": "mostly_lost_count",
    }
    for convention, expected in ((TRACKEVAL, trackeval), (MOTMETRICS, motmetrics)):
        made = clear_statistics(sequences_of(images), CONVENTIONS[convention])
        assert {name: made[column].item() for name, column in names.items()} == {
            **dict.fromkeys(names, 0),
            expected: 1,
        }


similarities = st.lists(st.lists(st.floats(0, 1), min_size=9, max_size=9), min_size=1, max_size=8)


@given(similarities, st.sampled_from([TRACKEVAL, MOTMETRICS]))
@settings(max_examples=60, deadline=None)
def test_a_matching_is_one_to_one_and_leaves_no_pair_that_is_free(
    drawn: list[list[float]], convention: str
) -> None:
    images: list[Image] = [
        [(at // 3, at % 3, value) for at, value in enumerate(image)] for image in drawn
    ]
    sequences = sequences_of(images)
    pairs = sequences.pairs
    chosen = clear_matches(sequences, CONVENTIONS[convention])
    for side in (pairs.truth, pairs.found):
        assert len(np.unique(side[chosen])) == len(chosen)
    assert pairs.can_match[chosen].all()
    free = (
        pairs.can_match
        & ~np.isin(pairs.truth, pairs.truth[chosen])
        & ~np.isin(pairs.found, pairs.found[chosen])
    )
    assert not free.any()
