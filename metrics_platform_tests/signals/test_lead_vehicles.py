"""Who is in front: along the lanes where they are recorded, else straight ahead."""

import polars as pl
import pytest

from metrics_platform.core import Computed
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import pairs_of
from metrics_platform_tests.signals.test_lane_leads import on_road


def lead_vehicles_of(frames: dict[str, pl.DataFrame]) -> Computed:
    return compute_on(frames, "lead_vehicles")


def test_lanes_tell_where_they_are_recorded() -> None:
    rows = lead_vehicles_of(on_road(a=50, b=70)).rows
    assert rows.select("actor_id", "other_id", "gap_m", "along").rows() == [
        ("a", "b", 16.0, "lane")
    ]


def test_nobody_in_front_in_any_lane_is_an_answer() -> None:
    # Side by side: straight ahead of the one behind is nobody either, but lanes are what counts.
    frames = on_road(a=50, b=70)
    apart = pl.when(pl.col("track_id") == "b").then(pl.lit("elsewhere")).otherwise("lane_id")
    positions = frames["lane_positions"].with_columns(lane_id=apart)
    assert lead_vehicles_of({**frames, "lane_positions": positions}).rows.is_empty()


def test_without_places_in_lanes_straight_ahead_is_in_front() -> None:
    frames = on_road(a=50, b=70, c=95)
    del frames["lane_positions"]
    rows = lead_vehicles_of(frames).rows
    seen = rows.select("actor_id", "other_id", "lead_index", "gap_m", "along").rows()
    assert seen == [
        ("a", "b", 0, pytest.approx(16.0), "heading"),
        ("a", "c", 1, pytest.approx(41.0), "heading"),
        ("b", "c", 0, pytest.approx(21.0), "heading"),
    ]


@pytest.mark.parametrize(
    ("columns", "leads"),
    [
        pytest.param({"relative_x_m": 14.0}, True, id="ahead"),
        pytest.param({"relative_x_m": -14.0}, False, id="behind"),
        pytest.param({"relative_x_m": 14.0, "relative_y_m": 1.9}, True, id="sticks_into_the_way"),
        pytest.param({"relative_x_m": 14.0, "relative_y_m": 2.1}, False, id="next_lane"),
        pytest.param({"relative_x_m": 14.0, "relative_heading_rad": 0.7}, True, id="turns_off"),
        pytest.param({"relative_x_m": 14.0, "relative_heading_rad": -1.6}, False, id="crosses"),
        pytest.param({"relative_x_m": 14.0, "relative_heading_rad": -3.1}, False, id="oncoming"),
        pytest.param({"relative_x_m": 14.0, "other_speed_mps": None}, False, id="unknown_speed"),
    ],
)
def test_whom_an_ego_follows(columns: dict[str, float | None], leads: bool) -> None:
    frames = scenario("follow", log_id="log", seconds=1)
    pairs = pairs_of(1, **{"distance_m": 10.0, "actor_speed_mps": 10.0, **columns})
    rows = compute_on({**frames, "actor_pairs": pairs}, "lead_vehicles").rows
    assert rows["other_id"].to_list() == (["1"] if leads else [])


def test_a_synthetic_following() -> None:
    frames = scenario("follow", speed_mps=15.0, headway_s=0.7)
    rows = compute_on(frames, "lead_vehicles").rows
    assert rows["gap_m"].to_list() == pytest.approx([0.7 * 15.0] * len(rows))
    assert set(rows["along"]) == {"heading"}
