"""Calibration of mode probabilities: by hand, and against numpy."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.prediction_calibration import pooled, prediction_calibration
from metrics_platform.signals.mode_errors import ModeErrors
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.forecasts import predicted_fleet

Mode = tuple[float | None, bool | None]


def modes_of(*predictions: Sequence[Mode], log_id: str = "log") -> pl.DataFrame:
    """Return predictions by their modes' probability, and whether it was the best."""
    schema = polars_schema(ModeErrors)
    names = {"log_id": log_id, "source": "predictor", "track_id": "1", "category": "car"}
    rows = [
        {
            **dict.fromkeys(schema, 1),
            **names,
            "timestamp_ns": number,
            "mode_index": mode,
            "rank_index": mode,
            "probability_ratio": probability,
            "best": best,
        }
        for number, modes in enumerate(predictions)
        for mode, (probability, best) in enumerate(modes)
    ]
    return pl.DataFrame(rows, schema, strict=False)


SURE: list[Mode] = [(0.9, True), (0.1, False)]
WRONG: list[Mode] = [(0.9, False), (0.1, True)]


def test_bins_and_their_error() -> None:
    made = result_of(prediction_calibration, mode_errors=modes_of(SURE, SURE, WRONG, SURE))
    assert made.rows.drop("log_id", "source").rows() == [
        (0, 0.0, 0.1, 4, 1, pytest.approx(0.1), 0.25),
        (8, 0.8, 0.9, 4, 3, pytest.approx(0.9), 0.75),
    ]
    summary = made.summary.row(0, named=True)
    assert summary["calibrated_modes"] == 8
    assert summary["expected_calibration_error"] == pytest.approx(0.15)
    assert summary["max_calibration_error"] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("modes", "error"),
    [
        pytest.param([[(1.0, True)]], 0.0, id="one_mode_is_always_right"),
        pytest.param([[(1.0, True), (0.0, False)]] * 3, 0.0, id="sure_and_right"),
        pytest.param([[(1.0, False), (0.0, True)]] * 3, 1.0, id="sure_and_wrong"),
        pytest.param([[(0.5, True), (0.5, False)]], 0.0, id="all_equal"),
        pytest.param([[(0.25, True), *[(0.25, False)] * 3]], 0.0, id="four_equal"),
        pytest.param([[(0.75, True), (0.25, False)]], 0.25, id="unsure_and_right"),
    ],
)
def test_expected_error(modes: list[list[Mode]], error: float) -> None:
    made = result_of(prediction_calibration, mode_errors=modes_of(*modes))
    assert made.summary["expected_calibration_error"].item() == pytest.approx(error)


def test_modes_that_nobody_can_judge_do_not_count() -> None:
    unknown: list[Mode] = [(0.9, None), (0.1, None)]
    made = result_of(prediction_calibration, mode_errors=modes_of(SURE, unknown))
    assert made.summary["calibrated_modes"].item() == 2
    # One that ends before the others do was no candidate.
    early = pl.col("mode_index") == 1
    modes = modes_of(SURE).with_columns(fde_m=pl.when(~early).then("fde_m"))
    made = result_of(prediction_calibration, mode_errors=modes)
    assert made.rows["lower_ratio"].to_list() == [0.8]
    made = result_of(prediction_calibration, mode_errors=modes_of(unknown))
    assert made.rows.is_empty()
    assert made.summary["expected_calibration_error"].item() is None


def test_a_log_without_probabilities_abstains() -> None:
    modes = pl.concat([modes_of([(None, True)]), modes_of(SURE, log_id="other")])
    made = result_of(prediction_calibration, mode_errors=modes)
    assert made.outcomes["log"].reason == "no predictor gives its modes a probability"
    assert made.summary["log_id"].to_list() == ["other"]


def test_logs_pool_by_mode() -> None:
    """Eight predictions of one log and one of another, which share the upper bin."""
    unsure: list[Mode] = [(0.85, False), (0.15, True)]
    modes = pl.concat([modes_of(*[SURE] * 8), modes_of(unsure, log_id="other")])
    rows = result_of(prediction_calibration, mode_errors=modes).rows
    row = pooled(rows.lazy()).collect().row(0, named=True)
    assert row["calibrated_modes_count"] == 18
    upper, lower, other = abs(8 - 8 * 0.9 - 0.85), 8 * 0.1, 1 - 0.15
    assert row["expected_calibration_error"] == pytest.approx((upper + lower + other) / 18)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=12),
    st.integers(1, 15),
)
def test_against_numpy(probabilities: list[list[float]], bins: int) -> None:
    modes = modes_of(*[[(p, not n) for n, p in enumerate(modes)] for modes in probabilities])
    rows = prediction_calibration(modes.lazy(), bins=bins)
    assert not isinstance(rows, pl.LazyFrame)
    got = pooled(rows.rows).collect()["expected_calibration_error"].item()
    p = modes["probability_ratio"].to_numpy()
    best = modes["best"].to_numpy()
    which = np.ceil(p * bins).clip(1, bins)
    off = [
        abs(best[which == b].mean() - p[which == b].mean()) * (which == b).sum()
        for b in np.unique(which)
    ]
    assert got == pytest.approx(sum(off) / len(p), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1))
def test_a_probability_is_within_its_bin(probability: float) -> None:
    rows = result_of(prediction_calibration, mode_errors=modes_of([(probability, True)])).rows
    lower, upper = rows.select("lower_ratio", "upper_ratio").row(0)
    assert lower - 1e-15 <= probability <= upper + 1e-15


def test_a_synthetic_predictor() -> None:
    """It gives 0.3 to the mode that always is the best, 0.6 and 0.1 to the others."""
    summary = compute_on(predicted_fleet(), "prediction_calibration").summary
    error = (abs(1 - 0.3) + abs(0 - 0.6) + abs(0 - 0.1)) / 3
    judged = summary.filter(pl.col("calibrated_modes") > 0)
    assert judged["expected_calibration_error"].to_numpy() == pytest.approx(error)
    assert judged["max_calibration_error"].to_numpy() == pytest.approx(0.7)
    assert len(judged) > 5
