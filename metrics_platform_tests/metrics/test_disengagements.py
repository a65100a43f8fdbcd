"""Disengagements: what is listed, and what is told of each."""

import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.disengagements import disengagements
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import (
    drive,
    interventions_of,
    modes_of,
    report_of_2024,
)


def test_disengagements_and_takeovers_are_listed_and_nothing_else() -> None:
    kinds = ["disengagement", "takeover", "remote_assistance", "emergency_stop"]
    made = result_of(
        disengagements,
        interventions=interventions_of(
            *((1.0 + number, kind) for number, kind in enumerate(kinds)),
            initiator="driver",
            cause="cut in",
        ),
        ego_states=drive(10.0, 7.0),
        drive_modes=modes_of((0.0, "autonomous"), (1.0, "manual")),
    )
    assert made.rows.select(
        "at_ns", "kind", "initiator", "cause", "mode_before", "within_drive", "speed_mps", "x_m"
    ).rows() == [
        (1_000_000_000, "disengagement", "driver", "cut in", "autonomous", True, 7.0,
         pytest.approx(7.0)),
        # A second after the end of the autonomous mode.
        (2_000_000_000, "takeover", "driver", "cut in", "autonomous", True, 7.0,
         pytest.approx(14.0)),
    ]  # fmt: skip
    assert made.summary.drop("log_id").row(0) == (2, 0, 0, 7.0)


def test_one_outside_of_the_drive_is_listed_and_says_so() -> None:
    made = result_of(
        disengagements,
        interventions=interventions_of((60.0, "disengagement"), initiator="system"),
        ego_states=drive(10.0),
        drive_modes=modes_of((0.0, "autonomous")),
    )
    row = made.rows.row(0, named=True)
    assert (row["within_drive"], row["mode_before"], row["x_m"]) == (False, "unknown", None)
    assert made.summary.drop("log_id").row(0) == (1, 1, 1, None)


def test_a_change_of_mode_alone_is_no_disengagement() -> None:
    frames = {
        "ego_states": drive(10.0),
        "drive_modes": modes_of((0.0, "autonomous"), (5.0, "manual")),
    }
    outcome = result_of(disengagements, **frames).outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    # Nobody disengaged in a log that records interventions, of which another kind is the only one.
    other = interventions_of((1.0, "remote_assistance"))
    made = result_of(disengagements, **frames, interventions=other)
    assert made.summary["disengagements"].to_list() == [0]


def test_the_report_of_2024() -> None:
    made = compute_on(report_of_2024(), "disengagements")
    assert made.summary.drop("log_id").row(0) == (1_773, 164, 0, None)
    assert made.rows["operator"].n_unique() == 16
    assert made.rows["mode_before"].unique().to_list() == ["unknown"]
