"""The synthetic corpus shows every definition at work."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core import Status
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.testing.corpus import pinned_logs
from metrics_platform.testing.inputs import computed_of, log_ids_of
from metrics_platform.testing.synthetic_frames import Frames


@pytest.fixture(scope="module")
def frames() -> Frames:
    return pinned_logs()


def test_it_is_the_same_each_time(frames: Frames) -> None:
    again = pinned_logs()

    assert frames.keys() == again.keys()
    for name, frame in frames.items():
        assert_frame_equal(frame, again[name], check_exact=True)


def test_every_recorded_signal_has_rows(frames: Frames) -> None:
    recorded = {definition.name for definition in default_catalog().recorded}

    assert {name for name, frame in frames.items() if len(frame)} == recorded


def test_every_derived_definition_has_rows_and_fails_nowhere(frames: Frames) -> None:
    catalog = default_catalog()
    derived = [definition.name for definition in catalog.derived]

    made = compute_chain(catalog, derived, computed_of(frames), log_ids_of(frames))

    assert [name for name in derived if made[name].rows.is_empty()] == []
    assert [name for name in derived if made[name].logs_with(Status.FAILED)] == []


def of_log(frames: Frames, name: str, log_id: str) -> pl.DataFrame:
    """Return the rows of a metric in the logs whose name begins so."""
    catalog = default_catalog()
    made = compute_chain(catalog, [name], computed_of(frames), log_ids_of(frames))[name]
    return made.rows.filter(pl.col("log_id").str.starts_with(log_id))


def test_a_drift_leaves_the_lane_and_comes_back(frames: Frames) -> None:
    # Half of the car's width and the drift, less half of the lane's.
    [depth_m] = of_log(frames, "lane_departures", "drift")["depth_m"]
    assert depth_m == pytest.approx(1.3 + 1.9 / 2 - 3.5 / 2, abs=0.2)


def test_what_no_scenario_shows_is_there(frames: Frames) -> None:
    [change] = of_log(frames, "lane_changes", "lane_change").to_dicts()
    assert (change["side"], change["whole"]) == ("left", True)

    # Who crosses the circle comes nearer in time at the second crossing than at the first.
    crossings = of_log(frames, "path_crossings", "circle").sort("at_ns")
    assert crossings["between_s"][1] < crossings["between_s"][0]
    assert of_log(frames, "stops", "circle").is_empty()

    # The gap in its poses is bridged; that of the other splits its drive.
    assert of_log(frames, "ego_states", "circle")["segment_index"].max() == 0
    assert of_log(frames, "ego_states", "lane_end")["segment_index"].max() == 1


def test_wild_drives_stop_brake_turn_and_reverse(frames: Frames) -> None:
    speeds = frames["vehicle_speeds"].filter(pl.col("log_id").str.starts_with("wild"))["speed_mps"]

    assert speeds.min() == -2.0
    assert len(of_log(frames, "stops", "wild")) >= 3
    assert len(of_log(frames, "hard_brakes", "wild")) >= 6
    assert len(of_log(frames, "hard_turns", "wild")) >= 6
