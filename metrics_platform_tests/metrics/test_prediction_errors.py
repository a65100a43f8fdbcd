"""Errors of predictions: by hand, against numpy, and of a real scenario."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.metrics.prediction_errors import pooled, prediction_errors
from metrics_platform.readers.argoverse2_forecasting import read
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.predictions import FINAL_ERRORS_M, PROBABILITIES, STEPS
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.forecasts import (
    Place,
    futures_of,
    predicted_fleet,
    targets_of,
    track_of,
)

STRAIGHT: list[Place] = [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
# Errors 0, 0, 3: the least mean. Errors 2, 2, 2: the closest at the end.
LATE: list[Place] = [(1.0, 0.0), (2.0, 0.0), (3.0, 3.0)]
BESIDE: list[Place] = [(1.0, 2.0), (2.0, 2.0), (3.0, -2.0)]


def rows_of(*futures: pl.DataFrame, **frames: pl.DataFrame) -> pl.DataFrame:
    given = {"tracks": track_of(STRAIGHT)} | frames
    return compute_on(
        {"predicted_trajectories": pl.concat(futures), **given}, "prediction_errors"
    ).rows


def test_both_conventions_stand_side_by_side() -> None:
    row = rows_of(futures_of([LATE, BESIDE], [0.75, 0.25])).row(1, named=True)
    assert (row["top_k_count"], row["modes_count"], row["missed"]) == (6, 2, False)
    assert row["min_ade_m"] == pytest.approx(1.0)
    assert row["min_fde_m"] == pytest.approx(2.0)
    assert row["ade_of_best_fde_m"] == pytest.approx(2.0)
    assert row["probability_ratio"] == 0.25
    assert row["brier_min_fde_m"] == pytest.approx(2.0 + 0.75**2)
    assert row["brier_min_ade_m"] == pytest.approx(2.0 + 0.75**2)


def test_of_several_modes_the_most_probable_count() -> None:
    futures = futures_of([BESIDE, LATE], [0.25, 0.75])
    row = rows_of(futures).row(0, named=True)
    assert (row["top_k_count"], row["modes_count"]) == (1, 1)
    assert (row["min_fde_m"], row["missed"]) == (pytest.approx(3.0), True)
    errors = compute_on(
        {"predicted_trajectories": futures, "tracks": track_of(STRAIGHT)}, "mode_errors"
    )
    nobody = targets_of().lazy()
    made = prediction_errors(errors.rows.lazy(), nobody, top_k=(2,), miss_threshold_m=1.9)
    assert isinstance(made, pl.LazyFrame)
    row = made.collect().row(0, named=True)
    assert (row["top_k_count"], row["min_fde_m"], row["missed"]) == (2, pytest.approx(2.0), True)


@pytest.mark.parametrize(
    ("final", "missed"), [(2.0, False), (np.nextafter(2.0, 3.0), True)], ids=["at", "beyond"]
)
def test_a_miss_is_beyond_the_threshold(final: float, missed: bool) -> None:
    rows = rows_of(futures_of([[(1.0, final)]]), tracks=track_of([(1.0, 0.0)]))
    assert rows["missed"].to_list() == [missed, missed]


def test_ties_go_to_the_more_probable_mode() -> None:
    mirrored = [(x, -y) for x, y in LATE]
    # As far off at the end, and farther on the way.
    worse = [(1.0, 3.0), (2.0, 3.0), (3.0, -3.0)]
    row = rows_of(futures_of([worse, LATE, mirrored], [0.2, 0.5, 0.3])).row(1, named=True)
    assert row["probability_ratio"] == 0.5
    assert row["ade_of_best_fde_m"] == pytest.approx(1.0)


def test_without_probabilities_there_is_no_brier_score() -> None:
    row = rows_of(futures_of([LATE, BESIDE])).row(1, named=True)
    assert row["min_fde_m"] == pytest.approx(2.0)
    assert (row["probability_ratio"], row["brier_min_fde_m"]) == (None, None)


def test_a_track_that_ends_has_mean_errors_only() -> None:
    rows = rows_of(futures_of([LATE, BESIDE], [0.5, 0.5]), tracks=track_of(STRAIGHT[:2]))
    row = rows.row(1, named=True)
    assert row["truth_ratio"] == pytest.approx(2 / 3)
    assert row["min_ade_m"] == pytest.approx(0.0)
    for name in (
        "ade_of_best_fde_m",
        "min_fde_m",
        "missed",
        "probability_ratio",
        "brier_min_fde_m",
    ):
        assert row[name] is None


def test_nobody_can_judge_a_prediction_without_a_truth() -> None:
    made = compute_on(
        {
            "predicted_trajectories": futures_of([LATE]),
            "tracks": track_of(STRAIGHT, track_id="2"),
        },
        "prediction_errors",
    )
    assert made.rows.is_empty()
    assert made.summary["predictions"].to_list() == [0]
    assert made.summary["min_fde_6_m"].to_list() == [None]


def test_a_mode_that_ends_early_is_not_the_best_one() -> None:
    rows = rows_of(futures_of([LATE, STRAIGHT[:1]], [0.4, 0.6]), tracks=track_of(STRAIGHT))
    (row,) = rows.filter(top_k_count=6).to_dicts()
    assert (row["min_fde_m"], row["probability_ratio"]) == (pytest.approx(3.0), 0.4)
    assert row["min_ade_m"] == row["ade_of_best_fde_m"] > 0


def test_nobody_asks_a_predictor_for_the_ego() -> None:
    """Plans for it are no predictions: it would seem to be left out."""
    futures = [futures_of([LATE], [1.0], track_id=name) for name in ("1", "ego")]
    rows = rows_of(*futures, tracks=track_of(STRAIGHT), forecast_targets=targets_of("1", "ego"))
    assert rows["track_id"].unique().to_list() == ["1"]


def test_what_was_asked_for_is_what_counts() -> None:
    tracks = pl.concat([track_of(STRAIGHT, track_id=name) for name in "123"])
    futures = pl.concat(
        [futures_of([LATE], [1.0], track_id="1"), futures_of([BESIDE], [1.0], track_id="2")]
    )
    given = {"predicted_trajectories": futures, "tracks": tracks}
    made = compute_on({**given, "forecast_targets": targets_of("1", "3")}, "prediction_errors")
    first = made.rows.filter(top_k_count=1).select(
        "track_id", "scored", "focal", "modes_count", "min_fde_m"
    )
    assert first.rows() == [
        ("1", True, True, 1, pytest.approx(3.0)),
        ("2", False, None, 1, pytest.approx(2.0)),
        ("3", True, False, 0, None),
    ]
    summary = made.summary.row(0, named=True)
    assert (summary["predictions"], summary["unpredicted_targets"]) == (1, 1)
    assert summary["min_fde_1_m"] == pytest.approx(3.0)
    assert pooled(made.rows.lazy()).collect()["predictions_count"].to_list() == [1, 1]
    # Where nobody was asked for, all count.
    summary = compute_on(given, "prediction_errors").summary.row(0, named=True)
    assert (summary["predictions"], summary["unpredicted_targets"]) == (2, 0)
    assert summary["min_fde_1_m"] == pytest.approx(2.5)
    assert summary["miss_rate_1"] == pytest.approx(0.5)


places = st.tuples(st.floats(-50, 50), st.floats(-50, 50))


@settings(max_examples=50, deadline=None)
@given(data=st.data(), modes=st.integers(1, 8), steps=st.integers(1, 5))
def test_against_numpy(data: st.DataObject, modes: int, steps: int) -> None:
    future = st.lists(places, min_size=steps, max_size=steps)
    predicted = data.draw(st.lists(future, min_size=modes, max_size=modes))
    truth = data.draw(future)
    weights = data.draw(st.lists(st.integers(1, 1000), min_size=modes, max_size=modes, unique=True))
    probabilities = np.array(weights) / sum(weights)
    rows = rows_of(futures_of(predicted, list(probabilities)), tracks=track_of(truth))
    order = np.argsort(-probabilities)
    errors = np.linalg.norm(np.array(predicted) - np.array(truth), axis=2)[order]
    for k in (1, 6):
        row = rows.filter(top_k_count=k).row(0, named=True)
        judged = errors[:k]
        best = judged[:, -1].argmin()
        brier = (1 - probabilities[order][best]) ** 2
        assert row["min_ade_m"] == pytest.approx(judged.mean(axis=1).min(), abs=1e-9)
        assert row["min_fde_m"] == pytest.approx(judged[best, -1], abs=1e-9)
        assert row["ade_of_best_fde_m"] == pytest.approx(judged[best].mean(), abs=1e-9)
        assert row["brier_min_fde_m"] == pytest.approx(judged[best, -1] + brier, abs=1e-9)
        assert row["brier_min_ade_m"] == pytest.approx(judged[best].mean() + brier, abs=1e-9)
        assert row["missed"] == (judged[best, -1] > 2.0)
        assert row["min_ade_m"] <= row["ade_of_best_fde_m"] + 1e-12


def test_several_logs_pool_by_prediction() -> None:
    """Three predictions in one log and one in another: not the mean of the logs' means."""
    tracks = [track_of(STRAIGHT, track_id=name) for name in "123"]
    tracks.append(track_of(STRAIGHT, log_id="other"))
    futures = [futures_of([BESIDE], [1.0], track_id=name) for name in "123"]
    futures.append(futures_of([LATE], [1.0], log_id="other"))
    rows = rows_of(*futures, tracks=pl.concat(tracks))
    row = pooled(rows.lazy()).filter(top_k_count=1).collect().row(0, named=True)
    assert row["predictions_count"] == 4
    assert row["min_fde_m"] == pytest.approx((2 + 2 + 2 + 3) / 4)
    assert row["miss_rate_ratio"] == pytest.approx(1 / 4)
    by_log = pooled(rows.lazy(), ["log_id"]).filter(top_k_count=1).collect().sort("log_id")
    assert by_log["min_fde_m"].to_list() == pytest.approx([2.0, 3.0])


def test_a_synthetic_predictor() -> None:
    made = compute_on(predicted_fleet(), "prediction_errors")
    whole = made.rows.filter(truth_ratio=1.0)
    growth = (STEPS + 1) / 2 / STEPS
    likely, closest = int(np.argmax(PROBABILITIES)), int(np.argmin(FINAL_ERRORS_M))
    for k, mode in ((1, likely), (6, closest)):
        rows = whole.filter(top_k_count=k)
        assert len(rows) > 50
        assert rows["min_fde_m"].to_numpy() == pytest.approx(FINAL_ERRORS_M[mode])
        assert rows["min_ade_m"].to_numpy() == pytest.approx(FINAL_ERRORS_M[mode] * growth)
        assert rows["probability_ratio"].unique().to_list() == [PROBABILITIES[mode]]
    assert made.summary["unpredicted_targets"].unique().to_list() == [1]


def test_a_real_scenario() -> None:
    """The focal track at constant velocity, scaled by six factors; values from av2 0.3.6."""
    path = next(Path(data_path("argoverse2", "forecasting")).iterdir())
    frames = {
        name: frame.select(pl.lit("log").alias("log_id"), pl.all())
        for name, frame in read(path, ReaderConfig()).signals.items()
        if name in ("tracks", "forecast_targets")
    }
    target = frames["forecast_targets"].row(by_predicate=pl.col("focal"), named=True)
    now = frames["tracks"].row(
        by_predicate=(pl.col("track_id") == target["track_id"])
        & (pl.col("timestamp_ns") == target["timestamp_ns"]),
        named=True,
    )
    ahead_s = np.arange(1, 61) * 0.1
    modes = [
        [
            (
                now["x_m"] + factor * now["velocity_x_mps"] * t,
                now["y_m"] + factor * now["velocity_y_mps"] * t,
            )
            for t in ahead_s
        ]
        for factor in (0, 0.5, 0.8, 1, 1.2, 1.5)
    ]
    futures = futures_of(
        modes,
        [0.1, 0.1, 0.1, 0.5, 0.1, 0.1],
        track_id=target["track_id"],
        timestamp_ns=target["timestamp_ns"],
    )
    zeros = {name: pl.lit(0.0) for name in ("acceleration_mps2", "score", "occlusion_ratio")}
    tracks = frames["tracks"].with_columns(points_count=pl.lit(0), **zeros)
    made = compute_on(
        {**frames, "tracks": tracks, "predicted_trajectories": futures}, "prediction_errors"
    )
    plain, six = made.rows.filter(focal=True).sort("top_k_count").rows(named=True)
    assert plain["min_ade_m"] == pytest.approx(3.949025, abs=1e-6)
    assert plain["min_fde_m"] == pytest.approx(9.230632, abs=1e-6)
    assert six["min_fde_m"] == pytest.approx(1.885409, abs=1e-6)
    assert six["min_ade_m"] == pytest.approx(1.338447, abs=1e-6)
    assert six["ade_of_best_fde_m"] == pytest.approx(1.705381, abs=1e-6)
    assert (plain["missed"], six["missed"]) == (True, False)
    # One other track is scored, and nobody predicted it.
    assert made.summary["unpredicted_targets"].item() == 1


def test_it_is_the_one_in_the_catalog() -> None:
    made = result_of(
        prediction_errors,
        predicted_trajectories=futures_of([LATE], [1.0]),
        tracks=track_of(STRAIGHT),
    )
    assert made.summary["brier_min_fde_6_m"].item() == pytest.approx(3.0)
