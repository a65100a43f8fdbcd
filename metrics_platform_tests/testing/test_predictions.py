"""What is known of synthetic predictions."""

import polars as pl

from metrics_platform.testing.experts import PLANNER
from metrics_platform.testing.inputs import computed_of
from metrics_platform.testing.predictions import (
    FINAL_ERRORS_M,
    PREDICTOR,
    PROBABILITIES,
    STEPS,
    predictions,
)
from metrics_platform.testing.synthetic import scenario, synthetic_logs


def test_they_are_valid_and_the_same_each_time() -> None:
    frames = synthetic_logs(12, seconds=4)
    made = predictions(frames)
    computed_of(made)
    assert all(made[name].equals(again) for name, again in predictions(frames).items())
    sources = made["predicted_trajectories"]["source"].unique().sort().to_list()
    assert sources == sorted([PLANNER, PREDICTOR])


def test_the_last_step_of_a_mode_is_off_by_what_is_said() -> None:
    frames = scenario("cruise", seconds=6, bystanders=3)
    predicted = predictions(frames)["predicted_trajectories"].filter(source=PREDICTOR)
    truth = frames["tracks"].select("track_id", "x_m", "y_m", at_ns="timestamp_ns")
    last = predicted.filter(step_index=STEPS - 1).join(truth, on=["track_id", "at_ns"])
    assert len(last) == 4 * 2 * len(FINAL_ERRORS_M)
    for mode, (error_m, probability) in enumerate(zip(FINAL_ERRORS_M, PROBABILITIES, strict=True)):
        rows = last.filter(mode_index=mode)
        off = rows.select(
            x=pl.col("x_m") - pl.col("x_m_right"), y=pl.col("y_m") - pl.col("y_m_right")
        )
        assert ((off["x"] - error_m).abs() < 1e-9).all()
        assert (off["y"] == 0).all()
        assert rows["probability_ratio"].unique().to_list() == [probability]


def test_one_road_user_is_asked_for_and_not_predicted() -> None:
    made = predictions(scenario("cruise", seconds=2, bystanders=3))
    targets, predicted = made["forecast_targets"], made["predicted_trajectories"]
    assert targets.select("track_id", "focal").rows() == [
        ("000", True), ("001", False), ("002", False),
    ]  # fmt: skip
    assert predicted.filter(source=PREDICTOR)["track_id"].unique().sort().to_list() == [
        "000",
        "001",
    ]
