"""Plans against the expert, on paper and against nuPlan."""

import math

import polars as pl
import pytest

from metrics_platform.core import Computed
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.planner_expert_error import NUPLAN
from metrics_platform.signals.expert_poses import ExpertPoses
from metrics_platform.signals.predicted_trajectories import PredictedTrajectories
from metrics_platform.signals.recordings import Recordings
from metrics_platform.testing.experts import BEHIND_MPS, ego_plans, experts
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.nuplan import PACIFICA, scene

SECOND_NS = 1_000_000_000


def plan_of(
    *places: tuple[float, float], planned_s: float = 0.0, **columns: object
) -> pl.DataFrame:
    """Return a plan along x, of (seconds from then, x)."""
    usual: dict[str, object] = {
        "log_id": "log",
        "timestamp_ns": round(planned_s * SECOND_NS),
        "source": "planner",
        "track_id": "ego",
        "mode_index": 0,
        "y_m": 0.0,
        "heading_rad": 0.0,
        "probability_ratio": None,
        **columns,
    }
    rows = [
        {
            **usual,
            "step_index": step,
            "at_ns": round((planned_s + after_s) * SECOND_NS),
            "x_m": x,
        }
        for step, (after_s, x) in enumerate(places)
    ]
    return pl.DataFrame(rows, schema=polars_schema(PredictedTrajectories))


def expert_of(seconds: int, speed_mps: float = 0.0, heading_rad: float = 0.0) -> pl.DataFrame:
    rows = [("log", i * SECOND_NS, i * speed_mps, 0.0, heading_rad) for i in range(seconds + 1)]
    return pl.DataFrame(rows, schema=polars_schema(ExpertPoses), orient="row")


def computed(plans: pl.DataFrame, expert: pl.DataFrame, **about: object) -> Computed:
    row = {"log_id": "log", "format": "", "start_ns": 0, "end_ns": 0, "duration_s": 0.0,
           "truncated": False, "notes": "", "has_ego": True, **about}  # fmt: skip
    recordings = pl.DataFrame([row], schema=polars_schema(Recordings))
    return compute_on(
        {"predicted_trajectories": plans, "expert_poses": expert, "recordings": recordings},
        "planner_expert_error",
    )


def test_displacement_per_horizon() -> None:
    # 1 m ahead after every second, of an expert that stands.
    made = computed(plan_of((0, 0.0), (10, 10.0)), expert_of(10))
    kinds = ("average", "final", "max")
    found = made.rows.select("horizon_s", *(f"{kind}_displacement_m" for kind in kinds)).to_numpy()
    assert found.tolist() == [
        pytest.approx(row) for row in ([3, 2, 3, 3], [5, 3, 5, 5], [8, 4.5, 8, 8])
    ]
    assert not made.rows["missed"].any()
    summary = made.summary.row(0, named=True)
    assert summary["average_displacement_3s_m"] == pytest.approx(2.0)
    assert summary["average_displacement_m"] == pytest.approx((2 + 3 + 4.5) / 3)
    assert summary["final_displacement_m"] == pytest.approx(16 / 3)
    assert summary["average_displacement_within_bound_ratio"] == 1.0
    assert summary["final_displacement_within_bound_ratio"] == 1.0
    assert summary["average_heading_error_within_bound_ratio"] == 1.0
    assert summary["miss_rate_within_bound_ratio"] == 1.0


@pytest.mark.parametrize(
    ("heading_rad", "within"),
    [pytest.param(0.79, 1.0, id="within"), pytest.param(-0.81, 0.0, id="beyond")],
)
def test_the_bound_of_the_heading(heading_rad: float, within: float) -> None:
    made = computed(plan_of((0, 0.0), (8, 0.0), heading_rad=heading_rad), expert_of(8))
    for kind in ("average", "final"):
        assert made.summary[f"{kind}_heading_error_rad"].item() == pytest.approx(abs(heading_rad))
        assert made.summary[f"{kind}_heading_error_within_bound_ratio"].item() == within


@pytest.mark.parametrize(
    ("speed_mps", "missed"),
    [
        pytest.param(1.59, [False, False, False], id="none"),
        pytest.param(1.61, [False, True, False], id="at_5_s"),
        pytest.param(2.01, [True, True, True], id="all"),
    ],
)
def test_misses(speed_mps: float, missed: list[bool]) -> None:
    made = computed(plan_of((0, 0.0), (8, 8 * speed_mps)), expert_of(8))
    assert made.rows["missed"].to_list() == missed
    assert made.summary["miss_rate_within_bound_ratio"].item() == float(not any(missed))


def test_a_miss_rate_of_the_bound_is_within_it() -> None:
    # Three plans of ten are off.
    plans = pl.concat(
        [plan_of((0, 0.0), (3, 7.0 * (number < 3)), planned_s=number) for number in range(10)]
    )
    summary = computed(plans, expert_of(20)).summary.row(0, named=True)
    assert summary["miss_rate_3s_ratio"] == pytest.approx(0.3)
    assert summary["miss_rate_within_bound_ratio"] == 1.0
    assert summary["miss_rate_8s_ratio"] is None


@pytest.mark.parametrize(
    ("length_s", "seconds", "horizons"),
    [
        pytest.param(8.0, 8, [3, 5, 8], id="long_enough"),
        pytest.param(7.9, 8, [3, 5, 8], id="a_little_short"),
        pytest.param(7.0, 8, [3, 5], id="a_step_short"),
        pytest.param(2.5, 8, [3], id="hardly_one"),
        pytest.param(9.0, 6, [3, 5], id="the_expert_ends"),
    ],
)
def test_which_horizons_are_known(length_s: float, seconds: int, horizons: list[int]) -> None:
    made = computed(plan_of((0, 0.0), (length_s, length_s)), expert_of(seconds))
    assert made.rows["horizon_s"].to_list() == horizons
    # A plan that ends before the horizon is compared where it ends.
    final_m = made.rows["final_displacement_m"][-1]
    assert final_m == pytest.approx(min(length_s, horizons[-1]))


def test_one_plan_per_second_is_judged() -> None:
    moments = [0.0, 0.1, 0.98, 1.03, 1.5, 2.02]
    plans = pl.concat([plan_of((0, 0.0), (3, 0.0), planned_s=s) for s in moments])
    made = computed(plans, expert_of(9))
    assert [ns / SECOND_NS for ns in made.rows["timestamp_ns"]] == [0.0, 0.98, 2.02]


def test_the_most_probable_mode_is_judged() -> None:
    modes = [
        plan_of((0, 0.0), (3, 3.0 * mode), mode_index=mode, probability_ratio=probability)
        for mode, probability in enumerate([0.2, 0.4, 0.4])
    ]
    made = computed(pl.concat(modes), expert_of(3))
    assert made.rows["final_displacement_m"].to_list() == pytest.approx([3.0])


def test_road_users_are_nobodys_plan() -> None:
    plan = plan_of((0, 0.0), (3, 3.0))
    both = pl.concat([plan, plan_of((0, 5.0), (3, 5.0), track_id="1")])
    assert computed(both, expert_of(3)).rows.equals(computed(plan, expert_of(3)).rows)
    made = computed(plan_of((0, 0.0), (3, 3.0), track_id="1"), expert_of(3))
    assert made.outcomes["log"].reason == "no plan of the ego and expert's poses that last 3 s"


@pytest.mark.parametrize(
    ("offset_m", "heading_rad", "displacement_m", "error_rad"),
    [
        pytest.param(2.0, math.pi, 4.0, math.pi, id="centres"),
        pytest.param(None, math.pi, 0.0, math.pi, id="origins_without_a_box"),
        pytest.param(2.0, None, 0.0, None, id="origins_without_a_heading"),
    ],
)
def test_what_is_compared(
    offset_m: float | None,
    heading_rad: float | None,
    displacement_m: float,
    error_rad: float | None,
) -> None:
    plan = plan_of((0, 0.0), (3, 0.0), heading_rad=heading_rad)
    made = computed(plan, expert_of(3), ego_center_offset_m=offset_m)
    row = made.rows.row(0, named=True)
    assert row["final_displacement_m"] == pytest.approx(displacement_m)
    for name in ("average_heading_error_rad", "final_heading_error_rad"):
        assert row[name] == (None if error_rad is None else pytest.approx(error_rad))


def _simple_plans(ego_states: pl.DataFrame) -> pl.DataFrame:
    """Return what nuplan-devkit's `SimplePlanner` plans: straight on for 10 s, 1 s a step.

    Faster than 5 m/s it brakes by as much as it is too fast, in each second from then on.
    """
    plans = []
    for state in ego_states.rows(named=True):
        speed, way = state["longitudinal_velocity_mps"], 0.0
        brakes = min(0.0, 5.0 - state["speed_mps"])
        places = []
        for after_s in range(11):
            places.append((float(after_s), way))
            way, speed = way + speed, speed + brakes
        heading = state["heading_rad"]
        plans.append(
            plan_of(
                *places, planned_s=state["timestamp_ns"] / SECOND_NS, heading_rad=heading
            ).with_columns(
                x_m=state["x_m"] + pl.col("x_m") * math.cos(heading),
                y_m=state["y_m"] + pl.col("x_m") * math.sin(heading),
            )
        )
    return pl.concat(plans)


def test_nuplan_scene() -> None:
    case = scene("planner_expert_average_l2_error_within_bound-high_average_l2_error")
    made = computed(_simple_plans(case.ego_states), case.expert_poses, **PACIFICA)
    summary = made.summary.row(0, named=True)
    assert len(made.rows) == 5 * 3
    values = [summary[f"average_displacement_{horizon}s_m"] for horizon in NUPLAN.horizons_s]
    assert values == pytest.approx([11.8654, 16.9167, 24.2243], abs=1e-4)
    within = summary["average_displacement_within_bound_ratio"] == 1.0
    found = [*values, within, summary["average_displacement_m"]]
    # nuplan-devkit's own test allows one unit of the last decimal that it gives.
    assert [name for name, _ in case.expected] == ["MEAN", "MEAN", "MEAN", "BOOLEAN", "MEAN"]
    assert found == pytest.approx([value for _, value in case.expected], abs=0.01)
    assert summary["miss_rate_within_bound_ratio"] == 0.0


def test_a_synthetic_planner() -> None:
    frames = scenario("cruise", seconds=5)
    made = compute_on(
        {**frames, **experts(frames), "predicted_trajectories": ego_plans(frames)},
        "planner_expert_error",
    )
    # One plan each second, the last of them at the end; all fall behind by 0.5 m a second.
    assert len(made.rows) == 6 * 3
    assert made.summary["average_displacement_8s_m"].item() == pytest.approx(BEHIND_MPS * 4.5)
    assert made.summary["final_displacement_m"].item() == pytest.approx(BEHIND_MPS * 16 / 3)
