"""nuplan-devkit's test scenes as frames, and the statistics that they say to expect."""

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.expert_poses import ExpertPoses
from metrics_platform.signals.tracks import Tracks
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import ego_states_of

# Chrysler Pacifica, `get_pacifica_parameters`; poses in the scenes are of the rear axle.
PACIFICA = {"ego_length_m": 5.176, "ego_width_m": 2.297, "ego_center_offset_m": 1.461}


@dataclass(frozen=True)
class Scene:
    """One scene: the ego's states, the road users, an expert's poses, what is expected.

    `expected` has the statistics in their order, since nuPlan names several of them alike;
    `statistics` the last one of each name.
    """

    ego_states: pl.DataFrame
    tracks: pl.DataFrame
    expert_poses: pl.DataFrame
    expected: list[tuple[str, Any]]
    values: list[float]

    @property
    def statistics(self) -> dict[str, Any]:
        return dict(self.expected)


def scene(name: str) -> Scene:
    content = json.loads(data_path("nuplan_cases", f"{name}.json").read_text())
    states = [content["ego"], *content.get("ego_future_states", [])]
    worlds = [content["world"], *content.get("world_future_states", [])]
    expected = content["expected"]
    # Metrics of several horizons have a list of results, of which the scene gives one.
    expected = expected[0] if isinstance(expected, list) else expected
    return Scene(
        ego_states=_ego_states(states),
        tracks=pl.concat(
            _tracks(world, state["time_us"] * 1_000)
            for world, state in zip(worlds, states, strict=True)
        ),
        expert_poses=_expert_poses(content.get("expert_ego_states", [])),
        expected=[(name, value) for name, value in expected["statistics"]],
        values=expected.get("time_series", {}).get("values", []),
    )


def _expert_poses(states: list[dict[str, Any]]) -> pl.DataFrame:
    rows = [("log", state["time_us"] * 1_000, *map(float, state["pose"])) for state in states]
    return pl.DataFrame(rows, schema=polars_schema(ExpertPoses), orient="row")


def _ego_states(states: list[dict[str, Any]]) -> pl.DataFrame:
    def column(name: str, index: int) -> list[float]:
        return [float(state[name][index]) for state in states]

    forward, left = column("velocity", 0), column("velocity", 1)
    return ego_states_of(
        len(states),
        timestamp_ns=[state["time_us"] * 1_000 for state in states],
        x_m=column("pose", 0),
        y_m=column("pose", 1),
        heading_rad=[
            math.remainder(heading, 2 * math.pi) if heading < math.pi else -math.pi
            for heading in column("pose", 2)
        ],
        longitudinal_velocity_mps=forward,
        lateral_velocity_mps=left,
        speed_mps=[math.hypot(*velocity) for velocity in zip(forward, left, strict=True)],
        longitudinal_acceleration_mps2=column("acceleration", 0),
        lateral_acceleration_mps2=column("acceleration", 1),
        **PACIFICA,
    )


def _tracks(world: dict[str, list[dict[str, Any]]], timestamp_ns: int) -> pl.DataFrame:
    rows = []
    for vehicle in itertools.chain(*world.values()):
        x_m, y_m, heading = vehicle["box"]["pose"]
        width, length = vehicle["box"]["size"]
        rows.append(
            {
                "log_id": "log",
                "timestamp_ns": timestamp_ns,
                "source": "simulation",
                "track_id": str(vehicle["id"]),
                "category": vehicle["type"],
                "x_m": x_m,
                "y_m": y_m,
                "z_m": 0.0,
                "heading_rad": heading,
                "length_m": length,
                "width_m": width,
                "height_m": 1.5,
                "velocity_x_mps": vehicle["speed"] * math.cos(heading),
                "velocity_y_mps": vehicle["speed"] * math.sin(heading),
            }
        )
    return pl.DataFrame(rows, schema=polars_schema(Tracks))
