"""What counts as a near miss, on paper and in real logs."""

from collections.abc import Mapping

import polars as pl
import pytest

from metrics_platform.core import Computed, MetricFrame
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.closest_approach import ClosestApproach
from metrics_platform.metrics.collisions import Collisions
from metrics_platform.metrics.near_misses import near_misses
from metrics_platform.metrics.post_encroachment_time import PostEncroachmentTime
from metrics_platform.metrics.time_to_collision import TimeToCollision
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs

Row = Mapping[str, object]
_PAIR: Row = {
    "log_id": "log",
    "source": "tracker",
    "actor_id": "ego",
    "other_id": "1",
    "other_category": "car",
    "kind": "active_rear",
    "actor_speed_mps": 5.0,
    "other_speed_mps": 4.0,
}


def rows(model: type[MetricFrame], *given: Row) -> pl.DataFrame:
    """Return rows of a metric about one pair; what isn't said is 0."""
    schema = polars_schema(model)
    usual = {**dict.fromkeys(schema, 0), **{name: _PAIR[name] for name in _PAIR if name in schema}}
    return pl.DataFrame([{**usual, **row} for row in given], schema=schema, strict=False)


def computed(
    *, ttc: Row | None = None, pet: Row | None = None, near: Row | None = None, hit: bool = False
) -> Computed:
    return result_of(
        near_misses,
        closest_approach=rows(ClosestApproach, {"at_ns": 3, "distance_m": 9.0, **(near or {})}),
        collisions=rows(Collisions, {"other_id": "1" if hit else "somebody"}),
        time_to_collision=rows(TimeToCollision, *([{"at_ns": 1, **ttc}] if ttc else [])),
        post_encroachment_time=rows(PostEncroachmentTime, *([{"at_ns": 2, **pet}] if pet else [])),
    )


TTC, PET, NEAR = {"min_ttc_s": 1.4}, {"pet_s": 0.9}, {"distance_m": 0.4}


@pytest.mark.parametrize(
    ("made", "criterion", "at_ns"),
    [
        pytest.param(computed(ttc=TTC), "ttc", 1, id="ttc"),
        pytest.param(computed(pet=PET), "pet", 2, id="pet"),
        pytest.param(computed(near=NEAR), "distance", 3, id="distance"),
        pytest.param(computed(ttc=TTC, pet=PET, near=NEAR), "ttc", 1, id="the_first_of_all"),
        pytest.param(computed(ttc={"min_ttc_s": 1.5}, pet=PET), "pet", 2, id="the_only_one_met"),
        pytest.param(computed(), None, 0, id="far_apart"),
        pytest.param(computed(ttc={"min_ttc_s": 1.5}), None, 0, id="ttc_of_the_threshold"),
        pytest.param(computed(pet={"pet_s": 1.0}), None, 0, id="pet_of_the_threshold"),
        pytest.param(computed(near={"distance_m": 0.5}), None, 0, id="distance_of_the_threshold"),
        pytest.param(
            computed(near={**NEAR, "other_speed_mps": 0.1}), None, 0, id="passes_a_parked_car"
        ),
        pytest.param(
            computed(near={**NEAR, "actor_speed_mps": 0.0}), None, 0, id="is_passed_standing"
        ),
        pytest.param(computed(near={**NEAR, "other_speed_mps": None}), None, 0, id="unknown_speed"),
        pytest.param(computed(ttc=TTC, pet=PET, near=NEAR, hit=True), None, 0, id="collided"),
    ],
)
def test_criteria(made: Computed, criterion: str | None, at_ns: int) -> None:
    found = made.rows.filter(pl.col("log_id") == "log")
    if criterion is None:
        assert found.is_empty()
    else:
        row = found.row(0, named=True)
        assert (row["criterion"], row["at_ns"]) == (criterion, at_ns)
    counts = [int(criterion == name) for name in ("ttc", "pet", "distance")]
    assert made.summary.row(0) == ("log", sum(counts), *counts)


def test_a_row_tells_all_that_is_known() -> None:
    row = computed(ttc=TTC, near={"distance_m": 2.0}).rows.row(0, named=True)
    assert (row["min_ttc_s"], row["pet_s"], row["min_distance_m"]) == (1.4, None, 2.0)
    assert (row["actor_speed_mps"], row["other_speed_mps"]) == (5.0, 4.0)


@pytest.mark.parametrize(("closing_mps", "misses"), [(5.0, 1), (1.0, 0)])
def test_a_synthetic_cut_in(closing_mps: float, misses: int) -> None:
    # Least time to collision: 6 m over the closing speed.
    made = compute_on(scenario("cut_in", gap_m=6.0, closing_mps=closing_mps), "near_misses")
    assert made.summary["near_misses"].item() == misses


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param("3b3570b4", ["ttc"], id="argoverse_3b35"),
        pytest.param("7fab2350", ["ttc"], id="argoverse_7fab"),
        pytest.param("adcf7d18", ["distance"], id="argoverse_adcf"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, expected: list[str]) -> None:
    rows = compute_on(real_logs(log), "near_misses").rows
    assert rows["criterion"].to_list() == expected
