"""Rates of interventions: which of them count, over which way, and how sure they are."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.core import Computed, Status
from metrics_platform.core.frames import empty_frame
from metrics_platform.metrics.interventions_per_distance import (
    interventions_per_distance,
    pooled,
)
from metrics_platform.signals.reported_distances import MILE_M, ReportedDistances
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import (
    drive,
    frame_of,
    interventions_of,
    modes_of,
    recording_of,
    report_of_2024,
)

Events = list[tuple[float, str]]


def of_drive(events: Events, *changes: tuple[float, str], seconds: float = 100.0) -> Computed:
    frames = {
        "recordings": recording_of(seconds),
        "ego_states": drive(seconds),
        "interventions": interventions_of(*events),
    }
    if changes:
        frames["drive_modes"] = modes_of(*changes)
    return result_of(interventions_per_distance, **frames)


def row_of(made: Computed, kind: str = "any") -> dict[str, Any]:
    return made.rows.filter(kind=kind).row(0, named=True)


def test_a_kilometre_with_two_interventions() -> None:
    made = of_drive([(10.0, "takeover"), (20.0, "remote_assistance")], (0.0, "autonomous"))
    assert made.rows["kind"].to_list() == [
        "any", "disengagement", "emergency_stop", "remote_assistance", "takeover",
    ]  # fmt: skip
    row = row_of(made)
    assert row["intervention_count"] == 2
    assert row["distance_m"] == pytest.approx(1_000.0)
    assert row["rate_per_km"] == pytest.approx(2.0)
    # Of 2 events: 0.242 to 7.225.
    assert row["rate_low_per_km"] == pytest.approx(0.242, abs=5e-4)
    assert row["rate_high_per_km"] == pytest.approx(7.225, abs=5e-4)
    assert row["distance_each_m"] == pytest.approx(500.0)
    one = row_of(made, "takeover")
    assert (one["intervention_count"], one["rate_per_km"]) == (1, pytest.approx(1.0))
    none = row_of(made, "disengagement")
    assert (none["rate_per_km"], none["rate_low_per_km"], none["distance_each_m"]) == (0, 0, None)
    assert none["rate_high_per_km"] == pytest.approx(3.689, abs=5e-4)
    summary = made.summary.row(0, named=True)
    assert summary["interventions_per_1000_km"] == pytest.approx(2_000.0)
    assert summary["interventions_per_1000_miles"] == pytest.approx(3_218.688)
    assert summary["miles_per_disengagement"] is None


@pytest.mark.parametrize(
    ("at_s", "counts"),
    [
        pytest.param(10.0, False, id="while_manual"),
        pytest.param(30.0, True, id="while_autonomous"),
        pytest.param(60.0, True, id="that_ended_it"),
        pytest.param(60.5, True, id="that_ended_it_and_came_late"),
        pytest.param(80.0, False, id="long_after_it"),
        pytest.param(160.0, False, id="after_the_drive"),
        pytest.param(-5.0, False, id="before_the_drive"),
    ],
)
def test_what_counts_is_what_came_while_the_distance_was_driven(at_s: float, counts: bool) -> None:
    changes = [(0.0, "manual"), (20.0, "autonomous"), (60.0, "manual")]
    row = row_of(of_drive([(at_s, "takeover")], *changes))
    assert row["distance_m"] == pytest.approx(400.0)
    assert (row["intervention_count"], row["other_count"]) == (int(counts), int(not counts))


def test_until_the_mode_is_known_nothing_counts() -> None:
    made = of_drive([(10.0, "takeover"), (70.0, "takeover")], (50.0, "autonomous"))
    row = row_of(made)
    assert (row["intervention_count"], row["other_count"]) == (1, 1)
    assert row["distance_m"] == pytest.approx(500.0)


@pytest.mark.parametrize(
    "changes", [(), ((0.0, "unknown"),)], ids=["no_modes", "unknown_throughout"]
)
def test_a_log_of_which_no_mode_is_known_abstains(changes: tuple[tuple[float, str], ...]) -> None:
    outcome = of_drive([(10.0, "takeover")], *changes).outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    assert "no drive mode is known" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("mode", "seconds"), [("manual", 100.0), ("autonomous", 0.0)], ids=["manual", "one_state"]
)
def test_without_a_distance_there_is_no_rate(mode: str, seconds: float) -> None:
    made = result_of(
        interventions_per_distance,
        recordings=recording_of(seconds),
        ego_states=drive(100.0, 0.0),
        interventions=interventions_of((10.0, "takeover")),
        drive_modes=modes_of((0.0, mode)),
    )
    row = row_of(made)
    assert row["distance_m"] == 0
    for name in ("rate_per_km", "rate_low_per_km", "rate_high_per_km", "distance_each_m"):
        assert row[name] is None
    assert made.summary["interventions_per_1000_km"].item() is None


def test_other_modes_can_be_asked_for() -> None:
    states, events = drive(100.0), interventions_of((10.0, "takeover"))
    stretches = compute_on(
        {"ego_states": states, "drive_modes": modes_of((0.0, "manual"))}, "mode_stretches"
    ).rows
    moments = compute_on(
        {"interventions": events, "ego_states": states, "mode_stretches": stretches},
        "intervention_moments",
    ).rows
    made = interventions_per_distance(
        moments.lazy(), recording_of(100.0).lazy(), stretches.lazy(),
        empty_frame(ReportedDistances).lazy(), modes=("manual", "remote"),
    )  # fmt: skip
    assert not isinstance(made, pl.LazyFrame)
    row = made.rows.filter(kind="any").collect().row(0, named=True)
    assert (row["intervention_count"], row["distance_m"]) == (1, pytest.approx(1_000.0))


def reported(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    """Return distances of (operator, vehicle, period, km); a vehicle's months follow each other."""
    made = [
        {
            "timestamp_ns": number,
            "end_ns": number + 1,
            "operator": operator,
            "permit": operator,
            "vehicle": vehicle,
            "period": period,
            "distance_m": km * 1_000,
        }
        for number, (operator, vehicle, period, km) in enumerate(rows)
    ]
    return frame_of(ReportedDistances, made)


def test_a_report_counts_operator_by_operator_and_totals_win() -> None:
    distances = reported(
        ("A", "1", "month", 40.0), ("A", "1", "month", 40.0), ("A", "1", "total", 100.0),
        ("A", "2", "month", 10.0), ("B", "3", "month", 5.0),
    )  # fmt: skip
    events = [
        interventions_of((1.0, "disengagement"), (2.0, "disengagement"), operator="A"),
        interventions_of((3.0, "disengagement"), operator="C").with_columns(
            intervention_id=pl.lit("c")
        ),
    ]
    made = result_of(
        interventions_per_distance,
        recordings=recording_of(9.0),
        interventions=pl.concat(events),
        reported_distances=distances,
    )
    # Of what nobody had to report, nothing is said.
    assert made.rows["kind"].unique().sort().to_list() == ["any", "disengagement"]
    found = made.rows.filter(kind="disengagement").sort("operator")
    assert found.select("operator", "intervention_count", "distance_m", "rate_per_km").rows() == [
        ("A", 2, 110_000.0, pytest.approx(2 / 110)),
        ("B", 0, 5_000.0, 0.0),
        ("C", 1, 0.0, None),
    ]
    fleet = pooled(found.lazy(), []).collect().row(0, named=True)
    assert (fleet["intervention_count"], fleet["distance_m"]) == (3, 115_000.0)


def test_the_report_of_2024() -> None:
    made = compute_on(report_of_2024(), "interventions_per_distance")
    rows = made.rows.filter(kind="disengagement").with_columns(
        miles=pl.col("distance_m") / MILE_M, miles_each=pl.col("distance_each_m") / MILE_M
    )
    assert len(rows) == 20
    summary = made.summary.row(0, named=True)
    assert summary["distance_m"] / MILE_M == pytest.approx(3_912_657.536, abs=1e-3)
    assert summary["interventions"] == 1_773
    assert summary["other_interventions"] == 0
    assert summary["miles_per_disengagement"] == pytest.approx(3_912_657.536 / 1_773)
    each = dict(rows.select("operator", "miles_each").iter_rows())
    assert each["Waymo LLC"] == pytest.approx(9_793.3, abs=0.05)
    assert each["Zoox, Inc."] == pytest.approx(27_996.2, abs=0.05)
    assert each["Apple Inc."] == pytest.approx(536.6, abs=0.05)
    waymo = rows.filter(operator="Waymo LLC").row(0, named=True)
    assert waymo["intervention_count"] == 244
    assert waymo["miles"] == pytest.approx(2_389_565.2, abs=1e-6)
    fleet = pooled(made.rows.lazy(), []).filter(kind="disengagement").collect().row(0, named=True)
    assert fleet["intervention_count"] == 1_773
    assert fleet["distance_each_m"] == pytest.approx(summary["miles_per_disengagement"] * MILE_M)


def test_a_release_is_its_logs_pooled_and_not_their_mean() -> None:
    frames = {
        "recordings": pl.concat(
            [recording_of(100.0, log_id=log_id, release=log_id[0]) for log_id in ("a1", "a2", "b1")]
        ),
        "ego_states": pl.concat(
            [drive(100.0, speed, log_id=log) for log, speed in (("a1", 30), ("a2", 10), ("b1", 1))]
        ),
        "drive_modes": pl.concat(
            [modes_of((0.0, "autonomous")).with_columns(log_id=pl.lit(log))
             for log in ("a1", "a2", "b1")]
        ),
        "interventions": interventions_of((1.0, "takeover"), (2.0, "takeover")).with_columns(
            log_id=pl.Series(["a2", "b1"])
        ),
    }  # fmt: skip
    # One of the logs records interventions and has none.
    none = interventions_of((1_000.0, "takeover")).with_columns(log_id=pl.lit("a1"))
    frames["interventions"] = pl.concat([frames["interventions"], none])
    made = result_of(interventions_per_distance, **frames)
    rows = made.rows.lazy().join(frames["recordings"].lazy(), on="log_id")
    releases = pooled(rows, ["release"]).filter(kind="any").sort("release").collect()
    assert releases.select("release", "intervention_count", "rate_per_km").rows() == [
        ("a", 1, pytest.approx(1 / 4)),
        ("b", 1, pytest.approx(1 / 0.1)),
    ]


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=6),
    confidence=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_the_more_is_driven_the_surer_the_rate(counts: list[int], confidence: float) -> None:
    rows = pl.LazyFrame(
        {
            "kind": ["any"] * len(counts),
            "intervention_count": counts,
            "other_count": [0] * len(counts),
            "distance_m": [1_000.0] * len(counts),
        }
    )
    fleet = pooled(rows, [], confidence=confidence).collect().row(0, named=True)
    assert fleet["rate_per_km"] == pytest.approx(sum(counts) / len(counts))
    assert fleet["rate_low_per_km"] <= fleet["rate_per_km"] <= fleet["rate_high_per_km"]
    twice = pooled(pl.concat([rows, rows]), [], confidence=confidence).collect()
    width = fleet["rate_high_per_km"] - fleet["rate_low_per_km"]
    assert (twice["rate_high_per_km"] - twice["rate_low_per_km"]).item() < width
