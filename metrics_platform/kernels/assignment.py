"""The best one-to-one matching in many small graphs at once.

Numpy and scipy, not Polars: which edges are chosen depends on all others of their graph. The graphs
of a call lie in one list of edges, whose nodes tell them apart. Most edges are decided for all
graphs together, because no matching without them can be better; the Hungarian method sees the rest.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def best_matching(left: Integers, right: Integers, weight: Floats) -> Booleans:
    """Return which edges form the matching of greatest total weight.

    Where several are equally good, which one is chosen depends on the numbers of the nodes, not on
    the order of the edges.

    Args:
        left: Of each edge, the number of its node on one side. No two edges join the same nodes.
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
        rest = rest[
            ~np.isin(left[rest], left[taken]) & ~np.isin(right[rest], right[taken])
        ]  # fmt: skip
    for edges in components(left[rest], right[rest]):
        part = rest[edges]
        chosen[part] = hungarian(left[part], right[part], weight[part])
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
    lefts, left_node = np.unique(left, return_inverse=True)
    rights, right_node = np.unique(right, return_inverse=True)
    nodes = len(lefts) + len(rights)
    graph = coo_array(
        (np.ones(len(left)), (left_node, len(lefts) + right_node)), shape=(nodes, nodes)
    )
    labels = connected_components(graph, directed=False)[1][left_node]
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    return order, np.append(starts, len(left)).astype(np.int64)


def hungarian(left: Integers, right: Integers, weight: Floats) -> Booleans:
    """Return which edges of one graph form its matching of greatest total weight."""
    lefts, row = np.unique(left, return_inverse=True)
    rights, column = np.unique(right, return_inverse=True)
    table = np.zeros((len(lefts), len(rights)))
    table[row, column] = weight
    rows, columns = linear_sum_assignment(table, maximize=True)
    partner = np.empty(len(lefts), dtype=np.int64)
    partner[:] = -1
    partner[rows] = columns
    matched: Booleans = partner[row] == column
    return matched


def _dominant(left: Integers, right: Integers, weight: Floats) -> Booleans:
    """Return the edges that are in every best matching, as far as their neighbours tell.

    Any matching without such an edge gains by taking it in the place of at most one other edge at
    each end, since it weighs more than the heaviest other ones together.
    """
    dominant: Booleans = weight > _heaviest_other(left, weight) + _heaviest_other(right, weight)
    return dominant


def _heaviest_other(node: Integers, weight: Floats) -> Floats:
    """Return for each edge the greatest weight of the other edges at its node; 0 if none."""
    order = np.lexsort((-weight, node))
    nodes, weights = node[order], weight[order]
    first = np.diff(nodes, prepend=nodes[0] - 1) != 0
    starts = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    sizes = np.diff(starts, append=len(nodes))
    heaviest = weights[starts]
    second = np.where(sizes > 1, weights[np.minimum(starts + 1, len(nodes) - 1)], 0.0)
    other = np.empty_like(weight)
    other[order] = np.where(first, second[group], heaviest[group])
    return other
