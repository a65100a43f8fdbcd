"""The ego and each road user at one moment, seen from the ego."""

import math

import polars as pl
import pytest

from metrics_platform.core import Computed, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of
from metrics_platform_tests.metrics.conftest import read_real_log


def track_of(times_ns: list[int], **columns: object) -> pl.DataFrame:
    usual: dict[str, object] = {
        "log_id": "log", "source": "tracker", "track_id": "1", "category": "car",
        "length_m": 4.0, "width_m": 2.0, "height_m": 1.5,
        "velocity_x_mps": None, "velocity_y_mps": None, "score": None,
        "timestamp_ns": times_ns,
    }  # fmt: skip
    values = {**dict.fromkeys(polars_schema(Tracks), 0.0), **usual, **columns}
    rows = len(times_ns)
    data = {name: v if isinstance(v, list) else [v] * rows for name, v in values.items()}
    return pl.DataFrame(data, schema=polars_schema(Tracks), strict=False)


def pairs_of(states: pl.DataFrame, tracks: pl.DataFrame) -> Computed:
    return compute_on({"ego_states": states, "tracks": tracks}, "actor_pairs")


def test_everything_is_seen_from_the_centre_of_the_ego_box() -> None:
    # The ego looks north from (100, 200), its box 1.5 m further on; a car to its left looks west.
    states = ego_states_of(
        2,
        x_m=100.0,
        y_m=200.0,
        heading_rad=math.pi / 2,
        longitudinal_velocity_mps=8.0,
        yaw_rate_radps=0.2,
        ego_center_offset_m=1.5,
    )
    tracks = track_of(
        [0], x_m=90.0, y_m=211.5, heading_rad=math.pi, velocity_x_mps=-3.0, velocity_y_mps=1.0
    )
    row = pairs_of(states, tracks).rows.row(0, named=True)
    expected = {
        "relative_x_m": 10.0,
        "relative_y_m": 10.0,
        "relative_heading_rad": math.pi / 2,
        "other_velocity_x_mps": 1.0,
        "other_velocity_y_mps": 3.0,
        "other_speed_mps": math.sqrt(10),
        "actor_velocity_x_mps": 8.0,
        # The box is before the origin, so turning swings it to the left.
        "actor_velocity_y_mps": 0.3,
        "actor_speed_mps": math.hypot(8.0, 0.3),
        # Corner to corner: the car lies across, its sides 1 m and 2 m from its centre.
        "distance_m": math.hypot(10 - 2 - 1, 10 - 1 - 2),
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_the_ego_is_interpolated_at_the_moment_of_the_track() -> None:
    states = ego_states_of(
        2, x_m=[0.0, 1.0], heading_rad=[3.1, -3.1], longitudinal_velocity_mps=[10.0, 12.0]
    )
    row = pairs_of(states, track_of([STEP_NS // 2], x_m=20.0)).rows.row(0, named=True)
    # Half way it looks along -x, so the track is behind it.
    assert row["relative_x_m"] == pytest.approx(-19.5)
    assert row["actor_velocity_x_mps"] == pytest.approx(11.0)


@pytest.mark.parametrize(
    ("moment", "rows"),
    [
        pytest.param(-1, 0, id="before_the_ego_is_known"),
        pytest.param(0, 1, id="at_the_first_state"),
        pytest.param(STEP_NS * 3 // 2, 0, id="in_a_gap"),
        pytest.param(STEP_NS * 3, 1, id="at_the_last_state"),
        pytest.param(STEP_NS * 3 + 1, 0, id="after_it"),
    ],
)
def test_there_is_no_pair_where_the_ego_is_unknown(moment: int, rows: int) -> None:
    states = ego_states_of(4, segment_index=[0, 0, 1, 1])
    assert len(pairs_of(states, track_of([moment])).rows) == rows


@pytest.mark.parametrize(
    ("x_m", "rows"), [pytest.param(103.9, 1, id="near"), pytest.param(104.1, 0, id="far")]
)
def test_only_what_is_within_100_m_of_the_box(x_m: float, rows: int) -> None:
    assert len(pairs_of(ego_states_of(2), track_of([0], x_m=x_m)).rows) == rows


@pytest.mark.parametrize("unknown", ["ego_length_m", "ego_width_m", "ego_center_offset_m"])
def test_a_log_whose_ego_box_is_unknown_abstains(unknown: str) -> None:
    states = pl.concat([ego_states_of(2, **{unknown: None}), ego_states_of(2, log_id="other")])
    tracks = pl.concat([track_of([0]), track_of([0], log_id="other")])
    made = pairs_of(states, tracks)
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert made.rows["log_id"].to_list() == ["other"]


@pytest.mark.parametrize(
    ("times", "x_m", "expected"),
    [
        pytest.param([0, 1, 2, 3], [0, 1, 2, 3], [10, 10, 10, 10], id="steady"),
        pytest.param([0, 1, 3], [0, 1, 3], [10, 10, 10], id="uneven_steps"),
        pytest.param([0], [5], [None], id="seen_once"),
        pytest.param([0, 20], [0, 5], [None, None], id="too_far_apart_in_time"),
        pytest.param([0, 1, 20, 21], [0, 1, 50, 52], [10, 10, 20, 20], id="lost_and_found"),
        # Slopes over two samples to either side, of 0, 0, 0, 1, 1.
        pytest.param([0, 1, 2, 3, 4], [0, 0, 0, 1, 1], [0, 3, 3, 4, 5], id="jitter_is_smoothed"),
    ],
)
def test_a_missing_velocity_is_the_slope_of_the_positions(
    times: list[int], x_m: list[float], expected: list[float | None]
) -> None:
    tracks = pl.concat(
        [
            track_of([time * STEP_NS for time in times], x_m=x_m),
            # Another track in between, and one that knows its velocity.
            track_of([time * STEP_NS for time in times], x_m=50.0, track_id="0"),
            track_of([0], track_id="known", velocity_x_mps=7.0, velocity_y_mps=0.0),
        ]
    )
    rows = pairs_of(ego_states_of(40), tracks).rows
    found = rows.filter(pl.col("other_id") == "1")["other_velocity_x_mps"].to_list()
    assert found == pytest.approx(expected)
    assert rows.filter(pl.col("other_id") == "known")["other_speed_mps"].to_list() == [7.0]


def test_only_the_missing_velocities_of_a_track_are_estimated() -> None:
    tracks = track_of(
        [0, STEP_NS], x_m=[0.0, 1.0], velocity_x_mps=[7.0, None], velocity_y_mps=[0.0, None]
    )
    rows = pairs_of(ego_states_of(2), tracks).rows
    assert rows["other_velocity_x_mps"].to_list() == pytest.approx([7.0, 10.0])


def test_a_synthetic_lead_keeps_its_distance() -> None:
    frames = scenario("follow", speed_mps=10.0, headway_s=1.5)
    rows = compute_on(frames, "actor_pairs").rows
    assert rows["distance_m"].to_list() == pytest.approx([15.0] * len(rows))
    assert rows["other_speed_mps"].to_list() == pytest.approx([10.0] * len(rows))


def test_estimated_velocities_are_those_that_a_source_gives() -> None:
    frames = scenario("cut_in")
    given = compute_on(frames, "actor_pairs").rows
    without = frames["tracks"].with_columns(
        velocity_x_mps=pl.lit(None, pl.Float64), velocity_y_mps=pl.lit(None, pl.Float64)
    )
    estimated = compute_on({**frames, "tracks": without}, "actor_pairs").rows
    for name in ("other_velocity_x_mps", "other_velocity_y_mps"):
        assert (given[name] - estimated[name]).abs().max() < 0.3  # type: ignore[operator]


def test_a_real_log_has_a_pair_for_every_annotation_in_range() -> None:
    frames = read_real_log("3b3570b4")
    rows = compute_on(frames, "actor_pairs").rows
    assert rows["timestamp_ns"].n_unique() == frames["tracks"]["timestamp_ns"].n_unique()
    assert rows["distance_m"].max() <= 100  # type: ignore[operator]
    # Most of what stands by the road does not move.
    assert rows["other_speed_mps"].median() < 1  # type: ignore[operator]


def test_in_a_recording_of_traffic_each_road_user_is_an_actor() -> None:
    # Two cars that look at each other, 20 m apart, at 5 and 3 m/s; the third has no known motion.
    tracks = pl.concat(
        [
            track_of([0], track_id="a", velocity_x_mps=5.0, velocity_y_mps=0.0),
            track_of(
                [0], track_id="b", x_m=20.0, heading_rad=math.pi, velocity_x_mps=-3.0,
                velocity_y_mps=0.0,
            ),
            track_of([0], track_id="once", x_m=10.0),
            track_of([0], track_id="far", x_m=60.0, velocity_x_mps=1.0, velocity_y_mps=0.0),
        ]
    )  # fmt: skip
    rows = compute_on({"tracks": tracks, "recordings": of_traffic("log")}, "actor_pairs").rows
    seen = rows.select("actor_id", "other_id", "relative_x_m", "other_velocity_x_mps").rows()
    assert [row[:2] for row in seen] == [
        ("a", "b"), ("a", "once"), ("b", "a"), ("b", "far"), ("b", "once"), ("far", "b"),
        ("far", "once"),
    ]  # fmt: skip
    assert seen[0][2:] == pytest.approx((20.0, -3.0))
    assert seen[2][2:] == pytest.approx((20.0, -5.0))
    assert rows["actor_speed_mps"].to_list() == pytest.approx([5, 5, 3, 3, 3, 1, 1])
    assert rows["distance_m"][0] == pytest.approx(16.0)


def test_tracks_without_an_ego_are_no_traffic_by_themselves() -> None:
    made = compute_on({"tracks": track_of([0])}, "actor_pairs")
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert "ego's motion is unknown" in (made.outcomes["log"].reason or "")


def test_a_recording_of_traffic_may_have_poses_of_a_vehicle_without_a_box() -> None:
    moving = {"velocity_x_mps": 1.0, "velocity_y_mps": 0.0}
    tracks = [track_of([0], track_id=name, x_m=x, **moving) for name, x in (("1", 0), ("2", 9))]
    frames = {"ego_states": ego_states_of(2, ego_length_m=None), "tracks": pl.concat(tracks)}
    made = compute_on({**frames, "recordings": of_traffic("log")}, "actor_pairs")
    assert made.outcomes["log"].status is Status.COMPUTED
    assert made.rows["actor_id"].to_list() == ["1", "2"]


def of_traffic(log_id: str) -> pl.DataFrame:
    recording = scenario("cruise", log_id=log_id, seconds=1)["recordings"]
    return recording.with_columns(has_ego=pl.lit(value=False))
