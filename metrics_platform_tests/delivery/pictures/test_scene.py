"""What stands and moves in a log, as arrays; and the part of it that is looked at."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from metrics_platform.core.frames import empty_frame
from metrics_platform.delivery.pictures.moments import Event
from metrics_platform.delivery.pictures.scene import Body, scene_of
from metrics_platform.delivery.pictures.view import place_of, view_of
from metrics_platform.signals.ego_poses import EgoPoses
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.families import named_log
from metrics_platform.testing.scenarios import CAR
from metrics_platform.testing.synthetic import scenario

FRAMES = scenario("cut_in")
TURNED = Body("b", "car", np.array([0.0, 1.0]), np.array([(0.0, 0.0), (4.0, 0.0)]),
              np.array([0.0, math.pi / 2]), length_m=4.0, width_m=2.0)  # fmt: skip


def test_the_box_of_the_ego_is_around_its_centre_and_not_its_origin() -> None:
    scene = scene_of(FRAMES, "cut_in")

    assert scene.ego is not None
    assert scene.ego.at(2.0) == pytest.approx((2 * 15.0 + CAR.center_offset_m, 0.0, 0.0))
    assert (scene.ego.length_m, scene.ego.width_m) == (CAR.length_m, CAR.width_m)
    assert scene.duration_s == pytest.approx(10.0)
    assert [body.name for body in scene.bodies] == ["ego", "000"]


def test_a_box_turns_with_its_heading() -> None:
    corners = TURNED.corners(1.0)

    assert corners is not None
    # Looking along y: the front left corner is at smaller x and greater y.
    assert corners == pytest.approx(np.array([(3, 2), (3, -2), (5, -2), (5, 2)]))


@pytest.mark.parametrize(("time_s", "seen"), [(-0.4, True), (-0.6, False), (1.4, True), (9, False)])
def test_nobody_is_where_nobody_was_seen(time_s: float, seen: bool) -> None:
    assert (TURNED.at(time_s) is not None) is seen


def test_an_ego_of_unknown_size_is_a_guess_by_its_speed() -> None:
    unknown = {
        name: frame.with_columns(ego_length_m=pl.lit(None, pl.Float64)) if name == "recordings"
        else frame
        for name, frame in {**FRAMES, **scenario("sidewalk", log_id="robot")}.items()
    }  # fmt: skip
    car = scene_of({**unknown, "ego_poses": FRAMES["ego_poses"]}, "cut_in").ego
    robot = scene_of(unknown, "robot").ego

    assert car is not None
    assert robot is not None
    assert not robot.box_known
    assert car.length_m > 4 > 1 > robot.length_m


def test_one_source_of_tracks_is_drawn_and_the_others_are_told() -> None:
    frames = named_log("cut_in")

    usual, asked = scene_of(frames, "cut_in"), scene_of(frames, "cut_in", "tracker")

    assert (usual.source, usual.other_sources) == ("annotation", ["tracker"])
    assert (asked.source, asked.other_sources) == ("tracker", ["annotation"])
    assert len(asked.others) == 1
    assert len(usual.lanes) > 0
    assert len(usual.areas_m) > 0


def test_a_log_with_nothing_in_space_is_an_empty_scene() -> None:
    frames = {"recordings": FRAMES["recordings"], "ego_poses": empty_frame(EgoPoses),
              "tracks": empty_frame(Tracks)}  # fmt: skip

    scene = scene_of(frames, "cut_in")

    assert scene.bodies == []
    assert scene_of({}, "cut_in").duration_s == 0.0
    assert scene.duration_s == pytest.approx(10.0)


@pytest.mark.parametrize("heading_rad", [0.0, 2.0, -3.0])
def test_the_view_has_the_ego_drive_to_the_right(heading_rad: float) -> None:
    scene = scene_of(FRAMES, "cut_in")
    assert scene.ego is not None
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    turn = np.array([(cos, sin), (-sin, cos)])
    ego = replace(scene.ego, path_m=scene.ego.path_m @ turn + (100.0, -50.0),
                  heading_rad=scene.ego.heading_rad + heading_rad)  # fmt: skip
    scene = replace(scene, ego=ego, others=[])

    view = view_of(scene, None, 5.0)
    seen = view.seen(ego.path_m)

    assert np.abs(seen[:, 1]).max() < 1e-6
    assert (np.diff(seen[:, 0]) > 0).all()
    # The ego itself is the origin, and what it drives around that moment is within sight.
    assert view.seen(np.array([ego.at(5.0)[:2]])) == pytest.approx(np.zeros((1, 2)))  # type: ignore[index]
    assert view.holds(seen[np.abs(ego.times_s - 5.0) < 3.9])
    assert view.size_m[0] >= 2 * 3.9 * 15.0


def test_an_event_is_where_its_row_says_or_where_its_actor_was() -> None:
    scene = scene_of(FRAMES, "cut_in")
    event = Event(1, 2.0, 2.0, 2.0, {"actor_id": "ego"})

    assert place_of(scene, event) == pytest.approx(np.array([30.0 + CAR.center_offset_m, 0.0]))
    told = replace(event, row={"x_m": 7.0, "y_m": 8.0})
    assert place_of(scene, told) == pytest.approx(np.array([7.0, 8.0]))
    assert place_of(replace(scene, ego=None), replace(event, row={})) is None
