"""Distance and time by mode."""

import polars as pl
import pytest

from metrics_platform.metrics.exposure import exposure, pooled
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.missions import drive, modes_of

HANDOVER = [(1.0, "autonomous"), (3.0, "manual"), (3.5, "autonomous")]


def test_modes_together_are_the_drive() -> None:
    made = result_of(exposure, ego_states=drive(4.0), drive_modes=modes_of(*HANDOVER))
    assert made.rows.drop("log_id").rows() == [
        ("autonomous", pytest.approx(25.0), pytest.approx(2.5), 2),
        ("manual", pytest.approx(5.0), pytest.approx(0.5), 1),
        ("unknown", pytest.approx(10.0), pytest.approx(1.0), 1),
    ]
    assert made.summary.drop("log_id").row(0) == tuple(
        pytest.approx(value) for value in (40.0, 4.0, 25.0, 2.5, 10.0)
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([], (40.0, None, 40.0), id="no_mode_is_known"),
        pytest.param([(0.0, "unknown")], (40.0, None, 40.0), id="unknown_throughout"),
        pytest.param([(0.0, "manual")], (40.0, 0.0, 0.0), id="manual_throughout"),
    ],
)
def test_nothing_autonomous_is_not_nothing_known(
    changes: list[tuple[float, str]], expected: tuple[float, ...]
) -> None:
    frames = {"ego_states": drive(4.0)}
    if changes:
        frames["drive_modes"] = modes_of(*changes)
    summary = result_of(exposure, **frames).summary
    names = ("distance_m", "autonomous_distance_m", "unknown_distance_m")
    assert summary.select(names).row(0) == tuple(map(pytest.approx, expected))


def test_a_fleet_is_its_logs_added_up() -> None:
    states = [drive(4.0, log_id="a"), drive(2.0, 5.0, log_id="b")]
    modes = modes_of(*HANDOVER)
    made = result_of(
        exposure,
        ego_states=pl.concat(states),
        drive_modes=pl.concat([modes.with_columns(log_id=pl.lit(name)) for name in "ab"]),
    )
    releases = pl.LazyFrame({"log_id": ["a", "b"], "release": ["1", "2"]})
    rows = made.rows.lazy().join(releases, on="log_id")
    fleet = pooled(rows, []).filter(mode="autonomous").collect()
    assert fleet.select("distance_m", "stretches_count").row(0) == (pytest.approx(30.0), 3)
    by_release = pooled(rows, ["release"]).filter(mode="autonomous").sort("release").collect()
    assert by_release["distance_m"].to_list() == pytest.approx([25.0, 5.0])


@pytest.mark.parametrize("log", ["comma2k19", "7fab2350", "robot"])
def test_of_a_real_drive_it_is_the_distance_driven(real_logs: RealLogs, log: str) -> None:
    frames = real_logs(log)
    distance = compute_on(frames, "distance_driven").rows.select("distance_m", "duration_s").row(0)
    (first_ns,) = frames["ego_poses"].select(pl.col("timestamp_ns").min()).row(0)
    log_id = frames["ego_poses"]["log_id"][0]
    modes = modes_of((0.0, "manual"), (5.0, "autonomous")).with_columns(
        pl.col("timestamp_ns") + first_ns, log_id=pl.lit(log_id)
    )
    for given in (frames, {**frames, "drive_modes": modes}):
        sums = compute_on(given, "exposure").rows.select(pl.col("distance_m", "duration_s").sum())
        assert sums.row(0) == (pytest.approx(distance[0]), pytest.approx(distance[1]))
