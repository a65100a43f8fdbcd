"""Synthetic places in lanes agree with the synthetic map."""

import polars as pl

from metrics_platform.testing.families import with_families
from metrics_platform.testing.inputs import computed_of
from metrics_platform.testing.synthetic import scenario, synthetic_logs
from metrics_platform.testing.traffic import traffic


def test_they_keep_the_contracts_of_the_signals() -> None:
    fleet = synthetic_logs(20, seconds=2)
    made = traffic(fleet)
    assert sorted(computed_of({**fleet, **made})) == sorted([*fleet, *made])
    assert made["lane_positions"].height == fleet["tracks"].height


def test_whoever_cuts_in_changes_lanes() -> None:
    frames = with_families(scenario("cut_in", seconds=6))
    lanes = frames["lane_positions"].sort("timestamp_ns")["lane_id"]
    assert (lanes[0], lanes[-1]) == ("left_1", "own_2")
    assert set(lanes) - set(frames["lanes"]["lane_id"]) == set()
    links = frames["lane_links"].filter(pl.col("lane_id") == "own_1")
    assert links["next_lane_id"].to_list() == ["own_2"]
