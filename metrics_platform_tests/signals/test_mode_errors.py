"""Errors of predicted futures, on paper; metrics of them are tested with real ones."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core import Rows
from metrics_platform.signals.mode_errors import mode_errors
from metrics_platform_tests.metrics.builders import STEP_NS, result_of
from metrics_platform_tests.metrics.forecasts import Place, futures_of, track_of

STRAIGHT: list[Place] = [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
# Off by 1, 2, 3 m; and by 3, 4, 5 m at a right angle to that.
DRIFTING: list[Place] = [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
AHEAD: list[Place] = [(4.0, 0.0), (6.0, 0.0), (8.0, 0.0)]


def errors_of(futures: pl.DataFrame, tracks: pl.DataFrame) -> pl.DataFrame:
    return result_of(mode_errors, predicted_trajectories=futures, tracks=tracks).rows


def test_errors_of_each_mode() -> None:
    rows = errors_of(futures_of([DRIFTING, AHEAD], [0.4, 0.6]), track_of(STRAIGHT))
    assert rows.select("mode_index", "ade_m", "fde_m", "best").rows() == [
        (0, pytest.approx(2.0), pytest.approx(3.0), True),
        (1, pytest.approx(4.0), pytest.approx(5.0), False),
    ]
    assert rows.select("rank_index", "steps_count", "truth_steps_count").rows() == [
        (1, 3, 3),
        (0, 3, 3),
    ]
    assert rows["horizon_s"].to_list() == pytest.approx([0.3, 0.3])
    assert rows["category"].to_list() == ["car", "car"]


@pytest.mark.parametrize(
    ("truth", "steps", "ade_m", "fde_m"),
    [
        pytest.param(STRAIGHT, 3, 2.0, 3.0, id="all_of_it"),
        pytest.param(STRAIGHT[:2], 2, 1.5, None, id="track_ends"),
        pytest.param([None, *STRAIGHT[1:]], 2, 2.5, 3.0, id="track_begins_later"),
        pytest.param([STRAIGHT[0]], 1, 1.0, None, id="seen_once"),
    ],
)
def test_an_incomplete_truth(
    truth: list[Place | None], steps: int, ade_m: float, fde_m: float | None
) -> None:
    row = errors_of(futures_of([DRIFTING], [1.0]), track_of(truth)).row(0, named=True)
    assert row["truth_steps_count"] == steps
    assert row["ade_m"] == pytest.approx(ade_m)
    assert row["fde_m"] == (None if fde_m is None else pytest.approx(fde_m))
    assert row["best"] is (None if fde_m is None else True)


def test_without_any_truth_of_a_track_errors_are_unknown() -> None:
    row = errors_of(futures_of([DRIFTING], [1.0]), track_of(STRAIGHT, track_id="2")).row(
        0, named=True
    )
    assert (row["ade_m"], row["fde_m"], row["best"], row["category"]) == (None,) * 4
    assert row["truth_steps_count"] == 0


def test_a_log_without_a_true_track_abstains() -> None:
    tracks = track_of(STRAIGHT, source="tracker")
    made = result_of(mode_errors, predicted_trajectories=futures_of([DRIFTING]), tracks=tracks)
    assert made.outcomes["log"].reason == "no tracks of the source 'annotation' to compare with"
    rows = mode_errors(futures_of([DRIFTING]).lazy(), tracks.lazy(), truth="tracker")
    assert isinstance(rows, Rows)
    assert rows.rows.collect()["fde_m"].to_list() == pytest.approx([3.0])


def test_the_truth_is_interpolated_but_not_over_a_gap() -> None:
    # Every 0.5 s, as nuScenes annotates, and then nothing for a second.
    sparse: list[Place | None] = [None] * 21
    sparse[0], sparse[5], sparse[15], sparse[20] = (0.0, 0.0), (5.0, 0.0), (15.0, 0.0), (20.0, 0.0)
    places = [(float(step), 1.0) for step in range(1, 21)]
    row = errors_of(futures_of([places], [1.0]), track_of(sparse, start_ns=0)).row(0, named=True)
    assert row["truth_steps_count"] == 5 + 6
    assert row["ade_m"] == pytest.approx(1.0)
    assert row["fde_m"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("probabilities", "ranks"),
    [
        pytest.param([0.2, 0.5, 0.3], [2, 0, 1], id="by_probability"),
        pytest.param([0.3, 0.4, 0.3], [1, 0, 2], id="a_tie_by_index"),
        pytest.param([0.25, 0.25, 0.25], [0, 1, 2], id="all_equal"),
        pytest.param([None, None, None], [0, 1, 2], id="unknown"),
        pytest.param([None, 0.0, 0.1], [2, 1, 0], id="unknown_is_last"),
    ],
)
def test_ranks(probabilities: list[float | None], ranks: list[int]) -> None:
    rows = errors_of(futures_of([DRIFTING] * 3, probabilities), track_of(STRAIGHT))
    assert rows["rank_index"].to_list() == ranks
    # All are equally close: the most probable one is the best.
    assert rows["best"].to_list() == [rank == 0 for rank in ranks]


def test_a_horizon_leaves_out_what_comes_later() -> None:
    futures, tracks = futures_of([DRIFTING], [1.0]).lazy(), track_of(STRAIGHT).lazy()
    made = mode_errors(futures, tracks, horizon_s=0.2)
    assert isinstance(made, Rows)
    row = made.rows.collect().row(0, named=True)
    assert (row["steps_count"], row["fde_m"]) == (2, pytest.approx(2.0))
    assert row["horizon_s"] == pytest.approx(0.2)


@pytest.mark.parametrize("tenths", [3, 6, 7, 12])
def test_a_step_at_the_horizon_is_within_it(tenths: int) -> None:
    """0.3 is no sum of tenths in binary: 300,000,000 · 1e-9 is more than 0.3."""
    places = [(float(step), 1.0) for step in range(20)]
    futures, tracks = futures_of([places]).lazy(), track_of([(0.0, 0.0)] * 20).lazy()
    made = mode_errors(futures, tracks, horizon_s=tenths / 10)
    assert isinstance(made, Rows)
    assert made.rows.collect()["steps_count"].to_list() == [tenths]


def test_samples_as_far_apart_as_may_be_are_no_gap() -> None:
    truth: list[Place | None] = [(0.0, 0.0), *[None] * 5, (6.0, 0.0)]
    futures = futures_of([[(float(step), 1.0) for step in range(1, 7)]])
    assert errors_of(futures, track_of(truth, start_ns=0))["truth_steps_count"].to_list() == [6]


def test_a_mode_that_ends_early_has_no_final_error() -> None:
    """It would be the best one: it is right for as long as it goes."""
    rows = errors_of(futures_of([DRIFTING, STRAIGHT[:1]], [0.1, 0.9]), track_of(STRAIGHT))
    assert rows.select("fde_m", "best").rows() == [(pytest.approx(3.0), True), (None, False)]
    assert rows["ade_m"].to_list() == pytest.approx([2.0, 0.0])


def test_errors_are_the_same_to_the_last_bit_each_time() -> None:
    places = [(0.1 * step, 0.7**step) for step in range(30)]
    names = [str(number) for number in range(60)]
    futures = pl.concat([futures_of([places, places[::-1]], track_id=name) for name in names])
    tracks = pl.concat([track_of([(0.0, 0.0)] * 30, track_id=name) for name in names])
    rows = errors_of(futures, tracks)
    assert rows.group_by("mode_index").agg(pl.col("ade_m").n_unique())["ade_m"].to_list() == [1, 1]
    assert rows.equals(errors_of(futures.reverse(), tracks.reverse()))


def test_predictions_of_many_do_not_mix() -> None:
    """Two logs, predictors and tracks of the same names, each predicted at two moments."""
    futures, tracks = [], []
    names = (("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"))
    for number, (log_id, track_id) in enumerate(names, start=1):
        # Each has a place of its own, and goes on elsewhere a second later.
        here = [(x + 100.0 * number, y) for x, y in STRAIGHT]
        there = [(x, y + 50.0) for x, y in here]
        truth = [*here, *[None] * 7, *there]
        tracks.append(track_of(truth, log_id=log_id, track_id=track_id))
        for source, off in (("p", 0.0), ("q", 0.25)):
            for moment, places in enumerate((here, there)):
                futures.append(
                    futures_of(
                        [[(x + number + off, y) for x, y in places]],
                        log_id=log_id,
                        source=source,
                        track_id=track_id,
                        timestamp_ns=moment * 10 * STEP_NS,
                    )
                )
    rows = errors_of(pl.concat(futures), pl.concat(tracks)).sort(
        "log_id", "track_id", "source", "timestamp_ns"
    )
    assert rows["fde_m"].to_list() == pytest.approx(
        [1, 1, 1.25, 1.25, 2, 2, 2.25, 2.25, 3, 3, 3.25, 3.25, 4, 4, 4.25, 4.25]
    )


def test_many_tracks_keep_their_own_truth() -> None:
    """So many that a numbering which differs from one use to the next would mix them up."""
    tracks = [track_of([(1e3 * number, 0.0)], track_id=f"{number}") for number in range(500)]
    futures = [
        futures_of([[(1e3 * number, number / 500)]], track_id=f"{number}") for number in range(500)
    ]
    rows = errors_of(pl.concat(futures), pl.concat(tracks))
    assert rows["fde_m"].to_list() == pytest.approx([int(n) / 500 for n in rows["track_id"]])


def test_plans_of_the_ego_are_no_predictions_of_road_users() -> None:
    plans = futures_of([DRIFTING], source="planner", track_id="ego")
    assert errors_of(plans, track_of(STRAIGHT, track_id="ego")).is_empty()


@settings(max_examples=50, deadline=None)
@given(east=st.floats(-1e6, 1e6), north=st.floats(-1e6, 1e6), turn=st.floats(-math.pi, math.pi))
def test_errors_do_not_depend_on_the_frame(east: float, north: float, turn: float) -> None:
    def placed(places: list[Place]) -> list[Place]:
        cos, sin = math.cos(turn), math.sin(turn)
        return [(east + x * cos - y * sin, north + x * sin + y * cos) for x, y in places]

    rows = errors_of(futures_of([placed(DRIFTING)]), track_of(placed(STRAIGHT)))
    assert rows.select("ade_m", "fde_m").row(0) == pytest.approx((2.0, 3.0), abs=1e-8)
