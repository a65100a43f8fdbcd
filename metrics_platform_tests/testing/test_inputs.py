"""From frames to results without a store."""

import polars as pl
import pytest
from pandera.polars import Field
from polars.testing import assert_frame_equal

from metrics_platform.core import MetricFrame, Status, metric, signal
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import ContractError, DefinitionError, UnknownNameError
from metrics_platform.readers.formats import recorded_signals
from metrics_platform.testing.inputs import compute_on, computed_of, inputs_of
from metrics_platform.testing.synthetic import scenario, synthetic_logs


class TopSpeeds(MetricFrame):
    """One row per log."""

    top_speed_mps: float = Field(ge=0)


@signal(version="1.0.0", rows=TopSpeeds, owner="tests")
def top_speeds(vehicle_speeds: pl.LazyFrame) -> pl.LazyFrame:
    """Greatest reported speed."""
    return vehicle_speeds.group_by("log_id").agg(top_speed_mps=pl.col("speed_mps").max())


class TracksPerSpeed(MetricFrame):
    """One row per log."""

    tracks_count: int


@metric(
    version="1.0.0",
    rows=TracksPerSpeed,
    owner="tests",
    summary={"tracks_count": pl.col("tracks_count").first()},
)
def busy(top_speeds: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Number of tracks in logs that move at all."""
    counts = tracks.group_by("log_id").agg(tracks_count=pl.col("track_id").n_unique().cast(int))
    return top_speeds.join(counts, on="log_id").select("log_id", "tracks_count")


CATALOG = Catalog([*recorded_signals().values(), top_speeds, busy])


def test_a_metric_is_computed_with_all_it_needs() -> None:
    frames = synthetic_logs(9, seconds=1, tracks=4)
    made = compute_on(frames, "busy", catalog=CATALOG)
    assert made.outcomes["synthetic_00007"].reason == "no tracks: the recording has no tracks"
    assert len(made.logs_with(Status.COMPUTED)) == 8
    assert made.rows["tracks_count"].unique().to_list() == [4]
    assert made.summary.columns == ["log_id", "tracks_count"]


def test_a_metric_that_is_not_installed_is_computed_too() -> None:
    frames = synthetic_logs(9, seconds=1, tracks=4)
    without = Catalog([*recorded_signals().values(), top_speeds])
    expected = compute_on(frames, "busy", catalog=CATALOG)
    assert_frame_equal(compute_on(frames, busy, catalog=without).rows, expected.rows)


def test_a_definition_takes_the_place_of_one_of_its_name() -> None:
    @metric(version="2.0.0", rows=TracksPerSpeed, owner="tests", summary={"rows_count": pl.len()})
    def busy(tracks: pl.LazyFrame) -> pl.LazyFrame:
        """No tracks at all."""
        return tracks.select("log_id", tracks_count=pl.lit(0, pl.Int64)).unique()

    frames = synthetic_logs(2, seconds=1, tracks=4)
    assert compute_on(frames, busy, catalog=CATALOG).rows["tracks_count"].to_list() == [0, 0]


def test_what_is_given_is_not_computed() -> None:
    given = pl.DataFrame({"log_id": ["a"], "top_speed_mps": [1.0]})
    tracks = scenario("follow", log_id="a")["tracks"]
    made = compute_on({"top_speeds": given, "tracks": tracks}, "busy", catalog=CATALOG)
    assert made.rows.rows() == [("a", 1)]


def test_a_recorded_signal_that_is_not_given_makes_logs_abstain() -> None:
    frames = scenario("cruise")
    made = compute_on({"recordings": frames["recordings"]}, "busy", catalog=CATALOG)
    assert made.outcomes["cruise"].status is Status.ABSTAINED


def test_there_is_nothing_to_compute_of_a_recorded_signal() -> None:
    with pytest.raises(DefinitionError, match="signal 'tracks' is recorded"):
        compute_on(scenario("follow"), "tracks", catalog=CATALOG)


def test_a_misspelled_frame_is_named() -> None:
    with pytest.raises(UnknownNameError, match="'track'; did you mean 'tracks'"):
        compute_on({"track": scenario("follow")["tracks"]}, "busy", catalog=CATALOG)


def test_a_misspelled_metric_is_named() -> None:
    with pytest.raises(UnknownNameError, match="'busi'; did you mean 'busy'"):
        compute_on(scenario("follow"), "busi", catalog=CATALOG)


def test_inputs_hold_the_rows_and_who_has_none() -> None:
    frames = synthetic_logs(9, seconds=1)
    inputs = inputs_of(frames)
    assert_frame_equal(inputs["tracks"].rows.collect(), frames["tracks"])
    absent = inputs["tracks"].outcomes["synthetic_00007"]
    assert (absent.status, absent.reason) == (Status.ABSTAINED, "the recording has no tracks")
    assert inputs["ego_poses"].outcomes["synthetic_00007"].status is Status.COMPUTED


def test_computed_signals_name_every_log() -> None:
    computed = computed_of(synthetic_logs(9, seconds=1))
    assert computed["tracks"].logs_with(Status.ABSTAINED) == ["synthetic_00007"]
    assert len(computed["tracks"].summary) == 8
    assert set(computed["tracks"].fingerprints) == set(computed["recordings"].outcomes)


def test_computed_signals_are_validated() -> None:
    broken = scenario("follow")["tracks"].with_columns(length_m=pl.lit(-1.0))
    with pytest.raises(ContractError, match="column length_m"):
        computed_of({"tracks": broken})


def test_only_recorded_signals_come_from_a_recording() -> None:
    with pytest.raises(UnknownNameError, match="no recorded signal named 'track'"):
        computed_of({"track": scenario("follow")["tracks"]})
