"""The best one-to-one matching in many small graphs at once.

Numpy and scipy, not Polars: which edges are chosen depends on all others of their graph. The graphs
of a call lie in one list of edges, whose nodes tell them apart. Most edges are decided for all
graphs together, because no matching without them can be better; the Hungarian method sees the rest.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def best_matching(left: Integers, right: Integers, weight: Floats) -> Booleans:
    """Return which edges form the matching of greatest total weight.

    Where several are equally good, which one is chosen depends on the numbers of the nodes, not on
    the order of the edges.

    Args:
        left: Of each edge, the number of its node on one side, not negative and not far beyond the
            number of nodes. No two edges join the same nodes.
        right: The same on the other side; the two sides are numbered apart.
        weight: Positive.

    Source: Kuhn (1955), "The Hungarian method for the assignment problem".
    """
    chosen = np.zeros(len(weight), dtype=np.bool_)
    rest = np.arange(len(weight))
    while len(rest):
        sure = _dominant(left[rest], right[rest], weight[rest])
        if not sure.any():
            break
        taken = rest[sure]
        chosen[taken] = True
        ends = np.zeros(left.max() + 1, dtype=np.bool_), np.zeros(right.max() + 1, dtype=np.bool_)
        ends[0][left[taken]] = True
        ends[1][right[taken]] = True
        rest = rest[~ends[0][left[rest]] & ~ends[1][right[rest]]]
    for edges in components(left[rest], right[rest]):
        part = rest[edges]
        best = best_of_one(left[part].tolist(), right[part].tolist(), weight[part].tolist())
        chosen[part[best]] = True
    return chosen


def components(left: Integers, right: Integers) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the edges of each connected part, by their position."""
    if len(left):
        order, starts = by_component(left, right)
        yield from np.split(order, starts[1:-1])


def by_component(left: Integers, right: Integers) -> tuple[npt.NDArray[np.intp], Integers]:
    """Return the edges in the order of their connected parts, and where each part begins.

    The starts have one entry more than there are parts: the number of edges.
    """
    # Each edge takes the least number of those it meets, and of the one that it has got that from,
    # so that long chains are soon through.
    part, before = np.arange(len(left)), np.empty(0, dtype=np.int64)
    while not np.array_equal(part, before):
        before = part
        for node in (left, right):
            least = np.full(node.max(initial=-1) + 1, len(part))
            np.minimum.at(least, node, part)
            part = least[node]
        part = part[part]
    order = np.argsort(part, kind="stable")
    starts = np.flatnonzero(np.diff(part[order], prepend=-1))
    return order, np.append(starts, len(left)).astype(np.int64)


def best_of_one(left: list[int], right: list[int], weight: list[float]) -> list[int]:
    """Return the edges of the best matching of one graph, a small one.

    Where all edges end at the same node that is the heaviest, of equal ones the one with the least
    numbers. In lists, which for few edges are faster than arrays.
    """
    lefts, rights = set(left), set(right)
    if min(len(lefts), len(rights)) <= 1:
        most = max(weight, default=0.0)
        heaviest = [at for at, of_edge in enumerate(weight) if of_edge == most]
        return sorted(heaviest, key=lambda at: (left[at], right[at]))[:1]
    row, column = ({node: at for at, node in enumerate(sorted(nodes))} for nodes in (lefts, rights))
    table = np.zeros((len(lefts), len(rights)))
    edges = {(row[a], column[b]): at for at, (a, b) in enumerate(zip(left, right, strict=True))}
    for cell, at in edges.items():
        table[cell] = weight[at]
    chosen = scipy.optimize.linear_sum_assignment(table, True)
    matched = zip(*(side.tolist() for side in chosen), strict=True)
    return [edges[cell] for cell in matched if cell in edges]


def _dominant(left: Integers, right: Integers, weight: Floats) -> Booleans:
    """Return the edges that are in every best matching, as far as their neighbours tell.

    Any matching without such an edge gains by taking it in the place of at most one other edge at
    each end, since it weighs more than the heaviest other ones together.
    """
    dominant: Booleans = weight > _heaviest_other(left, weight) + _heaviest_other(right, weight)
    return dominant


def _heaviest_other(node: Integers, weight: Floats) -> Floats:
    """Return for each edge the greatest weight of the other edges at its node; 0 if none."""
    heaviest, second = np.zeros(node.max() + 1), np.zeros(node.max() + 1)
    np.maximum.at(heaviest, node, weight)
    is_heaviest = weight == heaviest[node]
    np.maximum.at(second, node[~is_heaviest], weight[~is_heaviest])
    equals = np.bincount(node[is_heaviest])[node]
    return np.where(is_heaviest & (equals == 1), second[node], heaviest[node])
