"""What is drawn keeps every schema, and small examples are found."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData
from pandera.polars import Field, dataframe_check

from metrics_platform.core import Definition, MetricFrame, Signal, Status
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.core.frames import grain
from metrics_platform.core.validation import validate
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.inputs import compute_on, computed_of, log_ids_of
from metrics_platform.testing.strategies import Log, frames, frames_of, logs, recordings_of
from metrics_platform.testing.synthetic import START_NS
from metrics_platform.testing.synthetic_frames import Frames

CATALOG = default_catalog()
# Nothing to shrink: what is wrong is wrong in any frame. The same ones each time, some of them
# with more than a row.
FEW = settings(
    max_examples=12, deadline=None, phases=[Phase.generate], database=None, derandomize=True
)


@pytest.mark.parametrize("definition", list(CATALOG), ids=lambda definition: definition.name)
def test_every_frame_keeps_its_contract(definition: Definition) -> None:
    sizes = []

    @FEW
    @given(frames_of(definition.name, logs=logs(max_size=2), max_rows=5))
    def keeps_it(frame: pl.DataFrame) -> None:
        validate(definition, frame)
        order = frame.select(grain(definition.rows))
        assert order.equals(order.sort(order.columns))
        sizes.append(len(frame))

    keeps_it()
    assert max(sizes) > 1


class Stays(MetricFrame):
    """One row per log_id, place, start_ns, with a check of everything that an author may use."""

    place: str = Field(str_matches=r"^[a-z]{2}-\d+$")
    start_ns: int = Field(ge=0)
    end_ns: int = Field(nullable=True)
    duration_s: float = Field(nullable=True)
    kind: str = Field(isin=["stop", "park"], nullable=True)
    label: str = Field(str_startswith="S")
    note: str = Field(str_length={"min_value": 3, "max_value": 5})
    steep_rad: float = Field(gt=0.0001, lt=0.0002)
    far_m: float = Field(ge=1e6)
    x_m: float = Field(ge=0, le=50)
    deep_m: float = Field(lt=-500, nullable=True)
    share_ratio: float = Field(in_range={"min_value": 0, "max_value": 1, "include_max": False})
    small_count: pl.UInt8 = Field(le=1_000)
    exact_hz: float = Field(eq=50.0)
    other_index: int = Field(ne=1)
    at: pl.Datetime = Field()
    sizes_m: pl.List = Field(dtype_kwargs={"inner": pl.Float64})
    number_kg: float = Field(unique=True)

    class Config:
        unique = ["log_id", "place", "start_ns"]


class Margins(MetricFrame):
    """One row per log_id, lane_id: of which the left is never the smaller one."""

    lane_id: str = Field()
    left_m: float = Field()
    right_m: float = Field()

    class Config:
        unique = ["log_id", "lane_id"]

    @dataframe_check
    @classmethod
    def left_is_wider(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("left_m") >= pl.col("right_m"))


class Loose(MetricFrame):
    """One row per event; nothing tells two of them apart."""

    at_ns: int = Field()


class Fleet(MetricFrame):
    """One row per vehicle, whatever the log."""

    vehicle: str = Field()

    class Config:
        unique = ["vehicle"]


@pytest.mark.parametrize("rows", [Stays, Margins, Loose, Fleet])
def test_what_an_authors_schema_asks_is_kept(rows: type[MetricFrame]) -> None:
    definition = Signal(name="made_up", version="1.0.0", rows=rows, owner="us")
    seen = []

    @settings(FEW, max_examples=25)
    @given(frames(rows))
    def keeps_it(frame: pl.DataFrame) -> None:
        validate(definition, frame)
        seen.append(len(frame))

    keeps_it()
    assert max(seen) > 2


@FEW
@given(frames(Stays))
def test_nothing_ends_before_it_starts(frame: pl.DataFrame) -> None:
    assert (frame["end_ns"].drop_nulls() >= frame.drop_nulls("end_ns")["start_ns"]).all()
    lasted = (frame["end_ns"] - frame["start_ns"]) * 1e-9
    assert frame["duration_s"].equals(lasted)


@FEW
@given(frames_of("ego_states"))
def test_numbers_are_as_large_as_what_is_measured(frame: pl.DataFrame) -> None:
    assert frame["timestamp_ns"].is_between(START_NS, START_NS + 300 * 10**9).all()
    assert (frame["x_m"].abs() <= 100_020).all()
    assert (frame["speed_mps"] <= 60).all()


def test_what_a_column_is_can_be_told() -> None:
    @FEW
    @given(frames(Tracks, columns={"category": st.just("tram"), "timestamp_ns": st.just(7)}))
    def only_trams(frame: pl.DataFrame) -> None:
        assert set(frame["category"]) <= {"tram"}
        assert set(frame["timestamp_ns"]) <= {7}

    only_trams()


def test_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'category'"):
        find(frames(Tracks, columns={"categories": st.just("tram")}), lambda _: True)


def test_a_type_without_values_is_told() -> None:
    class Odd(MetricFrame):
        """One row per log_id."""

        raw: pl.Binary = Field()

    with pytest.raises(ConfigurationError, match="'raw': no values are known of type Binary"):
        find(frames(Odd), lambda _: True)


def test_bounds_that_leave_nothing_are_told() -> None:
    class Empty(MetricFrame):
        """One row per log_id."""

        width_m: float = Field(gt=2, lt=2)

    with pytest.raises(ConfigurationError, match="'width_m': no value is within its bounds"):
        find(frames(Empty), lambda _: True)


def test_the_smallest_example_is_found() -> None:
    found = find(
        frames_of("drive_modes"),
        lambda frame: frame["mode"].is_in(["manual", "remote"]).any(),
        settings=settings(FEW, max_examples=200, phases=list(Phase)),
    )
    assert found.rows() == [("log_0", START_NS, "manual")]


@FEW
@given(recordings_of(["hard_brakes", "lane_keeping", "ego_poses"]))
def test_recordings_are_what_is_needed_of_the_same_logs(made: Frames) -> None:
    assert set(made) == {"recordings", "ego_poses", "lanes", "lane_points"}
    about = made["recordings"]
    times = made["ego_poses"].join(about, on="log_id", validate="m:1")
    assert times.height == made["ego_poses"].height
    assert times["timestamp_ns"].is_between(times["start_ns"], times["end_ns"]).all()
    assert computed_of(made)["recordings"].logs_with(Status.COMPUTED) == log_ids_of(made)


@settings(FEW, max_examples=6)
@given(st.data())
def test_frames_of_logs_that_are_drawn_already(data: st.DataObject) -> None:
    known: Sequence[Log] = data.draw(logs(min_size=2))
    states = data.draw(frames_of("ego_states", logs=st.just(known)))
    assert set(states["log_id"]) <= {log.log_id for log in known}
    assert compute_on({"ego_states": states}, "mean_speed").logs_with(Status.FAILED) == []


# Together they need all families of recorded signals, and most of the derived ones.
ROBUST = (
    "collisions", "delivery_completion", "drac", "dropped_frames", "ego_comfort", "exposure",
    "expert_error", "interventions_per_distance", "lane_keeping", "mot_tracking", "near_misses",
    "object_tracking", "phase_times", "prediction_errors", "rss_violations", "stage_latency",
    "speed_limit_compliance", "stops", "time_to_collision", "track_lifetimes",
)  # fmt: skip


@settings(
    FEW, max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(recordings_of([definition.name for definition in CATALOG.recorded]))
def test_whatever_was_recorded_no_metric_fails(made: Frames) -> None:
    computed = compute_chain(CATALOG, ROBUST, computed_of(made), log_ids_of(made))
    reasons = {
        name: outcome.reason
        for name, result in computed.items()
        for outcome in result.outcomes.values()
        if outcome.status is Status.FAILED
    }
    assert not reasons
