"""Who is in front along the lane, by hand and in the reference simulation."""

import polars as pl
import pytest

from metrics_platform.core import Computed, Status
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.sumo import FOLLOWING, conflicts, simulated
from metrics_platform_tests.signals.test_actor_pairs import of_traffic, track_of

# Two lanes of 100 m one behind the other, along x.
LINKS = pl.DataFrame({"log_id": "log", "lane_id": "A", "next_lane_id": "B", "lane_length_m": 100.0})


def on_road(**front_m: float | list[float]) -> dict[str, pl.DataFrame]:
    """Return cars of 4 m by the place of their front bumper, at 10 m/s."""
    tracks, positions = [], []
    for name, places in front_m.items():
        for moment, place in enumerate(places if isinstance(places, list) else [places]):
            tracks.append(
                track_of(
                    [moment], track_id=name, x_m=place - 2, velocity_x_mps=10.0, velocity_y_mps=0.0
                )
            )
            positions.append(
                {
                    "log_id": "log", "timestamp_ns": moment, "source": "tracker", "track_id": name,
                    "lane_id": "A" if place < 100 else "B", "position_m": float(place % 100),
                }
            )  # fmt: skip
    return {
        "tracks": pl.concat(tracks),
        "lane_positions": pl.DataFrame(positions),
        "lane_links": LINKS,
        "recordings": of_traffic("log"),
    }


def lane_leads_of(frames: dict[str, pl.DataFrame]) -> Computed:
    return compute_on(frames, "lane_leads")


def test_gaps_and_order() -> None:
    rows = lane_leads_of(on_road(a=50, b=70, c=110)).rows
    shown = rows.select("actor_id", "other_id", "lead_index", "gap_m").rows()
    # c is 56 m in front of a: out of range.
    assert shown == [("a", "b", 0, 16.0), ("b", "c", 0, 36.0)]
    assert rows["distance_m"].to_list() == pytest.approx([16.0, 36.0])
    assert rows["relative_x_m"].to_list() == pytest.approx([20.0, 40.0])
    assert rows["relative_y_m"].to_list() == pytest.approx([0.0, 0.0])
    assert rows["actor_speed_mps"].to_list() == [10.0, 10.0]


def test_whoever_is_between_counts() -> None:
    rows = lane_leads_of(on_road(a=50, b=60, c=70)).rows
    shown = rows.select("actor_id", "other_id", "lead_index", "gap_m").rows()
    assert shown == [("a", "b", 0, 6.0), ("a", "c", 1, 16.0), ("b", "c", 0, 6.0)]


def test_overlapping_cars_have_a_negative_gap() -> None:
    row = lane_leads_of(on_road(a=50, b=53)).rows.row(0, named=True)
    assert (row["gap_m"], row["distance_m"]) == (-1.0, 0.0)


def test_moments_and_logs_stay_apart() -> None:
    frames = on_road(a=[50, 51], b=[70])
    other = {
        name: frame.with_columns(log_id=pl.lit("other")) for name, frame in on_road(c=55).items()
    }
    both = {name: pl.concat([frame, other[name]]) for name, frame in frames.items()}
    rows = lane_leads_of(both).rows
    assert rows.select("log_id", "timestamp_ns", "actor_id", "other_id").rows() == [
        ("log", 0, "a", "b")
    ]


def test_without_links_each_lane_ends() -> None:
    frames = on_road(a=90, b=95, c=110)
    rows = lane_leads_of({**frames, "lane_links": LINKS.clear()}).rows
    assert rows.is_empty()  # no log has links: it abstains
    links = LINKS.with_columns(lane_id=pl.lit("X"), next_lane_id=pl.lit("Y"))
    rows = lane_leads_of({**frames, "lane_links": links}).rows
    assert rows.select("actor_id", "other_id").rows() == [("a", "b")]


def test_who_has_no_velocity_has_no_row() -> None:
    frames = on_road(a=50, b=70)
    unknown = pl.when(pl.col("track_id") != "b").then("velocity_x_mps")
    tracks = frames["tracks"].with_columns(velocity_x_mps=unknown)
    assert lane_leads_of({**frames, "tracks": tracks}).rows.is_empty()


def test_every_conflict_of_following_in_sumo() -> None:
    expected = conflicts().filter(
        pl.col("minTTC_type").is_in(FOLLOWING), pl.col("maxDRAC_type").is_in(FOLLOWING)
    )
    assert len(expected) == 406
    # Type 2: the one that reports it follows; type 3: it leads.
    leads = pl.col("minTTC_type") == "3"
    expected = expected.with_row_index("conflict").with_columns(
        follower=pl.when(leads).then("other_id").otherwise("actor_id"),
        leader=pl.when(leads).then("actor_id").otherwise("other_id"),
    )
    rows = compute_on(simulated(), "lane_leads").rows
    closing = pl.col("actor_speed_mps") - pl.col("other_speed_mps")
    steps = rows.filter(closing > 0).with_columns(
        ttc_s=pl.col("gap_m") / closing, drac_mps2=closing**2 / (2 * pl.col("gap_m"))
    )
    found = (
        expected.join(steps, left_on=["follower", "leader"], right_on=["actor_id", "other_id"])
        .filter(pl.col("timestamp_ns").is_between("begin_ns", "end_ns"))
        .group_by("conflict", "minTTC", "maxDRAC")
        .agg(pl.col("ttc_s").min(), pl.col("drac_mps2").max())
    )
    assert len(found) == 406
    # It prints two decimals.
    assert (found["ttc_s"] - found["minTTC"]).abs().max() < 0.0051  # type: ignore[operator]
    assert (found["drac_mps2"] - found["maxDRAC"]).abs().max() < 0.0051  # type: ignore[operator]


def test_an_ego_without_a_lane_abstains() -> None:
    frames = on_road(a=50, b=70)
    recordings = frames["recordings"].with_columns(has_ego=pl.lit(value=True))
    outcome = lane_leads_of({**frames, "recordings": recordings}).outcomes["log"]
    assert (outcome.status, outcome.reason) == (
        Status.ABSTAINED,
        "lane_positions do not say in what lane the ego is",
    )
