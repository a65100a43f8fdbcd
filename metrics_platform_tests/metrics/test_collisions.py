"""Contacts and whose fault they are, on paper, against nuPlan and in real logs."""

import math

import numpy as np
import polars as pl
import pytest
from shapely import LineString, Polygon, box
from shapely.affinity import rotate, translate

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.collisions import collisions
from metrics_platform.signals.recordings import Recordings
from metrics_platform.testing.conformance import assert_conforms
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import STEP_NS, pairs_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.nuplan import scene

SECOND_NS = 1_000_000_000
# nuPlan's `get_fault_type_statistics`.
VULNERABLE, VEHICLES = ("Pedestrian", "Bicycle"), ("Vehicle",)


def touching(**columns: object) -> pl.DataFrame:
    """One moment, both at speed; boxes of 4 m by 2 m, the other's bumper 1 m inside the front."""
    usual = {
        "relative_x_m": 3.0,
        "distance_m": 0.0,
        "actor_velocity_x_mps": 5.0,
        "actor_speed_mps": 5.0,
        "other_velocity_x_mps": 3.0,
        "other_speed_mps": 3.0,
    }
    return pairs_of(1, **{**usual, **columns})


def recording(center_offset_m: float | None) -> pl.DataFrame:
    row = {"log_id": "log", "format": "", "start_ns": 0, "end_ns": 0, "duration_s": 0.0,
           "truncated": False, "notes": "", "has_ego": True,
           "ego_center_offset_m": center_offset_m}  # fmt: skip
    return pl.DataFrame([row], schema=polars_schema(Recordings))


@pytest.mark.parametrize(
    ("frame", "kind", "at_fault"),
    [
        pytest.param(touching(), "active_front", True, id="runs_into_it"),
        pytest.param(touching(relative_x_m=4.0), "active_front", True, id="just_touches"),
        pytest.param(touching(relative_x_m=-3.0), "active_rear", False, id="is_run_into"),
        pytest.param(touching(relative_x_m=0.0, relative_y_m=1.9), "active_front", True,
                     id="side_by_side_and_level"),
        pytest.param(touching(relative_x_m=0.1, relative_y_m=1.9), "active_front", True,
                     id="a_little_ahead"),
        pytest.param(touching(relative_x_m=-0.1, relative_y_m=1.9), "active_lateral", None,
                     id="a_little_behind"),
        pytest.param(touching(actor_velocity_x_mps=0.05, actor_speed_mps=0.05),
                     "stopped_actor", False, id="stands"),
        pytest.param(touching(actor_velocity_x_mps=0.05, actor_speed_mps=0.05,
                              other_velocity_x_mps=0.0, other_speed_mps=0.0),
                     "stopped_actor", False, id="both_stand"),
        pytest.param(touching(actor_velocity_x_mps=0.06, actor_speed_mps=0.06),
                     "active_front", True, id="creeps"),
        pytest.param(touching(other_velocity_x_mps=0.05, other_speed_mps=0.05),
                     "stopped_other", True, id="the_other_stands"),
        pytest.param(touching(relative_x_m=-3.0, other_velocity_x_mps=0.06, other_speed_mps=0.06),
                     "active_rear", False, id="the_other_creeps"),
        pytest.param(touching(relative_x_m=-3.0, actor_velocity_x_mps=-5.0,
                              other_velocity_x_mps=0.0, other_speed_mps=0.0),
                     "stopped_other", True, id="reverses_into_a_parked_car"),
        pytest.param(touching(relative_x_m=-3.0, actor_velocity_x_mps=-5.0),
                     "active_front", True, id="reverses_into_somebody"),
        pytest.param(touching(actor_velocity_x_mps=-5.0), "active_rear", False,
                     id="is_run_into_while_it_reverses"),
        pytest.param(touching(relative_x_m=1.0, relative_y_m=2.0, actor_velocity_x_mps=-5.0,
                              relative_heading_rad=math.pi / 2),
                     "active_lateral", None, id="from_the_side_while_it_reverses"),
        pytest.param(touching(other_velocity_x_mps=None, other_velocity_y_mps=None,
                              other_speed_mps=None), "active_front", True, id="unknown_speed"),
        # From the left, across the front edge.
        pytest.param(touching(relative_x_m=1.0, relative_y_m=2.0, relative_heading_rad=-0.5),
                     "active_front", True, id="turned"),
        pytest.param(touching(relative_x_m=-1.0, relative_y_m=2.0,
                              relative_heading_rad=math.pi / 2),
                     "active_lateral", None, id="from_the_side"),
        pytest.param(touching(relative_x_m=0.5, other_length_m=0.0, other_width_m=0.0),
                     "active_lateral", None, id="a_point_inside"),
    ],
)  # fmt: skip
def test_kinds(frame: pl.DataFrame, kind: str, at_fault: bool | None) -> None:
    made = result_of(collisions, actor_pairs=frame)
    assert made.rows.select("kind", "at_fault").row(0) == (kind, at_fault)
    assert made.summary.row(0)[1:4] == (1, int(at_fault is True), int(kind == "active_lateral"))


@pytest.mark.parametrize(
    ("center_offset_m", "degrees", "kind"),
    [
        pytest.param(1.5, 149.0, "active_lateral", id="not_yet_behind"),
        pytest.param(1.5, 151.0, "active_rear", id="behind"),
        pytest.param(1.5, -151.0, "active_rear", id="behind_on_the_right"),
        pytest.param(None, 151.0, "active_rear", id="of_the_centre"),
    ],
)
def test_behind_is_as_seen_from_the_origin(
    center_offset_m: float | None, degrees: float, kind: str
) -> None:
    angle = math.radians(degrees)
    frame = touching(
        relative_x_m=2.0 * math.cos(angle) - (center_offset_m or 0.0),
        relative_y_m=2.0 * math.sin(angle),
    )
    made = result_of(collisions, actor_pairs=frame, recordings=recording(center_offset_m))
    assert made.rows["kind"].item() == kind


def _box(length: float, width: float) -> Polygon:
    return box(-length / 2, -width / 2, length / 2, width / 2)


def test_front_edges_against_shapely() -> None:
    rng = np.random.default_rng(0)
    size = rng.uniform(0.5, 5.0, (4, 400))
    x, y, heading = rng.uniform(-4, 4, 400), rng.uniform(-3, 3, 400), rng.uniform(-3.1, 3.1, 400)
    own = [_box(*sides) for sides in size[:2].T]
    others = [
        translate(rotate(_box(*sides), angle, use_radians=True), *place)
        for sides, angle, place in zip(size[2:].T, heading, np.column_stack([x, y]), strict=True)
    ]
    edges = [LineString([(at, -side), (at, side)]) for at, side in size[:2].T / 2]
    met = [one.intersects(other) for one, other in zip(own, others, strict=True)]
    in_front = [edge.intersects(other) for edge, other in zip(edges, others, strict=True)]
    names = ("actor_length_m", "actor_width_m", "other_length_m", "other_width_m")
    pairs = pl.concat([touching(other_id=f"{number:03}") for number in range(400)]).with_columns(
        pl.Series("relative_x_m", x),
        pl.Series("relative_y_m", y),
        pl.Series("relative_heading_rad", heading),
        *(pl.Series(name, values) for name, values in zip(names, size, strict=True)),
    )
    rows = result_of(collisions, actor_pairs=pairs.filter(pl.Series(met))).rows
    behind = np.abs(np.arctan2(y, x))[met] > math.radians(150)
    expected = np.where(np.array(in_front)[met], "active_front", "active_lateral")
    assert rows["kind"].to_list() == np.where(behind, "active_rear", expected).tolist()
    assert rows["kind"].n_unique() == 3


def test_the_first_moment_counts() -> None:
    frame = touching().drop("timestamp_ns", "distance_m", "actor_speed_mps")
    moments = pl.DataFrame(
        {
            "timestamp_ns": [step * STEP_NS for step in range(5)],
            "distance_m": [1.0, 0.0, 0.0, 0.0, 2.0],
            "actor_speed_mps": [5.0, 4.0, 3.0, 2.0, 1.0],
        }
    )
    pairs = frame.join(moments, how="cross").select(touching().columns)
    row = result_of(collisions, actor_pairs=pairs).rows.row(0, named=True)
    assert (row["at_ns"], row["duration_s"]) == (STEP_NS, pytest.approx(0.2))
    assert (row["actor_speed_mps"], row["from_start"]) == (4.0, False)
    assert row["relative_speed_mps"] == 2.0


@pytest.mark.parametrize(
    ("seconds", "events"),
    [
        pytest.param([0.0, 0.1, 0.2], [(0.0, 0.2)], id="a_wreck"),
        pytest.param([0.0], [(0.0, 0.0)], id="seen_once"),
        pytest.param([0.0, 5.0], [(0.0, 5.0)], id="lost_for_a_while"),
        pytest.param([0.0, 5.1, 5.2], [(0.0, 0.0), (5.1, 0.1)], id="hit_again"),
    ],
)
def test_events(seconds: list[float], events: list[tuple[float, float]]) -> None:
    pairs = pl.concat([touching(timestamp_ns=[round(s * SECOND_NS)]) for s in seconds])
    rows = result_of(collisions, actor_pairs=pairs).rows
    found = rows.select(pl.col("at_ns") / SECOND_NS, "duration_s").to_numpy()
    assert found.tolist() == [pytest.approx(event) for event in events]
    # A second contact with the same one was not there from the start.
    assert rows["from_start"].to_list() == [True, False][: len(events)]


def test_in_contact_from_the_start_of_its_track() -> None:
    apart = touching(other_id="early", distance_m=3.0)
    inside = touching(other_id="late", timestamp_ns=[SECOND_NS])
    early = touching(other_id="early", timestamp_ns=[SECOND_NS])
    rows = result_of(collisions, actor_pairs=pl.concat([early, inside, apart])).rows
    assert rows.select("other_id", "from_start").rows() == [("early", False), ("late", True)]


def test_in_traffic_both_have_a_row() -> None:
    hits = touching(actor_id="a", other_id="b")
    is_hit = touching(actor_id="b", other_id="a", relative_x_m=-3.0)
    rows = result_of(collisions, actor_pairs=pl.concat([is_hit, hits])).rows
    assert rows.select("actor_id", "at_fault").rows() == [("a", True), ("b", False)]


def test_no_contact_is_a_result() -> None:
    made = result_of(collisions, actor_pairs=touching(distance_m=0.001))
    assert made.summary.row(0) == ("log", 0, 0, 0, None)


def test_it_conforms_on_collisions() -> None:
    frames = [
        touching(
            log_id=log, other_id=other, timestamp_ns=[step * STEP_NS], relative_x_m=float(step),
            distance_m=float(step % 2),
        )
        for log in "ab" for other in "cd" for step in range(4)
    ]  # fmt: skip
    assert_conforms(collisions, {"actor_pairs": pl.concat(frames), "recordings": recording(1.0)})


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        pytest.param("no_collision", [], id="none"),
        pytest.param("active_front_collision", ["active_front"], id="front"),
        pytest.param("stopped_track_collision", ["stopped_other"], id="stopped_track"),
    ],
)
def test_nuplan_scenes(name: str, kinds: list[str]) -> None:
    case = scene(f"no_ego_at_fault_collision-{name}")
    frames = {"ego_states": case.ego_states, "tracks": case.tracks, "recordings": recording(1.461)}
    rows = compute_on(frames, "collisions").rows
    assert rows["kind"].to_list() == kinds
    at_fault = rows.filter(pl.col("at_fault"))
    # Both weigh 2,000 kg in nuPlan, so the ego's change of velocity is half of the relative one.
    energies = (at_fault["relative_speed_mps"] / 2).to_list()
    categories = at_fault["other_category"]
    found = [
        ("BOOLEAN", not energies),
        ("COUNT", len(energies)),
        ("COUNT", int(categories.is_in(VULNERABLE).sum())),
        ("COUNT", int(categories.is_in(VEHICLES).sum())),
        ("COUNT", int((~categories.is_in([*VULNERABLE, *VEHICLES])).sum())),
    ]
    if energies:
        mean = sum(energies) / len(energies)
        found += [("MAX", max(energies)), ("MIN", min(energies)), ("MEAN", mean)]
    # nuplan-devkit's own test allows one unit of the second decimal.
    assert [kind for kind, _ in found] == [kind for kind, _ in case.expected]
    assert [value for _, value in found] == pytest.approx(
        [value for _, value in case.expected], abs=0.01
    )


@pytest.mark.parametrize("log", ["3b3570b4", "7fab2350", "adcf7d18"])
def test_real_cars_touched_nobody(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "collisions").summary["collisions"].item() == 0
