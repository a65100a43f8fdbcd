"""Interventions during deliveries."""

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.interventions_per_delivery import interventions_per_delivery, pooled
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import deliveries_of, interventions_of


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        pytest.param(9.9, [0, 0], id="before"),
        pytest.param(10.0, [1, 0], id="at_the_beginning"),
        pytest.param(17.0, [1, 1], id="during_both"),
        pytest.param(30.0, [0, 1], id="at_the_end"),
        pytest.param(45.0, [0, 0], id="while_one_is_still_under_way"),
    ],
)
def test_what_came_during_a_delivery_counts(at_s: float, expected: list[int]) -> None:
    made = result_of(
        interventions_per_delivery,
        deliveries=deliveries_of((10.0, 20.0, "completed"), (15.0, 30.0, None), (40.0, None, None)),
        interventions=interventions_of((at_s, "emergency_stop")),
    )
    assert made.rows["intervention_count"].to_list() == expected
    assert made.rows["remote_assistance_count"].to_list() == [0, 0]


def test_several_logs() -> None:
    deliveries = deliveries_of((0.0, 10.0, "completed"), (10.5, 20.0, "failed"))
    events = interventions_of(
        (1.0, "remote_assistance"), (2.0, "remote_assistance"), (3.0, "takeover")
    )
    other = interventions_of((99.0, "takeover"))
    made = result_of(
        interventions_per_delivery,
        deliveries=pl.concat([deliveries, deliveries.with_columns(log_id=pl.lit("other"))]),
        interventions=pl.concat([events, other.with_columns(log_id=pl.lit("other"))]),
    )
    assert made.rows.drop("start_ns").rows() == [
        ("log", "0", 3, 2),
        ("log", "1", 0, 0),
        ("other", "0", 0, 0),
        ("other", "1", 0, 0),
    ]
    assert made.summary.drop("log_id").rows() == [(2, 3, 1.5, 1), (2, 0, 0.0, 2)]
    fleet = pooled(made.rows.lazy(), []).collect().row(0, named=True)
    assert fleet["interventions_per_delivery"] == pytest.approx(3 / 4)
    # Garwood's interval of 3 events: 0.619 to 8.767.
    assert fleet["low_per_delivery"] == pytest.approx(0.619 / 4, abs=2e-4)
    assert fleet["high_per_delivery"] == pytest.approx(8.767 / 4, abs=2e-4)
    by_log = pooled(made.rows.lazy(), ["log_id"]).sort("log_id").collect()
    assert by_log["intervention_count"].to_list() == [3, 0]


def test_a_delivery_under_way_is_no_exposure() -> None:
    made = result_of(
        interventions_per_delivery,
        deliveries=deliveries_of((0.0, None, None)),
        interventions=interventions_of((1.0, "takeover")),
    )
    assert made.rows.is_empty()
    assert made.summary.drop("log_id").row(0) == (0, 0, None, 0)


def test_where_nobody_records_interventions_none_is_no_answer() -> None:
    made = result_of(interventions_per_delivery, deliveries=deliveries_of((0.0, 10.0, "completed")))
    assert made.outcomes["log"].status is Status.ABSTAINED
