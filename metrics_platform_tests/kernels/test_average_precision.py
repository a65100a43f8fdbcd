"""Curves of all groups at once against numpy, group by group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.average_precision import (
    RECALLS,
    Curves,
    at_confidences,
    greatest_from_here,
    running_mean,
)

# Hits of the detections of a group, and how many objects were not found.
groups = st.lists(
    st.tuples(st.lists(st.booleans(), max_size=30), st.integers(0, 30)), min_size=1, max_size=5
).filter(lambda drawn: all(any(hits) or missed for hits, missed in drawn))


def curves_of(drawn: list[tuple[list[bool], int]]) -> Curves:
    return Curves(
        hits=np.array([hit for hits, _ in drawn for hit in hits], dtype=bool),
        starts=np.cumsum([0] + [len(hits) for hits, _ in drawn]),
        truths=np.array([sum(hits) + missed for hits, missed in drawn]),
    )


@given(groups)
def test_at_recalls_is_numpys_interpolation(drawn: list[tuple[list[bool], int]]) -> None:
    curves = curves_of(drawn)
    values = np.linspace(0.9, 0.1, len(curves.hits))
    precision, sampled = curves.at_recalls([curves.precision, values])
    for i, (hits, missed) in enumerate(drawn):
        found = np.cumsum(hits)
        recall = found / (sum(hits) + missed)
        expected = found / np.arange(1, len(hits) + 1)
        own = values[curves.starts[i] : curves.starts[i + 1]]
        if not hits:
            assert not precision[i].any()
            continue
        np.testing.assert_allclose(
            precision[i], np.interp(RECALLS, recall, expected, right=0), rtol=1e-12
        )
        np.testing.assert_allclose(sampled[i], np.interp(RECALLS, recall, own, right=0), rtol=1e-12)


@given(groups)
def test_running_values_stay_in_their_group(drawn: list[tuple[list[bool], int]]) -> None:
    curves = curves_of(drawn)
    rng = np.random.default_rng(len(curves.hits))
    values = rng.uniform(0, 5, len(curves.hits))
    values[::3] = np.nan
    means = running_mean(values, curves.group)
    greatest = greatest_from_here(curves.precision, curves.group)
    for start, end in zip(curves.starts[:-1], curves.starts[1:], strict=True):
        for i in range(start, end):
            known = values[start : i + 1][~np.isnan(values[start : i + 1])]
            assert means[i] == pytest.approx(known.mean() if len(known) else 0.0)
            assert greatest[i] == curves.precision[i:end].max()


scores = st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.5, 0.9]), min_size=1, max_size=12)


@given(st.lists(scores, min_size=1, max_size=4))
def test_at_confidences_is_numpys_interpolation(drawn: list[list[float]]) -> None:
    drawn = [sorted(group, reverse=True) for group in drawn]
    flat = np.array([score for group in drawn for score in group])
    number = np.repeat(np.arange(len(drawn)), [len(group) for group in drawn])
    values = np.sin(np.arange(len(flat)))
    confidences = np.tile(np.linspace(1, 0, 21), (len(drawn), 1))
    (got,) = at_confidences(confidences, flat, [values], number)
    for i, group in enumerate(drawn):
        own = values[number == i]
        expected = np.interp(confidences[i][::-1], group[::-1], own[::-1])[::-1]
        np.testing.assert_allclose(got[i], expected, atol=1e-12)


def test_a_recall_that_rounding_moves_is_met() -> None:
    # 29/100 is not the 29th of a hundred steps to the last bit, whichever way it is computed.
    for truths in (3, 7, 29, 58, 100):
        curves = curves_of([([True] * truths, 0)])
        (found,) = curves.at_recalls([curves.found.astype(float)])
        recall = np.arange(1, truths + 1) / truths
        expected = np.interp(RECALLS, recall, np.arange(1.0, truths + 1), right=0)
        np.testing.assert_allclose(found[0], expected, rtol=1e-12)
