"""What became of deliveries."""

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.delivery_completion import delivery_completion, pooled
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import deliveries_of, drive


def test_each_delivery_has_its_time_and_its_way() -> None:
    made = result_of(
        delivery_completion,
        deliveries=deliveries_of(
            (0.0, 10.0, "completed"),
            (5.0, 30.0, "completed"),
            (40.0, 50.0, "failed"),
            (60.0, 61.0, "cancelled"),
            (70.0, None, None),
        ),
        ego_states=drive(100.0, 2.0),
    )
    assert made.rows.select("outcome", "duration_s", "distance_m").rows() == [
        ("completed", 10.0, pytest.approx(20.0)),
        ("completed", 25.0, pytest.approx(50.0)),
        ("failed", 10.0, pytest.approx(20.0)),
        ("cancelled", 1.0, pytest.approx(2.0)),
        (None, None, None),
    ]
    # Neither the cancelled one nor the one under way is decided.
    assert made.summary.drop("log_id").row(0) == (5, 2, 1, 1, pytest.approx(2 / 3), 17.5)


@pytest.mark.parametrize(
    ("start_s", "end_s", "distance_m"),
    [
        pytest.param(-0.5, 10.5, 20.0, id="a_little_beyond"),
        pytest.param(-2.0, 5.0, None, id="from_before"),
        pytest.param(5.0, 12.0, None, id="beyond_the_end"),
        pytest.param(5.0, 5.0, 0.0, id="no_time"),
    ],
)
def test_the_way_is_known_within_the_drive(
    start_s: float, end_s: float, distance_m: float | None
) -> None:
    made = result_of(
        delivery_completion,
        deliveries=deliveries_of((start_s, end_s, "completed")),
        ego_states=drive(10.0, 2.0),
    )
    assert made.rows["distance_m"].item() == pytest.approx(distance_m)
    assert made.rows["duration_s"].item() == pytest.approx(end_s - start_s)


def test_without_a_pose_there_is_no_way() -> None:
    made = result_of(delivery_completion, deliveries=deliveries_of((0.0, 10.0, "completed")))
    assert made.rows.select("duration_s", "distance_m").row(0) == (10.0, None)


def test_an_end_before_the_beginning_is_none() -> None:
    made = result_of(delivery_completion, deliveries=deliveries_of((10.0, 5.0, "completed")))
    assert made.rows.select("end_ns", "duration_s").row(0) == (None, None)


def test_without_a_decided_delivery_there_is_no_share() -> None:
    made = result_of(delivery_completion, deliveries=deliveries_of((0.0, None, None)))
    assert made.summary["completed_ratio"].item() is None
    fleet = pooled(made.rows.lazy(), []).collect().row(0, named=True)
    assert fleet["completed_ratio"] is None
    assert (fleet["completed_low_ratio"], fleet["completed_high_ratio"]) == (0.0, 1.0)


def test_a_log_without_deliveries_abstains() -> None:
    outcome = result_of(delivery_completion, ego_states=drive(1.0)).outcomes["log"]
    assert outcome.status is Status.ABSTAINED


def test_a_fleet_is_all_deliveries_together() -> None:
    of_one = deliveries_of(*[(0.0, 1.0, "completed")] * 8)
    of_other = deliveries_of((0.0, 9.0, "completed"), (0.0, 1.0, "failed"), (0.0, 1.0, "cancelled"))
    frames = [of_one, of_other.with_columns(log_id=pl.lit("other"))]
    made = result_of(delivery_completion, deliveries=pl.concat(frames))
    fleet = pooled(made.rows.lazy(), []).collect().row(0, named=True)
    assert fleet["deliveries_count"] == 11
    assert fleet["completed_ratio"] == pytest.approx(0.9)
    # Clopper and Pearson for 9 of 10.
    assert fleet["completed_low_ratio"] == pytest.approx(0.5550, abs=5e-5)
    assert fleet["completed_high_ratio"] == pytest.approx(0.9975, abs=5e-5)
    assert fleet["median_duration_s"] == 1.0
    by_log = pooled(made.rows.lazy(), ["log_id"]).sort("log_id").collect()
    assert by_log["completed_count"].to_list() == [8, 1]
