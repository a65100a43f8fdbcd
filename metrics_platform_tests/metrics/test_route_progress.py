"""Progress along the expert's path: nuplan-devkit's scenes, on paper, on synthetic drives."""

import math
from collections.abc import Sequence

import polars as pl
import pytest
import shapely

from metrics_platform.core import Computed, Rows, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.route_progress import route_progress
from metrics_platform.signals.expert_poses import ExpertPoses
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs

Path = Sequence[tuple[float, float]]


def expert_of(places: Path, *, step_ns: int = STEP_NS, start_ns: int = 0) -> pl.DataFrame:
    columns = {
        "log_id": ["log"] * len(places),
        "timestamp_ns": [start_ns + i * step_ns for i in range(len(places))],
        "x_m": [float(x) for x, _ in places],
        "y_m": [float(y) for _, y in places],
        "heading_rad": [0.0] * len(places),
    }
    return pl.DataFrame(columns, polars_schema(ExpertPoses))


def progress(ego: Path, expert: Path, **expert_settings: int) -> Computed:
    states = ego_states_of(len(ego), x_m=[x for x, _ in ego], y_m=[y for _, y in ego])
    return result_of(
        route_progress, ego_states=states, expert_poses=expert_of(expert, **expert_settings)
    )


SOUTH = -1.534863576938717
# Of the middle of the box, 1.461 m ahead of the rear axle, as nuplan-devkit takes it.
AHEAD = (1.461 * math.cos(SOUTH), 1.461 * math.sin(SOUTH))
EXPERT = [
    (664430.3396621217, 3997665.373507501), (664430.1930625531, 3997655.3735075),
    (664430.1930625531, 3997644.3735075), (664430.1930625531, 3997634.3735075),
    (664430.2930625531, 3997623.3735075),
]  # fmt: skip
EGO = [
    (664430.3396621217, 3997665.373507501), (664430.1930625531, 3997652.3735075),
    (664430.1930625531, 3997638.3735075), (664430.1930625531, 3997628.3735075),
    (664433.2930625531, 3997624.3735075),
]  # fmt: skip
BACKWARD = [(664430.3396621217, 3997665.373507501), (664430.48626169, 3997678.3735075)]


@pytest.mark.parametrize(
    ("ego", "expert", "expert_m", "ego_m", "ratio", "nuplan"),
    [
        # Its street is 1 cm shorter than the expert's way, which isn't quite parallel to it.
        pytest.param(
            EGO, EXPERT, 42.00, 41.03, 0.977, (41.99, 41.04, 0.97), id="ego_progress_along_route"
        ),
        pytest.param(
            BACKWARD, EXPERT[:2], 10.00, -13.00, 0.0, (10.0, -13.0, 0.0), id="ego_drives_backward"
        ),
    ],
)
def test_nuplan_scenes(
    ego: Path,
    expert: Path,
    expert_m: float,
    ego_m: float,
    ratio: float,
    nuplan: tuple[float, float, float],
) -> None:
    centres = [[(x + AHEAD[0], y + AHEAD[1]) for x, y in path] for path in (ego, expert)]
    (row,) = progress(*centres).rows.to_dicts()
    found = (row["expert_progress_m"], row["ego_progress_m"], row["progress_ratio"])
    assert found == (
        pytest.approx(expert_m, abs=0.005),
        pytest.approx(ego_m, abs=0.005),
        pytest.approx(ratio, abs=0.0005),
    )
    assert found == pytest.approx(nuplan, abs=0.02)


L_SHAPE = [(0, 0), (10, 0), (10, 10)]


@pytest.mark.parametrize(
    ("ego", "expert", "expert_m", "ego_m", "ratio", "aside_m"),
    [
        pytest.param(L_SHAPE, L_SHAPE, 20, 20, 1, 0, id="the_same"),
        pytest.param([(0, 1), (5, 1), (9, 5)], L_SHAPE, 20, 15, 0.75, 1, id="slower_and_beside"),
        pytest.param([(0, 0), (5, 0), (10, 16)], L_SHAPE, 20, 26, 1, 0, id="beyond_the_end"),
        pytest.param([(0, 0), (-1, 0), (-1.5, 0)], L_SHAPE, 20, -1.5, 0.1, 0, id="rolls_back"),
        pytest.param([(0, 0), (-2, 0), (-3, 0)], L_SHAPE, 20, -3, 0, 0, id="drives_back"),
        pytest.param([(3, 4)] * 3, L_SHAPE, 20, 0, 0.1, 4, id="stands"),
        pytest.param([(0, 0), (3, 0), (5, 0)], [(0, 0)] * 3, 0, 0, 1, 5, id="expert_stands"),
        pytest.param([(0, 0)] * 3, [(0, 0), (0.5, 0), (1, 0)], 1, 0, 1, 0, id="less_than_2_m"),
        pytest.param([(0, 0)] * 3, [(0, 0), (2, 0), (4, 0)], 4, 0, 0.5, 0, id="both_at_least_2_m"),
    ],
)
def test_by_hand(
    ego: Path, expert: Path, expert_m: float, ego_m: float, ratio: float, aside_m: float
) -> None:
    made = progress(ego, expert)
    assert made.summary.drop("log_id").row(0, named=True) == {
        "expert_progress_m": pytest.approx(expert_m),
        "ego_progress_m": pytest.approx(ego_m),
        "progress_ratio": pytest.approx(ratio),
        "max_aside_m": pytest.approx(aside_m),
    }


def test_what_the_expert_drives_afterwards_only_says_where_to() -> None:
    expert = [(x, 0) for x in range(0, 100, 10)]
    # It has come 20 m by the ego's last state.
    (row,) = progress([(0, 0), (10, 0), (30, 0)], expert).rows.to_dicts()
    assert (row["expert_progress_m"], row["ego_progress_m"]) == (20, 30)
    (row,) = progress([(0, 0)] * 4, expert, step_ns=2 * STEP_NS).rows.to_dicts()
    assert row["expert_progress_m"] == pytest.approx(15)


def test_the_farthest_place_aside() -> None:
    made = progress([(0, 0), (3, -2), (6, 1)], L_SHAPE)
    (row,) = made.rows.to_dicts()
    assert (row["max_aside_m"], row["farthest_aside_at_ns"]) == (2, STEP_NS)
    assert (row["x_m"], row["y_m"]) == (3, -2)


def test_far_from_the_origin() -> None:
    moved = [[(x + 1e6, y - 2e6) for x, y in path] for path in ([(0, 1), (5, 1), (9, 5)], L_SHAPE)]
    assert progress(*moved).rows["ego_progress_m"].item() == pytest.approx(15)


@pytest.mark.parametrize(
    ("expert", "settings"),
    [
        pytest.param(L_SHAPE, {"start_ns": 10_000 * STEP_NS}, id="at_another_time"),
        pytest.param(L_SHAPE[:1], {"start_ns": -STEP_NS}, id="one_pose_before"),
    ],
)
def test_without_an_expert_meanwhile_it_abstains(expert: Path, settings: dict[str, int]) -> None:
    made = progress(L_SHAPE, expert, **settings)
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert "another time" in (made.outcomes["log"].reason or "")


def test_an_expert_without_a_pose_is_none() -> None:
    made = route_progress(ego_states_of(2).lazy(), expert_of([]).lazy())
    assert isinstance(made, Rows)
    assert made.rows.collect().is_empty()
    assert made.abstained.collect().rows() == [("log", "the expert has not a single pose")]


def test_one_pose_of_the_expert_is_standing() -> None:
    (row,) = progress(L_SHAPE, L_SHAPE[:1]).rows.to_dicts()
    assert (row["expert_progress_m"], row["progress_ratio"]) == (0, 1)
    assert row["max_aside_m"] == pytest.approx(math.hypot(10, 10))


def test_a_threshold_is_what_counts_as_standing() -> None:
    states = ego_states_of(2, x_m=[0.0, 4.0]).lazy()
    expert = expert_of([(0, 0), (16, 0)]).lazy()
    ratios = []
    for threshold_m in (2.0, 8.0):
        made = route_progress(states, expert, threshold_m=threshold_m)
        assert not isinstance(made, pl.LazyFrame)
        ratios.append(made.rows.collect()["progress_ratio"].item())
    assert ratios == [0.25, 0.5]


def test_a_synthetic_drive_against_shapely() -> None:
    """A tight bend, driven by the ego on a narrower circle than the expert's."""
    ego = scenario("turn", seconds=5, speed_mps=5.0, radius_m=20.0)
    expert = scenario("turn", seconds=5, speed_mps=6.0, radius_m=21.0)["ego_poses"]
    columns = list(polars_schema(ExpertPoses))
    made = compute_on({**ego, "expert_poses": expert.select(columns).with_columns(
        log_id=pl.lit("turn"))}, "route_progress")  # fmt: skip
    path = shapely.LineString(expert.select("x_m", "y_m").to_numpy())
    states = compute_on(ego, "ego_states").rows.select("x_m", "y_m").to_numpy()
    (row,) = made.rows.to_dicts()
    assert row["expert_progress_m"] == pytest.approx(path.length, abs=0.01)
    along = path.project(shapely.Point(states[-1])) - path.project(shapely.Point(states[0]))
    assert row["ego_progress_m"] == pytest.approx(along, abs=1e-6)
    aside = max(path.distance(shapely.Point(state)) for state in states)
    assert row["max_aside_m"] == pytest.approx(aside, abs=1e-6)


def test_a_recording_without_an_expert_abstains(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("3b3570b4"), "route_progress")
    assert made.outcomes["3b3570b4"].status is Status.ABSTAINED
    assert "expert_poses" in (made.outcomes["3b3570b4"].reason or "")
