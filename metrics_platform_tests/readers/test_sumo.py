"""Simulated traffic: the reference simulation, and small ones with what it doesn't have."""

import gzip
import math
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import sumo
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents
from metrics_platform.readers.formats import find_reader
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.sumo import simulated

CONFIG = ReaderConfig()
NET = """<net version="1.20">
  <edge id=":J_0" function="internal">
    <lane id=":J_0_0" index="0" speed="8" length="10.00" shape="100,0 110,0"/>
  </edge>
  <edge id=":J_w0" function="walkingarea">
    <lane id=":J_w0_0" index="0" allow="pedestrian" speed="2" length="3" shape="0,0 1,0 1,1"/>
  </edge>
  <edge id="A" from="I" to="J">
    <lane id="A_0" index="0" allow="bus" speed="14" length="100.00" shape="0,0 100,0"/>
    <lane id="A_1" index="1" speed="14" length="100.00" width="4" shape="0,3.2 50,3.2 50,53.2"/>
  </edge>
  <edge id="B" from="J" to="K">
    <lane id="B_0" index="0" speed="14" length="100.00" shape="110,0 210,0"/>
  </edge>
  <connection from="A" to="B" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
  <connection from=":J_0" to="B" fromLane="0" toLane="0" dir="s" state="M"/>
</net>"""
FCD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment before the root -->
<fcd-export>
  <timestep time="0.00">
    <vehicle id="v" x="10.00" y="0.00" angle="90.00" type="car" speed="5.00" pos="10.00"
      lane="A_0" slope="0.00" acceleration="-1.50"/>
    <person id="p" x="3.00" y="4.00" angle="0.00" speed="1.20" pos="3.00" edge="A" slope="0.00"/>
  </timestep>
  <timestep time="0.10">
    <vehicle id="v" x="10.00" y="0.00" angle="180.00" type="car" speed="5.00" pos="10.50"
      lane="A_0" slope="0.00" acceleration="0.50"/>
    <vehicle id="t" x="0.00" y="0.00" angle="270.00" type="heavy" speed="2.00" pos="50.00"
      lane="" slope="0.00" acceleration="0.00"/>
  </timestep>
</fcd-export>"""
ROUTES = """<routes>
  <vTypeDistribution id="all">
    <vType id="heavy" vClass="truck" length="9.5"/>
  </vTypeDistribution>
  <vehicle id="t" type="heavy" depart="0"/>
</routes>"""


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def read(path: Path) -> LogContents:
    assert find_reader(path) is sumo
    return sumo.read(path, CONFIG)


def test_the_reference_simulation() -> None:
    frames = simulated()
    assert len(frames["tracks"]) == len(frames["lane_positions"]) == 134_401
    assert frames["tracks"]["track_id"].n_unique() == 151
    assert frames["recordings"]["has_ego"].to_list() == [False]
    assert frames["recordings"]["notes"].to_list() == [""]
    assert frames["recordings"]["duration_s"].item() == pytest.approx(299.9)
    # In the file: 124 lanes, 144 connections, and 20 of them within junctions.
    assert (len(frames["lanes"]), len(frames["lane_links"])) == (124, 144)


def test_the_distance_is_that_of_the_trip_info() -> None:
    trips = ElementTree.parse(data_path("sumo", "a.tripinfo.xml")).getroot()
    driven_m = sum(float(trip.attrib["routeLength"]) for trip in trips)
    assert driven_m == pytest.approx(95_028, abs=0.5)
    arrived = [trip.attrib["id"] for trip in trips]
    tracks = simulated()["tracks"].filter(pl.col("track_id").is_in(arrived))
    speed = (pl.col("velocity_x_mps") ** 2 + pl.col("velocity_y_mps") ** 2).sqrt()
    # A speed is that of the step before its moment; the last step of all isn't recorded.
    assert tracks.select(speed.sum() * 0.1).item() == pytest.approx(driven_m, rel=1e-3)


def test_front_bumpers_are_on_the_centre_lines() -> None:
    frames = simulated()
    users = frames["tracks"].join(
        frames["lane_positions"], on=["log_id", "timestamp_ns", "source", "track_id"]
    )
    straight = frames["lane_points"].filter(pl.len().over("lane_id") == 2)
    ends = straight.group_by("lane_id").agg(
        pl.col("x_m", "y_m").sort_by("point_index").first().name.suffix("_0"),
        pl.col("x_m", "y_m").sort_by("point_index").last().name.suffix("_1"),
    )
    rows = users.join(ends, on="lane_id")
    assert len(rows) > 100_000
    heading, half = rows["heading_rad"].to_numpy(), rows["length_m"].to_numpy() / 2
    x, y = (rows[f"{a}_m_1"].to_numpy() - rows[f"{a}_m_0"].to_numpy() for a in "xy")
    way = np.hypot(x, y)
    share = rows["position_m"].to_numpy() / way
    for axis, turn in (("x", np.cos(heading)), ("y", np.sin(heading))):
        start, end = rows[f"{axis}_m_0"].to_numpy(), rows[f"{axis}_m_1"].to_numpy()
        bumper = rows[f"{axis}_m"].to_numpy() + half * turn
        # The file gives lengths in centimetres; a car that comes from a bend is still turning.
        error = np.abs(bumper - (start + share * (end - start)))
        assert np.quantile(error, 0.99) < 0.02


def test_boxes_axes_and_sizes(tmp_path: Path) -> None:
    contents = read(written(tmp_path, fcd=FCD, net=NET, rou=ROUTES))
    rows = {(row["timestamp_ns"], row["track_id"]): row for row in _rows(contents, "tracks")}
    first, person = rows[0, "v"], rows[0, "p"]
    # East: SUMO's place is the front bumper, and its angle 90 degrees clockwise from north.
    assert (first["x_m"], first["y_m"]) == pytest.approx((7.5, 0))
    assert first["heading_rad"] == pytest.approx(0)
    assert (first["velocity_x_mps"], first["velocity_y_mps"]) == pytest.approx((5, 0))
    assert first["acceleration_mps2"] == -1.5
    south = rows[100_000_000, "v"]
    assert (south["x_m"], south["y_m"]) == pytest.approx((10, 2.5))
    assert south["heading_rad"] == pytest.approx(-math.pi / 2)
    truck = rows[100_000_000, "t"]
    assert (truck["length_m"], truck["width_m"], truck["height_m"]) == (9.5, 2.4, 2.4)
    assert truck["heading_rad"] == pytest.approx(-math.pi)
    assert truck["x_m"] == pytest.approx(4.75)
    assert (person["category"], person["length_m"]) == ("DEFAULT_PEDTYPE", 0.215)
    # Who is on no lane, or doesn't say where along it, has no place in one.
    placed = [(row["track_id"], row["lane_id"]) for row in _rows(contents, "lane_positions")]
    assert placed == [("v", "A_0"), ("v", "A_0")]
    assert contents.notes == (
        "tracks: nobody says how large the types car are; taken for SUMO's default car, "
        "5.0 x 1.8 x 1.5 m",
    )
    assert not contents.has_ego
    assert contents.missing["ego_poses"] == "a recording of traffic has no ego"


def test_the_network(tmp_path: Path) -> None:
    contents = read(written(tmp_path, fcd=FCD, net=NET))
    lanes = {row["lane_id"]: row for row in _rows(contents, "lanes")}
    assert list(lanes) == [":J_0_0", "A_0", "A_1", "B_0"]
    assert (lanes["A_0"]["left_lane_id"], lanes["A_1"]["right_lane_id"]) == ("A_1", "A_0")
    assert (lanes["A_0"]["right_lane_id"], lanes["B_0"]["left_lane_id"]) == (None, None)
    assert (lanes["A_0"]["kind"], lanes["A_1"]["kind"]) == ("bus", "vehicle")
    assert [lane["in_intersection"] for lane in lanes.values()] == [True, False, False, False]
    assert lanes["A_0"]["speed_limit_mps"] == 14
    links = {tuple(row.values()) for row in _rows(contents, "lane_links")}
    assert links == {("A_0", ":J_0_0", 100.0), (":J_0_0", "B_0", 10.0)}
    bend = [row for row in _rows(contents, "lane_points") if row["lane_id"] == "A_1"]
    assert [row["point_index"] for row in bend] == [0, 1, 2]
    # 4 m wide; at the right angle to the left the bounds stay 2 m from both parts.
    assert [(row["left_x_m"], row["left_y_m"]) for row in bend] == [
        pytest.approx(point) for point in ((0, 5.2), (48, 5.2), (48, 53.2))
    ]
    assert [(row["right_x_m"], row["right_y_m"]) for row in bend] == [
        pytest.approx(point) for point in ((0, 1.2), (52, 1.2), (52, 53.2))
    ]


def test_lanes_of_left_hand_traffic_are_numbered_from_the_left(tmp_path: Path) -> None:
    net = NET.replace("<net ", '<net lefthand="true" ')
    lanes = {r["lane_id"]: r for r in _rows(read(written(tmp_path, fcd=FCD, net=net)), "lanes")}
    assert (lanes["A_1"]["left_lane_id"], lanes["A_0"]["right_lane_id"]) == ("A_0", "A_1")


def test_one_file_alone_and_compressed(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "fcd.xml.gz", "wt") as file:
        file.write(FCD)
    contents = read(tmp_path / "fcd.xml.gz")
    assert len(contents.signals["tracks"]) == 4
    assert "no net.xml" in contents.missing["lanes"]


def test_xml_and_parquet_say_the_same(tmp_path: Path) -> None:
    table = pl.read_parquet(data_path("sumo", "a.fcd.parquet")).head(500)
    table.write_parquet(tmp_path / "a.parquet")
    lines = ["<fcd-export>"]
    for (time,), step in table.partition_by("timestep_time", as_dict=True).items():
        lines.append(f'<timestep time="{time}">')
        for row in step.rename(lambda name: name.removeprefix("vehicle_")).iter_rows(named=True):
            known = [f'{k}="{v}"' for k, v in row.items() if k != "timestep_time" and v is not None]
            lines.append(f"<vehicle {' '.join(known)}/>")
        lines.append("</timestep>")
    (tmp_path / "a.xml").write_text("\n".join([*lines, "</fcd-export>"]))
    for name in ("tracks", "lane_positions"):
        one = read(tmp_path / "a.parquet").signals[name]
        other = read(tmp_path / "a.xml").signals[name]
        for column in one.columns:
            if one[column].dtype.is_float() and one[column].null_count() == 0:
                assert one[column].to_numpy() == pytest.approx(other[column].to_numpy(), abs=1e-5)
            else:
                assert one[column].to_list() == other[column].to_list()


def test_a_simulation_that_was_stopped_is_recovered(tmp_path: Path) -> None:
    (tmp_path / "fcd.xml").write_text(FCD[: FCD.index('<vehicle id="t"')])
    contents = read(tmp_path)
    assert contents.truncated
    assert len(contents.signals["tracks"]) == 3


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"fcd": FCD.replace('x="10.00"', "")}, "dropped", id="no_place"),
        pytest.param({"fcd": FCD.replace('"5.00"', '"fast"')}, "no number", id="speed"),
        pytest.param({"fcd": FCD.replace("</timestep>", "</step>")}, "not readable", id="xml"),
        pytest.param({"fcd": FCD, "net": NET[:700]}, "ends before its end", id="half_a_net"),
        pytest.param({"fcd": FCD, "net": "<net/>"}, "no lane", id="empty_net"),
        pytest.param(
            {"fcd": FCD, "net": NET.replace("100,0 110,0", "here")}, "list of x,y", id="shape"
        ),
        pytest.param({"fcd": FCD, "net": NET.replace('speed="8"', "")}, "as speed", id="lane"),
        pytest.param(
            {"fcd": FCD, "rou": ROUTES.replace("9.5", "long")}, "a number as length", id="type"
        ),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, files: dict[str, str], message: str) -> None:
    path = written(tmp_path, **files)
    if message == "dropped":
        # Rows without a place are dropped when the log is cleaned, not here.
        assert read(path).signals["tracks"]["x_m"].null_count() == 2
        return
    with pytest.raises(UnreadableLogError, match=message):
        read(path)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    shutil.copy(data_path("sumo", "a.fcd.parquet"), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    assert not sumo.recognises(tmp_path)
    table = pl.read_parquet(data_path("sumo", "a.fcd.parquet")).head(5)
    table.drop("vehicle_angle").write_parquet(tmp_path / "a.parquet")
    with pytest.raises(UnreadableLogError, match="have no angle"):
        read(tmp_path)


def test_other_files_are_not_taken_for_it(tmp_path: Path) -> None:
    pl.DataFrame({"timestep_time": [0.0]}).write_parquet(tmp_path / "other.parquet")
    written(tmp_path, net=NET, text="no XML at all", empty="")
    assert not sumo.recognises(tmp_path)
    assert not sumo.recognises(tmp_path / "absent")


def _rows(contents: LogContents, name: str) -> list[dict[str, object]]:
    return contents.signals[name].rows(named=True)
