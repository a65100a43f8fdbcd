"""What it took to avoid a collision, on paper and against CommonRoad-CriMe."""

import math

import polars as pl
import pytest
from shapely.geometry import LineString, Point

from metrics_platform.metrics.required_acceleration import required_acceleration
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import approaching, result_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs
from metrics_platform_tests.metrics.crime import angle_at, smoothed_line, track_of

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


def at_start(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}


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
    start = at_start(frames)
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


def test_commonroad_crime_lateral(real_logs: RealLogs) -> None:
    frames = real_logs("DEU_Gar-1_1_T-1")
    ego, other = (track_of(frames, name)[0] for name in ("200", "202"))
    lane = smoothed_line(frames, "47238")
    angle, further = (angle_at(lane, state["x_m"], state["y_m"]) for state in (ego, other))
    # As published: 0.06. The lateral distance is that of the ego from itself, and so 0; the lateral
    # velocity is the whole 16 m/s of the ego, less the lateral one of the other, as the lane lies.
    ttc_s = 3.7
    assert crime_gap_m(at_start(frames)) / 6 == pytest.approx(ttc_s, abs=0.01)
    across_mps = (10 * math.sin(further) - 16) * math.sin(angle)
    beside_m = (ego["width_m"] + other["width_m"]) / 2
    either_side = [abs(2 * (side * beside_m - across_mps * ttc_s) / ttc_s**2) for side in (1, -1)]
    assert min(either_side) == pytest.approx(0.06, abs=0.005)
    # Ours: its centre is 0.72 m to the left, goes to the right at 0.44 m/s, and both boxes pass one
    # another 1.91 m apart, as it stands at an angle.
    made = compute_on(at_start(frames), "collision_courses").rows
    row = made.row(
        by_predicate=(pl.col("actor_id") == "200") & (pl.col("other_id") == "202"), named=True
    )
    across_m = row["relative_y_m"] - row["closing_y_mps"] * row["ttc_s"]
    assert across_m == pytest.approx(0.7171 - 0.43619 * row["ttc_s"], abs=1e-4)
    half_m = (1.61 + 2.0 * math.cos(0.043633) + 4.8 * math.sin(0.043633)) / 2
    ours = 2 * (half_m - abs(across_m)) / row["ttc_s"] ** 2
    assert ours == pytest.approx(0.146, abs=0.001)
    made = compute_on(at_start(frames), "required_acceleration").rows
    worst = made.filter(pl.col("actor_id") == "200", pl.col("other_id") == "202")
    assert worst["required_lateral_mps2"].item() == pytest.approx(ours, abs=1e-4)


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "required_acceleration").outcomes[log].status == "computed"
