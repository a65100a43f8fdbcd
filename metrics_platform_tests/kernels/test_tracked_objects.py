"""Pairs of road users in a crowd, against every one with every other."""

import math

import numpy as np
import polars as pl
import pytest

from metrics_platform.kernels.tracked_objects import ALL, tracked_objects

Pair = tuple[str, str, int, int]


def crowd() -> pl.DataFrame:
    """Return an annotation and two trackers, of which one sees every other moment."""
    random = np.random.default_rng(3)
    rows = [
        ("log", source, at, str(track), "car" if track % 3 else ALL, *random.uniform(0, 40, 2))
        for source, tracks, every in (("annotation", 40, 1), ("fast", 50, 1), ("slow", 30, 2))
        for at in range(0, 4, every)
        for track in range(tracks)
    ]
    names = ("log_id", "source", "timestamp_ns", "track_id", "category", "x_m", "y_m")
    frame = pl.DataFrame(rows, names, orient="row").sample(fraction=1, shuffle=True, seed=1)
    return frame.with_columns(pl.col("x_m") + 1e6, pl.col("y_m") - 1e6)


@pytest.mark.parametrize("both", [True, False], ids=["both_sides", "every_moment"])
def test_all_that_are_near_and_no_others(both: bool) -> None:
    tracks = crowd()
    compared = tracked_objects(tracks, 2.0, both=both)
    sequences, units = compared.sequences, compared.units.rows()
    pairs = sequences.pairs
    assert (sequences.truth.unit[pairs.truth] == sequences.found.unit[pairs.found]).all()
    found: dict[Pair, float] = {}
    for truth, other, similarity in zip(pairs.truth, pairs.found, pairs.similarity, strict=True):
        _, source, category = units[sequences.truth.unit[truth]]
        own = int(compared.truth_row[truth]), int(compared.found_row[other])
        found[(source, category, *own)] = float(similarity)
    expected: dict[Pair, float] = {}
    rows = list(enumerate(tracks.iter_rows(named=True)))
    for a, truth in rows:
        for b, other in rows:
            apart = math.dist((truth["x_m"], truth["y_m"]), (other["x_m"], other["y_m"]))
            sides = truth["source"] == "annotation" != other["source"]
            if sides and truth["timestamp_ns"] == other["timestamp_ns"] and apart < 4.0:
                for category in {ALL} | ({truth["category"]} & {other["category"]}):
                    expected[other["source"], category, a, b] = 1 - apart / 4.0
    assert len(expected) > 100
    assert found == pytest.approx(expected)
    # The slow tracker is asked about half of the moments, or all.
    slow = units.index(("log", "slow", ALL))
    assert (sequences.truth.unit == slow).sum() == (80 if both else 160)
