"""What it took to avoid a collision, on paper and against CommonRoad-CriMe."""

import math

import polars as pl
import pytest
from shapely.geometry import LineString, Point

from metrics_platform.metrics.required_acceleration import required_acceleration
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import approaching, result_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs

COLUMNS = ("required_longitudinal_mps2", "required_stop_mps2", "required_lateral_mps2")


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # 10 m/s in 20 m, and 2 m to the side in 2 s.
        pytest.param(approaching([20.0]), (-2.5, -2.5, 1.0), id="standing"),
        pytest.param(
            # 6 m/s less of 10 m/s, or 10 m/s, in 12 m; 1.5 m to the right in 2 s.
            approaching([12.0], other_velocity_x_mps=4.0, other_speed_mps=4.0, relative_y_m=0.5),
            (-1.5, -100 / 24, 0.75),
            id="slower",
        ),
        pytest.param(
            approaching([20.0], other_velocity_x_mps=-10.0, other_speed_mps=10.0),
            (-10.0, -2.5, 4.0),
            id="oncoming",
        ),
        pytest.param(
            # From the right, 2 m/s. In 2 s it is there by 1 m: a width of 1 m and a half length of
            # 2 m, less that, are left.
            approaching([19.0], relative_x_m=23.0, relative_y_m=-5.0, other_velocity_x_mps=0.0,
                        other_velocity_y_mps=2.0, other_speed_mps=2.0,
                        relative_heading_rad=math.pi / 2),
            (-2.5, -2.5, 1.0),
            id="crossing",
        ),
        pytest.param(approaching([50.0, 20.0, 30.0]), (-2.5, -2.5, 1.0), id="worst"),
        pytest.param(approaching([20.0, 0.0]), (-2.5, -2.5, 1.0), id="up_to_contact"),
        pytest.param(approaching([0.0]), None, id="overlapping"),
        pytest.param(
            approaching([6.0], relative_x_m=-10.0, other_velocity_x_mps=20.0, other_speed_mps=20.0),
            None,
            id="from_behind",
        ),
    ],
)  # fmt: skip
def test_on_paper(pairs: pl.DataFrame, expected: tuple[float, ...] | None) -> None:
    made = result_of(required_acceleration, actor_pairs=pairs)
    rows = made.rows.select(COLUMNS).rows()
    assert rows == ([] if expected is None else [pytest.approx(expected)])
    if expected:
        assert made.summary.row(0) == ("log", *(pytest.approx(expected[i]) for i in (0, 2)))


def crime_gap_m(start: dict[str, pl.DataFrame]) -> float:
    points = start["lane_points"].filter(pl.col("lane_id") == "47238").sort("point_index")
    lane = LineString(points.select("x_m", "y_m").rows())
    ends = {}
    for track_id, side in (("200", 1), ("202", -1)):
        row = start["tracks"].row(by_predicate=pl.col("track_id") == track_id, named=True)
        half_m = side * row["length_m"] / 2
        ends[track_id] = lane.project(Point(row["x_m"] + half_m, row["y_m"] + half_m))
    return float(ends["202"] - ends["200"])


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("DEU_Gar-1_1_T-1")
    start = {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}
    made = compute_on(start, "required_acceleration").rows
    row = made.row(
        by_predicate=(pl.col("actor_id") == "200") & (pl.col("other_id") == "202"), named=True
    )
    # As published: -0.81, and -5.77 in mode 2, of 22.16 m along the lane at 6 and at 16 m/s. CriMe
    # takes half of the lengths off both coordinates, and the lane doesn't lie along the x axis.
    gap_m = crime_gap_m(start)
    assert -(6**2) / (2 * gap_m) == pytest.approx(-0.81, abs=0.005)
    assert -(16**2) / (2 * gap_m) == pytest.approx(-5.77, abs=0.01)
    assert row["required_longitudinal_mps2"] == pytest.approx(-0.81, abs=0.005)
    # Ours is 22.31 m, until a corner of the other car, which stands at an angle, is hit.
    assert row["required_stop_mps2"] == pytest.approx(-(16**2) / (2 * 22.306), abs=0.001)
    # As published 0.06, which doesn't depend on where the other is.
    assert row["required_lateral_mps2"] == pytest.approx(0.146, abs=0.001)


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "required_acceleration").outcomes[log].status == "computed"
