"""The plots of synthetic missions are found by the metrics."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.testing.inputs import compute_on, computed_of
from metrics_platform.testing.missions import PLOTS, missions, plots
from metrics_platform.testing.synthetic import Frames, synthetic_logs


@pytest.fixture(scope="module")
def frames() -> Frames:
    logs = synthetic_logs(45, seconds=20, tracks=1)
    return {**logs, **missions(logs)}


def of_plot(frames: Frames, name: str, plot: str) -> pl.DataFrame:
    told = plots(frames).select("log_id", "plot")
    return compute_on(frames, name).summary.join(told, on="log_id").filter(plot=plot)


def test_every_plot_occurs_and_keeps_the_contracts(frames: Frames) -> None:
    assert set(plots(frames)["plot"]) == {*PLOTS, "delivery"}
    computed_of(frames)
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in frames.items()
    }
    again = missions(shuffled)
    for name, frame in again.items():
        assert_frame_equal(frame, frames[name])


@pytest.mark.parametrize(
    ("plot", "ratio"),
    [("autonomous", 1.0), ("manual", 0.0), ("handover", 0.5), ("delivery", 0.9)],
)
def test_the_share_of_autonomous_time(frames: Frames, plot: str, ratio: float) -> None:
    rows = of_plot(frames, "exposure", plot)
    shares = rows["autonomous_duration_s"] / rows["duration_s"]
    assert shares.to_list() == [pytest.approx(ratio, abs=1e-3)] * len(rows)


@pytest.mark.parametrize("plot", ["silent", "report"])
def test_where_no_mode_is_told_all_is_unknown(frames: Frames, plot: str) -> None:
    rows = of_plot(frames, "exposure", plot)
    assert rows["autonomous_distance_m"].null_count() == len(rows) > 0
    assert rows["unknown_distance_m"].equals(rows["distance_m"].rename("unknown_distance_m"))


@pytest.mark.parametrize(
    ("plot", "counting", "other"),
    [("autonomous", 1, 1), ("manual", 0, 1), ("handover", 1, 0), ("delivery", 2, 0),
     ("report", 3, 0)],
)  # fmt: skip
def test_interventions(frames: Frames, plot: str, counting: int, other: int) -> None:
    rows = of_plot(frames, "interventions_per_distance", plot)
    assert len(rows) > 0
    assert rows["interventions"].to_list() == [counting] * len(rows)
    assert rows["other_interventions"].to_list() == [other] * len(rows)


def test_the_reports(frames: Frames) -> None:
    rows = compute_on(frames, "interventions_per_distance").rows
    reports = plots(frames).filter(plot="report").select("log_id")
    found = rows.join(reports, on="log_id").filter(kind="any").sort("log_id", "operator")
    assert found.select("operator", "intervention_count", "distance_m").rows() == [
        ("A", 2, 150_200.0),
        ("B", 0, 30_000.0),
        ("C", 1, 0.0),
    ] * len(reports)


@pytest.mark.parametrize(
    ("metric", "summary", "expected"),
    [
        ("delivery_completion", "deliveries", 3.0),
        ("delivery_completion", "completed_ratio", 0.5),
        ("delivery_completion", "median_duration_s", 10.0),
        ("interventions_per_delivery", "interventions_per_delivery", 1.0),
        ("phase_times", "kerb_waits", 2.0),
        ("phase_times", "kerb_wait_s", 3.0),
        ("phase_times", "stopped_s", 1.0),
        ("remote_assistance", "sessions", 1.0),
        ("remote_assistance", "assisted_ratio", 0.1),
        ("disengagements", "disengagements", 0.0),
    ],
)
def test_deliveries(frames: Frames, metric: str, summary: str, expected: float) -> None:
    rows = of_plot(frames, metric, "delivery")
    assert len(rows) == 5
    assert rows[summary].to_list() == [pytest.approx(expected, rel=1e-3)] * 5
