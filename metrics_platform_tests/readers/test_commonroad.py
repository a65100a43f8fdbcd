"""Scenarios by hand, one feature of the format each, and the published ones in whole."""

import math
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import commonroad
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import find_reader, formats
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
# Road users, steps, lanelets and those of them in an intersection, counted in the files.
SCENARIOS = {
    "DEU_Gar-1_1_T-1": (4, 21, 5, 0),
    "DEU_Moabit-4_1_T-1": (1, 34, 51, 16),
    "OSC_CutIn-1_2_T-1": (2, 100, 2, 0),
    "OSC_PedestrianCollision-1_1_T-1": (2, 93, 24, 16),
    "USA_US101-5_1_T-1": (25, 101, 5, 0),
    "ZAM_Tjunction-1_97_T-1": (5, 148, 12, 6),
    "ZAM_Urban-3_3_Repair": (3, 36, 2, 0),
    "ZAM_Zip-1_56_T-1": (3, 86, 5, 0),
}
RECTANGLE = "<rectangle><length>4</length><width>2</width></rectangle>"
LANELET = """
<lanelet id="1">
  <leftBound><point><x>0</x><y>4</y></point><point><x>10</x><y>4</y></point></leftBound>
  <rightBound><point><x>0</x><y>0</y></point><point><x>10</x><y>0</y></point></rightBound>
  {}
</lanelet>
"""


def state(step: int, *, x: float = 0.0, y: float = 0.0, tag: str = "state", **values: float) -> str:
    given = {"orientation": 0.0, "velocity": 5.0, **values}
    rest = "".join(f"<{k}><exact>{v}</exact></{k}>" for k, v in given.items() if v is not None)
    place = f"<position><point><x>{x}</x><y>{y}</y></point></position>"
    return f"<{tag}>{place}<time><exact>{step}</exact></time>{rest}</{tag}>"


def obstacle(*states: str, initial: str = "", shape: str = RECTANGLE, kind: str = "dynamic") -> str:
    first = initial or state(0, tag="initialState")
    return (
        f'<{kind}Obstacle id="7"><type>car</type><shape>{shape}</shape>{first}'
        f"<trajectory>{''.join(states)}</trajectory></{kind}Obstacle>"
    )


def written(path: Path, *elements: str, head: str = 'timeStepSize="0.1"') -> Path:
    file = path / "scenario"
    file.write_text(f"<?xml version='1.0'?>\n<commonRoad {head}>{''.join(elements)}</commonRoad>")
    return file


def tracks_of(path: Path, *elements: str) -> pl.DataFrame:
    return commonroad.read(written(path, *elements), CONFIG).signals["tracks"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_published_scenarios(name: str) -> None:
    path = data_path("commonroad", f"{name}.xml")
    assert find_reader(path).__name__.endswith(".commonroad")
    assert [reader for reader in formats().values() if reader.recognises(path)] == [commonroad]
    batch = read_logs({name: path}, CONFIG)
    assert not batch.failures
    users, steps, lanelets, crossing = SCENARIOS[name]
    tracks = batch.signals["tracks"].rows
    assert (tracks["track_id"].n_unique(), tracks["timestamp_ns"].n_unique()) == (users, steps)
    assert tracks["velocity_x_mps"].null_count() == 0
    lanes = batch.signals["lanes"].rows
    assert (len(lanes), lanes["in_intersection"].sum()) == (lanelets, crossing)
    for signal in ("lane_points", "drivable_areas"):
        assert batch.signals[signal].outcomes[name].status is Status.COMPUTED
    recording = batch.signals["recordings"].rows.row(0, named=True)
    assert not recording["has_ego"]
    assert recording["notes"] == "planning problems are not read: 1 of them"
    # The two converted ones name another scenario as their benchmark.
    place = "ZAM_OpenDrive" if name.startswith("OSC") else name.partition("-")[0]
    assert recording["place"] == place


def test_values_of_both_versions() -> None:
    old = commonroad.read(data_path("commonroad", "ZAM_Zip-1_56_T-1.xml"), CONFIG)
    assert old.signals["lanes"]["speed_limit_mps"].to_list() == [50.0] * 5
    assert "lane_change" in old.metadata.tags
    new = commonroad.read(data_path("commonroad", "DEU_Moabit-4_1_T-1.xml"), CONFIG)
    limits = new.signals["lanes"]["speed_limit_mps"]
    assert limits.drop_nulls().unique().to_list() == [pytest.approx(50 / 3.6)]
    # 13 lanelets refer to a sign.
    assert limits.count() == 13
    assert new.metadata.tags == ("intersection", "simulated", "critical")
    urban = commonroad.read(data_path("commonroad", "ZAM_Urban-3_3_Repair.xml"), CONFIG)
    ego = urban.signals["tracks"].filter(pl.col("track_id") == "8")
    # The trajectory begins with the initial state once more.
    assert len(ego) == ego["timestamp_ns"].n_unique() == 36
    parked = urban.signals["tracks"].filter(pl.col("category") == "parkedVehicle")
    assert parked.group_by("track_id").len()["len"].to_list() == [36, 36]
    assert parked.select("velocity_x_mps", "velocity_y_mps").unique().rows() == [(0.0, 0.0)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param(RECTANGLE, (10.0, 0.0, 0.5, 4.0, 2.0), id="rectangle"),
        pytest.param(
            "<rectangle><length>4</length><width>2</width><orientation>0.25</orientation>"
            "<center><x>1</x><y>2</y></center></rectangle>",
            (
                10 + math.cos(0.5) - 2 * math.sin(0.5),
                math.sin(0.5) + 2 * math.cos(0.5),
                0.75,
                4.0,
                2.0,
            ),
            id="off_centre_and_turned",
        ),
        pytest.param(
            "<circle><radius>0.3</radius></circle>", (10.0, 0.0, 0.5, 0.6, 0.6), id="circle"
        ),
        pytest.param(
            "<polygon><point><x>0</x><y>-1</y></point><point><x>6</x><y>0</y></point>"
            "<point><x>0</x><y>1</y></point></polygon>",
            (10 + 3 * math.cos(0.5), 3 * math.sin(0.5), 0.5, 6.0, 2.0),
            id="polygon",
        ),
        pytest.param(
            # A tractor, and a trailer behind it at a right angle.
            "<rectangle><length>4</length><width>2</width></rectangle><rectangle><length>2</length>"
            f"<width>6</width><orientation>{math.pi / 2}</orientation>"
            "<center><x>-5</x><y>0</y></center></rectangle>",
            (10 - 3 * math.cos(0.5), -3 * math.sin(0.5), 0.5, 10.0, 2.0),
            id="two_rectangles",
        ),
        pytest.param("", (10.0, 0.0, 0.5, 0.0, 0.0), id="none"),
    ],
)
def test_boxes(tmp_path: Path, shape: str, expected: tuple[float, ...]) -> None:
    initial = state(0, x=10.0, orientation=0.5, tag="initialState")
    tracks = tracks_of(tmp_path, obstacle(initial=initial, shape=shape))
    columns = ("x_m", "y_m", "heading_rad", "length_m", "width_m")
    assert tracks.select(columns).row(0) == pytest.approx(expected)
    assert tracks.select("z_m", "height_m").row(0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("values", "heading_rad", "velocity"),
    [
        pytest.param({"orientation": math.pi / 2}, math.pi / 2, (0.0, 5.0), id="along_its_heading"),
        pytest.param(
            {"slipAngle": 0.3}, 0.0, (5 * math.cos(0.3), 5 * math.sin(0.3)), id="slip_angle"
        ),
        pytest.param(
            {"orientation": math.pi / 2, "velocityY": 1.0}, math.pi / 2, (-1.0, 5.0), id="sideways"
        ),
        pytest.param(
            {"orientation": None, "velocity": 3.0, "velocityY": -4.0},
            math.atan2(-4, 3),
            (3.0, -4.0),
            id="point_mass",
        ),
        pytest.param({"velocity": -5.0}, 0.0, (-5.0, 0.0), id="reverses"),
        pytest.param({"velocity": None}, 0.0, (None, None), id="unknown"),
    ],
)
def test_velocities(
    tmp_path: Path, values: dict[str, float], heading_rad: float, velocity: tuple[float, float]
) -> None:
    tracks = tracks_of(tmp_path, obstacle(initial=state(0, tag="initialState", **values)))
    assert tracks["heading_rad"].item() == pytest.approx(heading_rad)
    got = tracks.select("velocity_x_mps", "velocity_y_mps").row(0)
    assert got == (velocity if None in velocity else pytest.approx(velocity))


def test_steps_are_times_and_accelerations_are_kept(tmp_path: Path) -> None:
    initial = state(3, tag="initialState", acceleration=-2.0)
    tracks = tracks_of(tmp_path, obstacle(state(4), state(5), initial=initial))
    assert tracks["timestamp_ns"].to_list() == [300_000_000, 400_000_000, 500_000_000]
    assert tracks["acceleration_mps2"].to_list() == [-2.0, None, None]


def test_what_stands_is_there_at_every_step(tmp_path: Path) -> None:
    standing = obstacle(kind="static").replace('id="7"', 'id="9"')
    both = tracks_of(tmp_path, standing, obstacle(state(1), state(2)))
    parked = both.filter(pl.col("track_id") == "9")
    assert parked["timestamp_ns"].to_list() == [0, 100_000_000, 200_000_000]
    assert parked["velocity_x_mps"].to_list() == [0.0, 0.0, 0.0]
    assert tracks_of(tmp_path, standing)["timestamp_ns"].to_list() == [0]
    assert tracks_of(tmp_path).is_empty()


def test_states_that_are_not_exact_are_left_out_with_a_note(tmp_path: Path) -> None:
    interval = "<intervalStart>0</intervalStart><intervalEnd>1</intervalEnd>"
    region = f"<state><position>{RECTANGLE}</position><time><exact>2</exact></time></state>"
    turned = state(1).replace("<orientation><exact>0.0</exact>", f"<orientation>{interval}")
    some = state(4).replace("<velocity><exact>5.0</exact>", f"<velocity>{interval}")
    when = state(5).replace("<exact>5</exact>", interval)
    predicted = obstacle().replace("</dynamicObstacle>", "<occupancySet/></dynamicObstacle>")
    file = written(
        tmp_path,
        obstacle(turned, region, state(3), some, when),
        predicted.replace('id="7"', 'id="8"'),
        "<environmentObstacle/><environmentObstacle/>",
    )
    contents = commonroad.read(file, CONFIG)
    rows = contents.signals["tracks"].filter(pl.col("track_id") == "7")
    assert rows["timestamp_ns"].to_list() == [0, 300_000_000, 400_000_000]
    assert rows["velocity_x_mps"].to_list() == [5.0, 5.0, None]
    assert contents.notes == (
        "environment obstacles (buildings and the like) are not read: 2 of them",
        "obstacle 7: 3 of 6 states are left out, as position, orientation or time are not exact",
        "obstacle 8: its predicted occupancies are regions, and are not read",
    )


@pytest.mark.parametrize(
    ("changed", "to"),
    [
        ("<exact>1</exact>", "<exact>nan</exact>"),
        ("<exact>1</exact>", "<exact>inf</exact>"),
        ("<exact>1</exact>", "<exact>1.5</exact>"),
        ("<exact>1</exact>", "<exact>1e300</exact>"),
        ("<x>7.0</x>", "<x>nan</x>"),
        ("<x>7.0</x>", "<x>-inf</x>"),
        ("<x>7.0</x>", "<x></x>"),
        ("<x>7.0</x>", ""),
        ("<exact>0.25</exact>", "<exact>inf</exact>"),
        ("<exact>0.25</exact>", "<exact>north</exact>"),
    ],
)
def test_numbers_that_are_none_cost_their_state_only(tmp_path: Path, changed: str, to: str) -> None:
    odd = state(1, x=7.0, orientation=0.25)
    assert changed in odd
    file = written(tmp_path, obstacle(odd.replace(changed, to), state(2)))
    contents = commonroad.read(file, CONFIG)
    assert contents.signals["tracks"]["timestamp_ns"].to_list() == [0, 200_000_000]
    assert contents.notes == (
        "obstacle 7: 1 of 3 states are left out, as position, orientation or time are not exact",
    )


@pytest.mark.parametrize("size", ["-4", "nan", "inf", "long", ""])
def test_a_size_that_is_none_costs_nobody_else_the_box(tmp_path: Path, size: str) -> None:
    odd = obstacle(shape=RECTANGLE.replace("4", size)).replace('id="7"', 'id="8"')
    file = written(tmp_path, obstacle(), odd)
    tracks = read_logs({"log": file}, CONFIG).signals["tracks"].rows
    assert tracks.select("track_id", "length_m").rows() == [("7", 4.0), ("8", 0.0)]


def test_velocities_without_end_are_unknown(tmp_path: Path) -> None:
    tracks = tracks_of(tmp_path, obstacle(initial=state(0, tag="initialState", velocity=math.inf)))
    assert tracks.select("velocity_x_mps", "velocity_y_mps").rows() == [(None, None)]


def test_a_step_beyond_the_clock_is_dropped_with_a_note(tmp_path: Path) -> None:
    file = written(tmp_path, obstacle(state(10**15)))
    signals = read_logs({"log": file}, CONFIG).signals
    assert signals["tracks"].rows["timestamp_ns"].to_list() == [0]
    assert "tracks: dropped 1 of 2 rows" in signals["recordings"].rows["notes"].item()


@pytest.mark.parametrize(
    ("changed", "to", "points"),
    [
        ("<x>10</x>", "<x></x>", 1),
        ("<x>10</x>", "<x>east</x>", 1),
        ("<x>10</x>", "", 1),
        ("leftBound", "noBound", 0),
        ("rightBound", "noBound", 0),
    ],
)
def test_a_lanelet_of_odd_bounds_keeps_the_others(
    tmp_path: Path, changed: str, to: str, points: int
) -> None:
    odd = LANELET.format('<successor ref="2"/>').replace(changed, to)
    whole = LANELET.format("").replace('id="1"', 'id="2"')
    batch = read_logs({"log": written(tmp_path, odd, whole, obstacle())}, CONFIG)
    assert not batch.failures
    left = batch.signals["lane_points"].rows["lane_id"].to_list()
    assert (left.count("1"), left.count("2")) == (points, 2)
    assert batch.signals["lane_links"].rows.is_empty()


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param("", ("vehicle", False, None, None, None), id="plain"),
        pytest.param(
            "<laneletType>urban</laneletType><laneletType>busLane</laneletType>",
            ("bus", False, None, None, None),
            id="bus",
        ),
        pytest.param(
            "<userOneWay>bicycle</userOneWay>", ("bike", False, None, None, None), id="bicycle"
        ),
        pytest.param(
            "<laneletType>crosswalk</laneletType><laneletType>intersection</laneletType>",
            ("pedestrian", True, None, None, None),
            id="crosswalk_in_an_intersection",
        ),
        pytest.param(
            '<adjacentLeft ref="5" drivingDir="opposite"/>'
            '<adjacentRight ref="6" drivingDir="same"/>',
            ("vehicle", False, None, None, "6"),
            id="neighbours",
        ),
        pytest.param(
            "<speedLimit>13.9</speedLimit>", ("vehicle", False, 13.9, None, None), id="limit"
        ),
        pytest.param(
            "<speedLimit>none</speedLimit>", ("vehicle", False, None, None, None), id="no_number"
        ),
        pytest.param(
            '<trafficSignRef ref="30"/><trafficSignRef ref="31"/><trafficSignRef ref="32"/>',
            ("vehicle", False, 8.0, None, None),
            id="least_of_its_signs",
        ),
    ],
)
def test_lanes(tmp_path: Path, inside: str, expected: tuple[object, ...]) -> None:
    sign = (
        '<trafficSign id="{}"><trafficSignElement><trafficSignID>{}</trafficSignID>'
        "<additionalValue>{}</additionalValue></trafficSignElement></trafficSign>"
    )
    # The third is a sign of something else.
    signs = [sign.format(*it) for it in ((30, "274", 14), (31, "R2-1", 8), (32, "265", 3.8))]
    signals = commonroad.read(written(tmp_path, LANELET.format(inside), *signs), CONFIG).signals
    assert signals["lanes"].rows() == [("1", *expected)]
    assert signals["lane_points"].rows() == [
        ("1", 0, 0.0, 2.0, 0.0, 4.0, 0.0, 0.0),
        ("1", 1, 10.0, 2.0, 10.0, 4.0, 10.0, 0.0),
    ]
    corners = [("1", 0, 0.0, 0.0), ("1", 1, 10.0, 0.0), ("1", 2, 10.0, 4.0), ("1", 3, 0.0, 4.0)]
    drives = expected[0] in ("vehicle", "bus")
    assert signals["drivable_areas"].rows() == (corners if drives else [])


def test_links_and_ways_through_an_intersection(tmp_path: Path) -> None:
    through = (
        '<intersection id="9"><incoming id="8"><successorsLeft ref="1"/></incoming></intersection>'
    )
    lanelet = LANELET.format('<successor ref="3"/><successor ref="4"/>')
    signals = commonroad.read(written(tmp_path, lanelet, through), CONFIG).signals
    assert signals["lanes"]["in_intersection"].to_list() == [True]
    assert signals["lane_links"].rows() == [("1", "3", 10.0), ("1", "4", 10.0)]


def test_bounds_of_different_numbers_of_points_are_spread_evenly(tmp_path: Path) -> None:
    middle = "<point><x>9</x><y>0</y></point><point><x>10</x>"
    lanelet = (
        LANELET.format("")
        .replace("<point><x>10</x>", middle, 2)
        .replace(middle, "<point><x>10</x>", 1)
    )
    points = commonroad.read(written(tmp_path, lanelet), CONFIG).signals["lane_points"]
    assert points["left_x_m"].to_list() == [0.0, 5.0, 10.0]
    assert points["right_x_m"].to_list() == [0.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("text", "recognised"),
    [
        ('<?xml version="1.0"?><!-- a --><commonRoad timeStepSize="1"/>', True),
        ("\ufeff<commonRoad>", True),
        ("<osm><commonRoadway/></osm>", False),
        ("a <commonRoad>", False),
        ("", False),
    ],
)
def test_recognised_by_its_root(tmp_path: Path, text: str, recognised: bool) -> None:
    file = tmp_path / "scenario.xml"
    file.write_text(text, encoding="utf-8")
    assert commonroad.recognises(file) is recognised
    assert not commonroad.recognises(tmp_path)


@pytest.mark.parametrize(
    ("head", "end", "said"),
    [
        ('timeStepSize="0.1"', "<lanelet", "scenario is not well-formed XML: "),
        ("", "", "timeStepSize must be a time in seconds, got None"),
        ('timeStepSize="soon"', "", "got 'soon'"),
        ('timeStepSize="0"', "", "got '0'"),
        ('timeStepSize="nan"', "", "got 'nan'"),
        ('timeStepSize="inf"', "", "got 'inf'"),
    ],
)
def test_damaged_beyond_use(tmp_path: Path, head: str, end: str, said: str) -> None:
    with pytest.raises(UnreadableLogError, match=said):
        commonroad.read(written(tmp_path, end, head=head), CONFIG)
