"""What is known at the first moment of an intervention."""

import polars as pl
import pytest

from metrics_platform.signals.intervention_moments import intervention_moments
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import drive, interventions_of, modes_of

CHANGES = [(0.0, "manual"), (2.0, "autonomous"), (5.0, "manual"), (8.0, "remote")]


@pytest.mark.parametrize(
    ("at_s", "mode", "within"),
    [
        pytest.param(1.0, "manual", True, id="before_autonomy"),
        pytest.param(2.1, "autonomous", True, id="just_after_it_began"),
        pytest.param(4.0, "autonomous", True, id="in_it"),
        pytest.param(5.0, "autonomous", True, id="at_its_end"),
        pytest.param(5.9, "autonomous", True, id="recorded_late"),
        pytest.param(6.1, "manual", True, id="long_after_it"),
        pytest.param(8.2, "remote", True, id="just_after_another_mode"),
        pytest.param(10.9, "remote", True, id="just_after_the_recording"),
        pytest.param(11.1, "unknown", False, id="after_the_drive"),
        pytest.param(-0.1, "unknown", False, id="before_the_drive"),
    ],
)
def test_the_mode_before(at_s: float, mode: str, within: bool) -> None:
    row = result_of(
        intervention_moments,
        interventions=interventions_of((at_s, "takeover")),
        ego_states=drive(10.0),
        drive_modes=modes_of(*CHANGES),
    ).rows.row(0, named=True)
    assert (row["mode_before"], row["within_drive"]) == (mode, within)


def test_place_and_speed_are_those_of_that_moment() -> None:
    speeds = [10.0 - step / 10 for step in range(21)]
    made = result_of(
        intervention_moments,
        interventions=interventions_of((1.25, "takeover"), (2.5, "takeover")),
        ego_states=drive(2.0, y_m=3.0).with_columns(speed_mps=pl.Series(speeds)),
    )
    rows = made.rows.select("x_m", "y_m", "speed_mps").rows()
    assert rows[0] == (pytest.approx(12.5), 3.0, pytest.approx(8.75))
    # Within the drive, as far as that goes; but nobody knows where.
    assert rows[1] == (None, None, None)
    assert made.rows["within_drive"].to_list() == [True, True]


def test_without_modes_the_mode_is_unknown() -> None:
    row = result_of(
        intervention_moments,
        interventions=interventions_of((1.0, "takeover")),
        ego_states=drive(2.0),
    ).rows.row(0, named=True)
    assert (row["mode_before"], row["within_drive"], row["x_m"]) == ("unknown", True, 10.0)


def test_without_a_drive_nothing_is_known_but_what_was_recorded() -> None:
    row = result_of(
        intervention_moments, interventions=interventions_of((1.0, "takeover"), cause="rain")
    ).rows.row(0, named=True)
    assert (row["mode_before"], row["within_drive"], row["speed_mps"]) == ("unknown", None, None)
    assert row["cause"] == "rain"


def test_two_at_one_moment_are_two() -> None:
    made = result_of(
        intervention_moments,
        interventions=interventions_of((1.0, "takeover"), (1.0, "emergency_stop")),
        ego_states=drive(2.0),
        drive_modes=modes_of((0.0, "autonomous")),
    )
    assert made.rows["kind"].to_list() == ["takeover", "emergency_stop"]
    assert made.rows["mode_before"].to_list() == ["autonomous"] * 2
