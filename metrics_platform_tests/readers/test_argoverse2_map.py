"""Lanes and drivable areas of Argoverse 2, against the archive itself and what av2 makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._argoverse2_map import map_signals
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.readers.test_argoverse2 import LOGS, WITH_EGO_AND_MAP, log_path

# `get_lane_segment_centerline` of av2 0.3.6 on the map of 3b35…: first, fourth and seventh point
# of lanes whose bounds have 13 and 11, 6 and 8, 2 and 8 corners.
AV2_CENTRES = {
    "37979970": [(750.46, 2238.285), (750.9215, 2244.8004), (753.9736, 2250.4706)],
    "37991149": [(834.61, 2225.235), (829.5428, 2221.4967), (824.7743, 2217.4282)],
    "37985325": [(611.965, 2252.865), (607.9508, 2253.0119), (603.9842, 2253.4617)],
}


def archive() -> Path:
    return next(log_path(WITH_EGO_AND_MAP).glob("map/*.json"))


def line(points: pl.DataFrame, prefix: str = "") -> shapely.LineString:
    return shapely.LineString(points.select(f"{prefix}x_m", f"{prefix}y_m").to_numpy())


def corners(entries: list[dict[str, float]]) -> list[tuple[float, float]]:
    return [(point["x"], point["y"]) for point in entries]


def test_bounds_keep_their_corners_and_direction() -> None:
    lanes = json.loads(archive().read_text())["lane_segments"]
    points = map_signals(archive())["lane_points"]
    assert points["lane_id"].n_unique() == len(lanes) == 150
    for (lane_id,), lane in points.group_by("lane_id", maintain_order=True):
        for side in ("left", "right"):
            recorded = shapely.LineString(corners(lanes[lane_id][f"{side}_lane_boundary"]))
            made = line(lane, f"{side}_")
            assert shapely.hausdorff_distance(made, recorded) < 1e-6
            assert made.length == pytest.approx(recorded.length, abs=1e-6)
            assert made.coords[0] == pytest.approx(recorded.coords[0], abs=1e-9)


@pytest.mark.parametrize("lane_id", AV2_CENTRES)
def test_the_centre_line_is_that_of_av2(lane_id: str) -> None:
    centre = line(map_signals(archive())["lane_points"].filter(pl.col("lane_id") == lane_id))
    reference = AV2_CENTRES[lane_id]
    for point in reference:
        assert centre.distance(shapely.Point(point)) < 1e-4
    assert centre.coords[0] == pytest.approx(reference[0], abs=1e-4)


def test_only_lanes_of_the_same_direction_are_neighbours() -> None:
    lanes = json.loads(archive().read_text())["lane_segments"]
    made = map_signals(archive())
    points = {key[0]: lane for key, lane in made["lane_points"].group_by("lane_id")}
    oncoming = 0
    for row in made["lanes"].iter_rows(named=True):
        own = line(points[row["lane_id"]])
        for side in ("left", "right"):
            named = lanes[row["lane_id"]][f"{side}_neighbor_id"]
            if str(named) not in points:
                assert row[f"{side}_lane_id"] is None
                continue
            other = line(points[str(named)])
            # Whether the other's points come in the order of this one's.
            same = own.project(other.interpolate(0)) < own.project(
                other.interpolate(1, normalized=True)
            )
            assert row[f"{side}_lane_id"] == (str(named) if same else None)
            oncoming += not same
    assert oncoming == 92
    assert made["lanes"]["left_lane_id"].count() == made["lanes"]["right_lane_id"].count() == 41


def test_areas_are_those_of_the_archive() -> None:
    recorded = json.loads(archive().read_text())["drivable_areas"]
    made = map_signals(archive())["drivable_areas"]
    assert set(made["area_id"]) == set(recorded)
    for (area_id,), area in made.group_by("area_id", maintain_order=True):
        expected = corners(recorded[area_id]["area_boundary"])
        assert area.select("x_m", "y_m").rows() == expected
        assert area["point_index"].to_list() == list(range(len(expected)))


def test_a_forecasting_scenario_has_its_own_centre_lines_and_lanes_for_bicycles() -> None:
    (file,) = data_path("argoverse2", "forecasting").glob("*/log_map_archive_*.json")
    lanes = json.loads(file.read_text())["lane_segments"]
    made = map_signals(file)
    for (lane_id,), lane in made["lane_points"].group_by("lane_id", maintain_order=True):
        recorded = shapely.LineString(corners(lanes[lane_id]["centerline"]))
        assert shapely.hausdorff_distance(line(lane), recorded) < 1e-6
    kinds = made["lanes"]["kind"].value_counts(sort=True).rows()
    assert kinds == [("bike", 37), ("vehicle", 34)]


def lane_of(left: list[tuple[float, float]], right: list[tuple[float, float]]) -> dict[str, Any]:
    def points(line: list[tuple[float, float]]) -> list[dict[str, float]]:
        return [{"x": x, "y": y, "z": 0.0} for x, y in line]

    return {
        "id": 7,
        "lane_type": "BUS",
        "is_intersection": True,
        "left_neighbor_id": None,
        "right_neighbor_id": 12,
        "left_lane_boundary": points(left),
        "right_lane_boundary": points(right),
    }


@pytest.mark.parametrize(
    ("left", "right", "centre"),
    [
        pytest.param([(0, 2), (9, 2)], [(0, 0), (9, 0)], [(0, 1), (9, 1)], id="straight"),
        pytest.param(
            [(0, 0)], [(0, -4), (4, 0), (0, 4)], [(0, -2), (2, 0), (0, 2)], id="around_a_point"
        ),
        pytest.param(
            [(0, 2), (3, 2), (3, 2), (9, 2)], [(0, 0), (9, 0)], [(0, 1), (9, 1)], id="point_twice"
        ),
        pytest.param(
            [(0, 2), (6, 2), (9, 5)],
            [(0, 0), (9, 0)],
            None,
            id="bounds_of_unequal_length",
        ),
    ],
)
def test_by_hand(
    tmp_path: Path,
    left: list[tuple[float, float]],
    right: list[tuple[float, float]],
    centre: list[tuple[float, float]] | None,
) -> None:
    file = tmp_path / "map.json"
    content = {"lane_segments": {"7": lane_of(left, right)}, "drivable_areas": {}}
    file.write_text(json.dumps(content))
    made = map_signals(file)
    points = made["lane_points"]
    if centre is None:
        # At a third of both lengths: 3 m along the right bound, (6 + sqrt 18) / 3 m along the left.
        centre = [((3 + (6 + 18**0.5) / 3) / 2, 1)]
        assert line(points).distance(shapely.Point(centre[0])) < 1e-8
    else:
        assert shapely.hausdorff_distance(line(points), shapely.LineString(centre)) < 1e-8
    for prefix, bound in (("left_", left), ("right_", right)):
        for corner in bound:
            made_bound = points.select(f"{prefix}x_m", f"{prefix}y_m").to_numpy()
            assert np.linalg.norm(made_bound - corner, axis=1).min() < 1e-7
    assert made["lanes"].row(0, named=True) == {
        "lane_id": "7",
        "kind": "bus",
        "in_intersection": True,
        "speed_limit_mps": None,
        "left_lane_id": None,
        # It isn't in the archive.
        "right_lane_id": None,
    }
    assert made["drivable_areas"].is_empty()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="no_json"),
        pytest.param("[]", id="a_list"),
        pytest.param('{"lane_segments": {}}', id="no_areas"),
        pytest.param(
            json.dumps({"lane_segments": {"7": lane_of([], [(0, 0)])}, "drivable_areas": {}}),
            id="no_points",
        ),
    ],
)
def test_a_damaged_map_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "log_map_archive_x.json"
    file.write_text(content)
    with pytest.raises(UnreadableLogError, match="log_map_archive_x"):
        map_signals(file)


def test_the_map_comes_with_its_log_and_a_log_without_one_says_so() -> None:
    batch = read_logs({log: log_path(log) for log in LOGS[:2]}, ReaderConfig())
    for name in ("lanes", "lane_points", "drivable_areas"):
        signal = batch.signals[name]
        assert signal.rows["log_id"].unique().to_list() == [WITH_EGO_AND_MAP]
        without = signal.outcomes[LOGS[1]]
        assert without.status is Status.ABSTAINED
        assert "map/log_map_archive" in (without.reason or "")
