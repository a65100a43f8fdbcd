"""The best matching, against scipy's on whole tables."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from metrics_platform.kernels.assignment import best_matching, by_component, components

Edge = tuple[int, int, float]


def matched(edges: list[Edge]) -> list[tuple[int, int]]:
    left, right, weight = (np.array(column) for column in zip(*edges, strict=True))
    chosen = best_matching(left, right, weight.astype(np.float64))
    return sorted((int(a), int(b)) for a, b in zip(left[chosen], right[chosen], strict=True))


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        pytest.param([(0, 0, 1.0)], [(0, 0)], id="alone"),
        pytest.param([(0, 0, 1.0), (0, 1, 2.0)], [(0, 1)], id="star"),
        # The heaviest edge is best for both its ends, and not part of the best matching.
        pytest.param([(0, 0, 3.0), (0, 1, 2.0), (1, 0, 2.0)], [(0, 1), (1, 0)], id="not_greedy"),
        pytest.param([(0, 0, 5.0), (0, 1, 2.0), (1, 0, 2.0)], [(0, 0)], id="greedy"),
        pytest.param(
            [(0, 0, 9.0), (0, 1, 1.0), (1, 1, 2.0), (2, 1, 3.0)],
            [(0, 0), (2, 1)],
            id="one_settles_the_next",
        ),
        pytest.param([(7, 4, 1.0), (9, 6, 1.0)], [(7, 4), (9, 6)], id="two_graphs"),
    ],
)
def test_matching(edges: list[Edge], expected: list[tuple[int, int]]) -> None:
    assert matched(edges) == expected


def test_no_edges() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert not len(best_matching(nothing, nothing, np.empty(0)))
    assert list(components(nothing, nothing)) == []
    order, starts = by_component(nothing, nothing)
    assert (len(order), starts.tolist()) == (0, [0])


def test_components() -> None:
    left, right = np.array([0, 5, 1, 0]), np.array([1, 9, 1, 3])
    parts = sorted(sorted(part.tolist()) for part in components(left, right))
    assert parts == [[0, 2, 3], [1]]


def test_a_long_chain_is_one_component() -> None:
    edges = np.random.default_rng(7).permutation(999)
    # Edge after edge shares a node with the next one, now on this side, now on that.
    order, starts = by_component((edges + 1) // 2, edges // 2)
    assert (sorted(order.tolist()), starts.tolist()) == (list(range(999)), [0, 999])
    apart = edges[edges != 400]
    assert np.diff(by_component((apart + 1) // 2, apart // 2)[1]).tolist() in (
        [400, 598],
        [598, 400],
    )


tables = st.integers(1, 7).flatmap(
    lambda rows: st.integers(1, 7).flatmap(
        lambda columns: st.lists(
            st.lists(st.one_of(st.just(0), st.integers(1, 9)), min_size=columns, max_size=columns),
            min_size=rows,
            max_size=rows,
        )
    )
)


@given(st.lists(tables, min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_as_good_as_scipy_and_whatever_the_order_of_the_edges(
    graphs: list[list[list[int]]],
    random: Random,
) -> None:
    edges, best = [], 0.0
    for number, table in enumerate(np.array(graph) for graph in graphs):
        rows, columns = np.nonzero(table)
        edges += [
            (100 * number + int(row), 100 * number + int(column), float(table[row, column]))
            for row, column in zip(rows, columns, strict=True)
        ]
        best += float(table[linear_sum_assignment(table, maximize=True)].sum())
    if not edges:
        return
    found = matched(edges)
    weights = {(left, right): weight for left, right, weight in edges}
    assert sum(weights[pair] for pair in found) == pytest.approx(best)
    assert len({left for left, _ in found}) == len({right for _, right in found}) == len(found)
    random.shuffle(edges)
    assert matched(edges) == found
