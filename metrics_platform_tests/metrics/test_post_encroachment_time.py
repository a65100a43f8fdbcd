"""Post-encroachment time, on paper, in a synthetic log and against its references."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.post_encroachment_time import post_encroachment_time
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.crime import conflict_area, steps_around
from metrics_platform_tests.metrics.sumo import CROSSED, conflicts, simulated
from metrics_platform_tests.signals.test_actor_pairs import of_traffic
from metrics_platform_tests.signals.test_path_crossings import as_sumo_has_it, drive


def crossings_of(between_s: list[float]) -> pl.DataFrame:
    frames = {
        "tracks": pl.concat(
            [drive("a", 0.0, arrives_s=3.0), drive("b", math.pi / 2, arrives_s=5.0)]
        ),
        "recordings": of_traffic("log"),
    }
    row = compute_on(frames, "path_crossings").rows.head(1)
    rows = pl.concat([row] * len(between_s))
    return rows.with_columns(
        between_s=pl.Series(between_s), at_ns=pl.int_range(pl.len(), dtype=pl.Int64)
    )


@pytest.mark.parametrize(
    ("between_s", "expected"),
    [
        pytest.param([3.0, 1.0, 2.0], (1.0, 1), id="narrowest"),
        pytest.param([1.0, 1.0], (1.0, 0), id="earliest_of_equal_ones"),
        pytest.param([0.5, -0.5], (0.0, 1), id="both_in_it_at_once"),
        pytest.param([-2.0, -0.5], (0.0, 0), id="earliest_of_both_at_once"),
        pytest.param([10.1], None, id="beyond_the_horizon"),
    ],
)
def test_least_time(between_s: list[float], expected: tuple[float, int] | None) -> None:
    made = result_of(post_encroachment_time, path_crossings=crossings_of(between_s))
    if expected is None:
        assert made.rows.is_empty()
        assert made.summary.row(0) == ("log", None, 0)
        return
    assert made.rows.select("pet_s", "at_ns").rows() == [expected]
    assert made.summary.row(0) == ("log", expected[0], int(expected[0] < 2))


@pytest.mark.parametrize("pet_s", [1.0, 2.0, 3.5])
def test_a_synthetic_pedestrian(pet_s: float) -> None:
    made = compute_on(scenario("pedestrian_crossing", pet_s=pet_s, seconds=20), "path_crossings")
    row = result_of(post_encroachment_time, path_crossings=made.rows).rows.row(0, named=True)
    assert row["pet_s"] == pytest.approx(pet_s, abs=0.02)
    assert row["crossing_angle_rad"] == pytest.approx(math.pi / 2, abs=0.01)
    assert not row["actor_first"]


def test_sumo() -> None:
    expected = (
        conflicts()
        .filter(pl.col("PET_type") == CROSSED)
        .group_by("actor_id", "other_id")
        .agg(pl.col("PET").min())
    )
    made = result_of(post_encroachment_time, path_crossings=as_sumo_has_it().rows)
    both = expected.join(made.rows, on=["actor_id", "other_id"], how="left")
    error_s = (both["pet_s"] - both["PET"]).abs()
    assert (error_s < 0.1).mean() > 0.95  # type: ignore[operator]
    assert made.summary["pet_s"].item() == pytest.approx(0.67, abs=0.01)
    # By the boxes themselves nobody comes closer than 15 and 60, for whom SUMO has 0.74 s.
    ours = compute_on(simulated(), "post_encroachment_time")
    assert ours.summary["pet_s"].item() == pytest.approx(1.393, abs=0.01)


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Tjunction-1_97_T-1")

    def pet_s(first: tuple[int, int], second: tuple[int, int]) -> float:
        return (second[0] - first[1]) * 0.1

    # As published: 3.2 s, with 5 as the ego. The area is what the way of 1 has in common with
    # 50207, along which neither drives; it leads to where 1 goes, too.
    pair = conflict_area(frames, "5", "1")
    assert pair == ("50213", "50207")
    assert pet_s(steps_around(frames, "1", pair), steps_around(frames, "5", pair)) == pytest.approx(
        3.2
    )
    # With 1 as the ego it takes another area, and has 4.7 s for the same two.
    pair = conflict_area(frames, "1", "5")
    assert pair == ("50217", "50209")
    assert pet_s(steps_around(frames, "1", pair), steps_around(frames, "5", pair)) == pytest.approx(
        4.7
    )
    # By the lanelets that they do drive along.
    pair = ("50213", "50217")
    assert pet_s(steps_around(frames, "1", pair), steps_around(frames, "5", pair)) == pytest.approx(
        4.4
    )
    made = compute_on(frames, "post_encroachment_time").rows
    of_both = made.filter(
        pl.col("actor_id").is_in(["1", "5"]), pl.col("other_id").is_in(["1", "5"])
    )
    # What both boxes need is less than the lanelets, and the same from both seats.
    assert of_both.sort("actor_id").select("actor_id", "pet_s", "actor_first").rows() == [
        ("1", pytest.approx(4.808, abs=0.001), True),
        ("5", pytest.approx(4.808, abs=0.001), False),
    ]
