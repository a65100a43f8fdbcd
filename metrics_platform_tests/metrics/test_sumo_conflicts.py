"""What SUMO's crossing and merging conflicts are in the plane, and why its numbers are others.

SUMO knows when it expects each car at the conflict area, at the speed that the lane allows. Where
these times overlap, its time to collision is that of the later car to the beginning of the area,
which for a car that turns left is the place where it may have to wait, as if the other stood there;
it goes along the lanes, around bends. Ours in the plane moves both boxes straight on as they are,
and there is none where they would miss one another.
"""

import polars as pl
import pytest

from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.sumo import conflicts, simulated

MERGING, CROSSING = ["6", "7"], ["10", "11"]


@pytest.fixture(scope="module")
def compared() -> pl.DataFrame:
    """Return the conflicts of these types, with the least time in the plane from either seat."""
    pairs = compute_on(simulated(), "time_to_collision").rows
    ours = pairs.select("actor_id", "other_id", ours_s="min_ttc_s")
    seen = ours.rename({"actor_id": "other_id", "other_id": "actor_id", "ours_s": "theirs_s"})
    on = ["actor_id", "other_id"]
    joined = conflicts().join(ours, on=on, how="left").join(seen, on=on, how="left")
    return joined.with_columns(plane_s=pl.min_horizontal("ours_s", "theirs_s")).filter(
        pl.col("minTTC_type").is_in([*MERGING, *CROSSING])
    )


def test_who_merges_is_nearer_in_the_plane(compared: pl.DataFrame) -> None:
    merging = compared.filter(pl.col("minTTC_type").is_in(MERGING))
    less_s = merging["minTTC"] - merging["plane_s"]
    # SUMO goes to the end of the junction, where the lanes are one; the boxes meet before it.
    assert (len(less_s), less_s.null_count()) == (12, 0)
    assert less_s.min() == pytest.approx(0.3, abs=0.3)
    assert less_s.median() == pytest.approx(0.63, abs=0.02)


def test_nearly_half_of_those_who_cross_would_miss_one_another(compared: pl.DataFrame) -> None:
    crossing = compared.filter(pl.col("minTTC_type").is_in(CROSSING))
    assert len(crossing) == 92
    assert crossing["plane_s"].null_count() == 42
    apart_s = (crossing["plane_s"] - crossing["minTTC"]).abs()
    assert (apart_s < 0.25).sum() == 6


def test_the_extremes_of_sumo_are_of_cars_that_miss_one_another() -> None:
    everything = conflicts()
    least = everything.sort("minTTC", nulls_last=True).row(0, named=True)
    assert {least["actor_id"], least["other_id"]} == {"63", "87"}
    assert (least["minTTC"], least["minTTC_ns"]) == (0.74, 139_900_000_000)
    most = everything.sort("maxDRAC", descending=True, nulls_last=True).row(0, named=True)
    assert {most["actor_id"], most["other_id"]} == {"92", "99"}
    assert (most["maxDRAC"], most["maxDRAC_ns"]) == (4.42, 129_400_000_000)
    pairs = compute_on(simulated(), "actor_pairs").rows
    courses = compute_on(simulated(), "time_to_collision").rows
    # Never on a collision course, and never nearer than this.
    for one, two, nearest_m in (("63", "87", 0.713), ("92", "99", 3.897)):
        both = (pl.col("actor_id") == one) & (pl.col("other_id") == two)
        assert courses.filter(both).is_empty()
        assert pairs.filter(both)["distance_m"].min() == pytest.approx(nearest_m, abs=0.001)
