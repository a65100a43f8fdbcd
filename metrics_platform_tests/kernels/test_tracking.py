"""Identity measures and HOTA by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.tracking import ALPHAS, hota_statistics, identity_statistics
from metrics_platform_tests.kernels.test_clear_mot import Image, sequences_of


@pytest.mark.parametrize(
    ("images", "agreed"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([[(1, 1, 0.9)]] * 3, 3, id="one_track"),
        pytest.param([[(1, 1, 0.9)]] * 3 + [[(1, 2, 0.9)]] * 2, 3, id="the_longer_part"),
        pytest.param([[(1, 1, 0.4)]], 0, id="too_far"),
        pytest.param(
            # Track 1 goes with object 1 for 3 images, with object 2 for 2; object 1 with track 2
            # for 2: together 4 rather than 3.
            [[(1, 1, 0.9)]] * 3 + [[(2, 1, 0.9)]] * 2 + [[(1, 2, 0.9)]] * 2,
            4,
            id="not_the_greatest_part",
        ),
        pytest.param([[(1, None, 0), (None, 1, 0)]], 0, id="no_pairs"),
    ],
)
def test_identity(images: list[Image], agreed: int) -> None:
    made = identity_statistics(sequences_of(images))
    assert made["identity_true_positives_count"].tolist() == [agreed]


def test_hota_of_a_track_that_breaks() -> None:
    # Four images at similarity 0.5; the third and fourth belong to another track.
    images: list[Image] = [[(1, 1, 0.5)], [(1, 1, 0.5)], [(1, 2, 0.5)], [(1, 2, 0.5)]]
    made = {name: values[0] for name, values in hota_statistics(sequences_of(images)).items()}
    passed = ALPHAS < 0.51
    assert passed.sum() == 10
    assert made["hota_true_positives_count"].tolist() == (4 * passed).tolist()
    # Of the object's four boxes and the track's two, two agree: 2 / (4 + 2 - 2).
    assert made["hota_association_ratio"] == pytest.approx(4 * 0.5 * passed)
    assert made["hota_association_recall_ratio"] == pytest.approx(4 * 0.5 * passed)
    assert made["hota_association_precision_ratio"] == pytest.approx(4 * 1.0 * passed)
    assert made["hota_similarity_ratio"] == pytest.approx(4 * 0.5 * passed)


def test_hota_matches_what_goes_together_in_the_whole_sequence() -> None:
    # In the last image track 2 overlaps more, but track 1 was there all along.
    before: Image = [(1, 1, 0.9)]
    last: Image = [(1, 1, 0.6), (1, 2, 0.8)]
    images = [*[before] * 5, last]
    made = hota_statistics(sequences_of(images))
    expected = [5 * 0.9 + 0.6 if alpha <= 0.6 + 1e-9 else 5 * 0.9 for alpha in ALPHAS]
    expected = [
        value if alpha <= 0.9 + 1e-9 else 0.0 for alpha, value in zip(ALPHAS, expected, strict=True)
    ]
    assert made["hota_similarity_ratio"][0] == pytest.approx(expected)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([], id="nothing"),
        pytest.param([[(1, None, 0)]], id="nothing_found"),
        pytest.param([[(None, 1, 0)]], id="nothing_to_find"),
    ],
)
def test_hota_of_one_side(images: list[Image]) -> None:
    for values in hota_statistics(sequences_of(images)).values():
        assert values.shape == (1, len(ALPHAS))
        assert not values.any()


images_of = st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=6)


@given(images_of)
@settings(max_examples=60, deadline=None)
def test_hota_never_gains_by_a_higher_threshold(drawn: list[list[float]]) -> None:
    images: list[Image] = [
        [(at // 3, at % 3, value) for at, value in enumerate(image)] for image in drawn
    ]
    made = {name: values[0] for name, values in hota_statistics(sequences_of(images)).items()}
    matched = made["hota_true_positives_count"]
    assert (np.diff(matched) <= 0).all()
    for name, values in made.items():
        assert (values <= matched + 1e-9).all(), name
    assert math.isclose(made["hota_similarity_ratio"].max(), made["hota_similarity_ratio"][0])
