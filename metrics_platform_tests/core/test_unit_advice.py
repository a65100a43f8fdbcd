"""Who names a unit that is not used here is told which one is, and how to convert."""

import pytest

from metrics_platform.core import MetricFrame
from metrics_platform.core.frames import UNITS
from metrics_platform.core.unit_advice import columns_of_other_units, unit_advice, without_unit


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        ("speed_kmh", "'speed_kmh' is in m/s here: divide by 3.6 and call it 'speed_mps'"),
        ("speed_km_h", "'speed_km_h' is in m/s here: divide by 3.6 and call it 'speed_mps'"),
        ("gap_meters", "'gap_meters' has m as _m: call it 'gap_m'"),
        ("time_ms", "'time_ms' is in s here: divide by 1000 and call it 'time_s'"),
        ("time_ms", "(a moment: time_ns, whole nanoseconds)"),
        ("angle_deg", "multiply by pi / 180 (.radians()) and call it 'angle_rad'"),
        ("brake_m_s2", "'brake_m_s2' has m/s² as _mps2: call it 'brake_mps2'"),
        ("yaw_rad_s", "'yaw_rad_s' has rad/s as _radps: call it 'yaw_radps'"),
        ("share_pct", "divide by 100 and call it 'share_ratio'"),
        ("speed", "'speed' says no unit: in m/s it is called 'speed_mps'"),
        ("least_gap", "'least_gap' says no unit: in m it is called 'least_gap_m'"),
        ("badness", "'badness' says no unit: end its name with one of _mps, _mps2"),
    ],
)
def test_a_name_is_advised(column: str, advice: str) -> None:
    assert advice in unit_advice(column)


class Mixed(MetricFrame):
    """One row per log_id."""

    name_ms: str
    rate_per_km: float
    length_m: float
    yaw_rad_s: float
    speed: float


def test_only_numbers_whose_name_says_no_unit_are_advised() -> None:
    assert columns_of_other_units(Mixed) == ["yaw_rad_s"]
    assert [told.split("'")[1] for told in without_unit(Mixed)] == ["yaw_rad_s", "speed"]


def test_no_unit_that_is_used_here_is_taken_for_another() -> None:
    names = [f"value{suffix}" if suffix[0] == "_" else suffix for suffix in UNITS]
    rows = type("Rows", (MetricFrame,), {"__annotations__": dict.fromkeys(names, float)})
    assert without_unit(rows) == []
