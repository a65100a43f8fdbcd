"""States in lanes, of which a test says only what it is about."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.ego_lanes import EgoLanes
from metrics_platform.signals.lane_crossings import LaneCrossings
from metrics_platform_tests.data import data_path

STEP_NS = 100_000_000
# What is of the lane: null off all lanes.
_OF_LANE = (
    "in_intersection", "speed_limit_mps", "outside_m", "along_m", "offset_m", "width_m",
    "left_margin_m", "right_margin_m", "heading_rad", "beside_last_m", "along_mps",
    "against_direction",
)  # fmt: skip


def ego_lanes_of(rows: int, **columns: object) -> pl.DataFrame:
    """Return so many states 0.1 s apart, in the middle of lane `a`, 1 m from its bounds.

    What isn't said is 0 or false. A state whose `lane_id` is None is off all lanes.
    """
    usual: Mapping[str, object] = {
        "log_id": "log",
        "timestamp_ns": [i * STEP_NS for i in range(rows)],
        "lane_id": "a",
        "in_intersection": False,
        "speed_limit_mps": None,
        "width_m": 3.5,
        "left_margin_m": 1.0,
        "right_margin_m": 1.0,
        "against_direction": False,
        "beside_last_m": None,
    }
    schema = polars_schema(EgoLanes)
    assert set(columns) <= set(schema)
    values = {**dict.fromkeys(schema, 0), **usual, **columns}
    data = {
        name: values[name] if isinstance(values[name], list) else [values[name]] * rows
        for name in schema
    }
    on_lane = pl.col("lane_id").is_not_null()
    return pl.DataFrame(data, schema=schema, strict=False).with_columns(
        pl.when(on_lane).then(pl.col(name)).alias(name) for name in _OF_LANE
    )


def crossings_of(rows: int, **columns: object) -> pl.DataFrame:
    """Return so many whole crossings of 1 s and back, 0.1 m deep, that begin 0.1 s apart."""
    usual: Mapping[str, object] = {
        "log_id": "log",
        "start_ns": [i * STEP_NS for i in range(rows)],
        "duration_s": 1.0,
        "from_lane_id": "a",
        "to_lane_id": "b",
        "side": "left",
        "whole": True,
        "depth_m": 0.1,
    }
    schema = polars_schema(LaneCrossings)
    assert set(columns) <= set(schema)
    values = {**dict.fromkeys(schema, 0), **usual, **columns}
    data = {
        name: values[name] if isinstance(values[name], list) else [values[name]] * rows
        for name in schema
    }
    return pl.DataFrame(data, schema=schema, strict=False)


def commonroad_drive(folder: Path, name: str, ego: str, **replaced: str) -> dict[str, pl.DataFrame]:
    """Return the recorded signals of a CommonRoad scenario, with one of its cars as the ego.

    Args:
        folder: Where the scenario is copied to.
        name: Of the scenario.
        ego: Id of the car.
        **replaced: `old` and `new` text of the scenario.
    """
    text = data_path("commonroad", f"{name}.xml").read_text()
    if replaced:
        assert replaced["old"] in text
        text = text.replace(replaced["old"], replaced["new"])
    (folder / "drive.xml").write_text(text)
    (folder / "drive.log.json").write_text(json.dumps({"ego_track_id": ego}))
    batch = read_logs({"drive": folder / "drive.xml"}, ReaderConfig())
    assert not batch.failures
    return {signal: made.rows for signal, made in batch.signals.items() if len(made.rows)}


@cache
def sumo_drives() -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Return recorded signals of every SUMO vehicle as the ego of a log, and where SUMO saw it.

    The latter by `log_id`, `timestamp_ns`: the lane of its front bumper, and the place along it.
    """
    batch = read_logs({"sumo": data_path("sumo")}, ReaderConfig())
    recorded = {name: made.rows for name, made in batch.signals.items()}
    tracks = recorded["tracks"].with_columns(log_id="track_id")
    logs = tracks.group_by("log_id").agg(pl.col("length_m", "width_m").first())
    speed = (pl.col("velocity_x_mps") ** 2 + pl.col("velocity_y_mps") ** 2).sqrt()
    frames = {
        "ego_poses": tracks.select(
            "log_id", "timestamp_ns", "x_m", "y_m", "z_m", "heading_rad",
            longitudinal_velocity_mps=speed,
            lateral_velocity_mps=pl.lit(0.0),
            yaw_rate_radps=pl.lit(None, pl.Float64),
        ),
        "recordings": recorded["recordings"].drop("log_id").join(logs, how="cross").with_columns(
            has_ego=True, ego_length_m="length_m", ego_width_m="width_m", ego_center_offset_m=0.0
        ).select(recorded["recordings"].columns),
    }  # fmt: skip
    for name in ("lanes", "lane_points"):
        everywhere = recorded[name].drop("log_id").join(logs, how="cross")
        frames[name] = everywhere.select(recorded[name].columns)
    seen = recorded["lane_positions"].select(
        "timestamp_ns", "position_m", log_id="track_id", lane_seen="lane_id"
    )
    return frames, seen
