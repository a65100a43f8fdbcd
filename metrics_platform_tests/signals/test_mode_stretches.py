"""The drive, cut where the mode changes."""

from typing import Any

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.signals.mode_stretches import mode_stretches
from metrics_platform_tests.metrics.builders import ego_states_of, result_of
from metrics_platform_tests.metrics.missions import drive, modes_of, ns

# start, end, mode, mode before, distance; seconds and metres
Stretch = tuple[float, float, str, str | None, float]


def stretches_of(states: pl.DataFrame, *changes: tuple[float, str]) -> list[tuple[Any, ...]]:
    made = result_of(mode_stretches, ego_states=states, drive_modes=modes_of(*changes))
    return [
        (start / 1e9, end / 1e9, mode, previous, pytest.approx(distance))
        for _, start, end, mode, previous, distance, _ in made.rows.rows()
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([(0.0, "autonomous")], [(0, 2, "autonomous", None, 20)], id="throughout"),
        pytest.param([(-9.0, "manual")], [(0, 2, "manual", None, 20)], id="from_before"),
        pytest.param(
            [(1.0, "autonomous")],
            [(0, 1, "unknown", None, 10), (1, 2, "autonomous", "unknown", 10)],
            id="known_from_the_middle",
        ),
        pytest.param(
            [(0.0, "autonomous"), (0.5, "autonomous"), (1.25, "manual"), (1.5, "manual")],
            [(0, 1.25, "autonomous", None, 12.5), (1.25, 2, "manual", "autonomous", 7.5)],
            id="repeated_and_between_states",
        ),
        pytest.param(
            [(0.0, "remote"), (1.0, "unknown")],
            [(0, 1, "remote", None, 10), (1, 2, "unknown", "remote", 10)],
            id="lost",
        ),
        pytest.param(
            [(0.0, "manual"), (7.0, "autonomous")], [(0, 2, "manual", None, 20)], id="after_the_end"
        ),
    ],
)
@pytest.mark.parametrize("speed_mps", [10.0, -10.0], ids=["forward", "reverse"])
def test_stretches(
    changes: list[tuple[float, str]], expected: list[Stretch], speed_mps: float
) -> None:
    assert stretches_of(drive(2.0, speed_mps), *changes) == expected


def test_without_modes_all_of_the_drive_is_unknown() -> None:
    made = result_of(mode_stretches, ego_states=drive(2.0))
    row = made.rows.row(0, named=True)
    assert (row["mode"], row["previous_mode"]) == ("unknown", None)
    assert (row["distance_m"], row["duration_s"]) == (pytest.approx(20.0), pytest.approx(2.0))


def test_a_change_in_a_gap_divides_time_and_not_the_way() -> None:
    states = ego_states_of(
        4,
        timestamp_ns=[ns(0.0), ns(0.1), ns(5.0), ns(5.1)],
        x_m=[0, 1, 50, 51],
        speed_mps=10,
        segment_index=[0, 0, 1, 1],
    )
    made = result_of(
        mode_stretches, ego_states=states, drive_modes=modes_of((0.0, "manual"), (2.0, "remote"))
    )
    assert made.rows.select("mode", "distance_m", "duration_s").rows() == [
        ("manual", pytest.approx(1.0), pytest.approx(0.1)),
        ("remote", pytest.approx(1.0), pytest.approx(0.1)),
    ]


def test_standing_takes_time_and_no_way() -> None:
    made = result_of(
        mode_stretches, ego_states=drive(2.0, 0.0), drive_modes=modes_of((0.0, "autonomous"))
    )
    assert made.rows.select("distance_m", "duration_s").row(0) == (0.0, pytest.approx(2.0))


def test_modes_without_a_pose_are_no_drive() -> None:
    made = result_of(mode_stretches, drive_modes=modes_of((0.0, "autonomous")))
    assert made.outcomes["log"].status is Status.ABSTAINED
