"""Argoverse 2 motion forecasting scenarios: a folder with a Parquet file, a map, predictions.

Source: Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and
Forecasting", NeurIPS Datasets and Benchmarks 2021; columns after argoverse/av2-api:
`scenario_serialization`, and for predictions `ChallengeSubmission`.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.kernels.geometry import in_axes_of
from metrics_platform.readers._argoverse2_map import map_signals
from metrics_platform.readers._argoverse2_vehicle import (
    EGO_CENTER_OFFSET_M,
    EGO_LENGTH_M,
    EGO_WIDTH_M,
)
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata

_SCENARIO = frozenset({
    "observed", "track_id", "object_type", "object_category", "timestep", "position_x",
    "position_y", "heading", "velocity_x", "velocity_y", "scenario_id", "start_timestamp",
    "focal_track_id", "city",
})  # fmt: skip
_PREDICTIONS = frozenset(
    {"scenario_id", "track_id", "probability", "predicted_trajectory_x", "predicted_trajectory_y"}
)
_PARQUET_MAGIC = b"PAR1"
_MAP = "log_map_archive_*.json"
_MAP_SIGNALS = ("lanes", "lane_points", "drivable_areas")
_STEP_NS = 100_000_000
_AV = "AV"
# av2's `TrackCategory`.
_SCORED, _FOCAL = 2, 3


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with a Parquet file that has a scenario's columns."""
    return path.is_dir() and any(_columns(file) >= _SCENARIO for file in path.glob("*.parquet"))


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return the tracks, the vehicle's poses, the map, whose future is asked for, and predictions.

    The moment of prediction is the last observed one. Each Parquet file in the format of a
    submission is a predictor, named like the file. The vehicle's own track is taken for that of
    its origin, the rear axle: in a real scenario it moves sideways by -0.3 m per radian that it
    turns, where the rear axle moves by 0 and the centre of the box by 1.3 m.

    Raises:
        UnreadableLogError: A file is damaged, or there is more than one scenario.
    """
    files = sorted(path.glob("*.parquet"))
    scenarios = [file for file in files if _columns(file) >= _SCENARIO]
    if len(scenarios) != 1:
        names = ", ".join(file.name for file in scenarios)
        raise UnreadableLogError(f"expected one scenario in the folder, got {names}")
    states = _table(scenarios[0]).with_columns(
        timestamp_ns=pl.col("start_timestamp").cast(pl.Int64) + pl.col("timestep") * _STEP_NS
    )
    now = pl.lit(states.filter("observed")["timestamp_ns"].max(), pl.Int64)
    others = states.filter(pl.col("track_id") != _AV)
    signals = {
        "tracks": _tracks(others),
        "forecast_targets": _targets(others).with_columns(timestamp_ns=now),
    }
    missing = {"vehicle_speeds": "Argoverse 2 records no speed from the wheels"}
    own = states.filter(pl.col("track_id") == _AV)
    if len(own):
        signals["ego_poses"] = _ego_poses(own)
    else:
        missing["ego_poses"] = f"no track {_AV} in the scenario"
    maps = sorted(path.glob(_MAP))
    if maps:
        signals |= map_signals(maps[0])
    else:
        missing |= dict.fromkeys(_MAP_SIGNALS, f"no {_MAP} in the folder")
    submissions = [file for file in files if _columns(file) >= _PREDICTIONS]
    predictions = _predictions(submissions, states["scenario_id"][0])
    if len(predictions):
        signals["predicted_trajectories"] = predictions.with_columns(
            timestamp_ns=now, at_ns=now + (pl.col("step_index") + 1) * _STEP_NS
        )
    elif submissions:
        missing["predicted_trajectories"] = "no submission predicts anybody of this scenario"
    else:
        missing["predicted_trajectories"] = "no submission (*.parquet) in the folder"
    return LogContents(
        signals,
        missing,
        LogMetadata(
            place=states["city"][0],
            ego_length_m=EGO_LENGTH_M,
            ego_width_m=EGO_WIDTH_M,
            ego_center_offset_m=EGO_CENTER_OFFSET_M,
        ),
        notes=(
            "tracks have no boxes: length, width and height are 0, distances are to centres",
            "poses and tracks have no height: z is 0",
        ),
    )


def _columns(file: Path) -> set[str]:
    """Return the columns of a Parquet file; none if it is something else."""
    if not file.is_file():
        return set()
    with file.open("rb") as opened:
        if opened.read(len(_PARQUET_MAGIC)) != _PARQUET_MAGIC:
            return set()
    try:
        return set(pl.read_parquet_schema(file))
    except (OSError, pl.exceptions.PolarsError):
        return set()


def _table(file: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableLogError(f"{file.name} is not a readable Parquet file: {error}") from error
    if table.is_empty():
        raise UnreadableLogError(f"{file.name} has not a single row")
    return table


def _ego_poses(states: pl.DataFrame) -> pl.DataFrame:
    forward, left = in_axes_of(pl.col("heading"), pl.col("velocity_x"), pl.col("velocity_y"))
    return states.sort("timestamp_ns").select(
        "timestamp_ns",
        x_m="position_x",
        y_m="position_y",
        z_m=pl.lit(0.0),
        heading_rad="heading",
        longitudinal_velocity_mps=forward,
        lateral_velocity_mps=left,
    )


def _tracks(states: pl.DataFrame) -> pl.DataFrame:
    unknown = {name: pl.lit(0.0) for name in ("z_m", "length_m", "width_m", "height_m")}
    # Track by track in the file: the order of its rows says nothing about the clock.
    return states.sort("timestamp_ns", maintain_order=True).select(
        "timestamp_ns",
        "track_id",
        source=pl.lit("annotation"),
        category="object_type",
        x_m="position_x",
        y_m="position_y",
        heading_rad="heading",
        velocity_x_mps="velocity_x",
        velocity_y_mps="velocity_y",
        **unknown,
    )


def _targets(states: pl.DataFrame) -> pl.DataFrame:
    asked = pl.col("object_category").is_in([_SCORED, _FOCAL])
    return (
        states.filter(asked)
        .unique("track_id", keep="first", maintain_order=True)
        .select("track_id", focal=pl.col("track_id") == pl.col("focal_track_id"))
    )


def _predictions(files: Iterable[Path], scenario_id: str) -> pl.DataFrame:
    """Return the predictions for a scenario, all but their times; modes in the order of rows."""
    places = ("predicted_trajectory_x", "predicted_trajectory_y")
    parts = [_PLACES.to_frame()]
    for file in files:
        modes = _table(file).cast({"scenario_id": pl.String, "track_id": pl.String})
        modes = modes.filter(pl.col("scenario_id") == scenario_id)
        # One that is absent has no length to compare.
        x_count, y_count = (pl.col(name).list.len().fill_null(0) for name in places)
        uneven = modes.filter(x_count != y_count)
        if len(uneven):
            raise UnreadableLogError(
                f"{file.name}: {len(uneven)} of {len(modes)} trajectories have not as many x as y"
            )
        parts.append(
            modes.select(
                source=pl.lit(file.stem),
                track_id=pl.when(pl.col("track_id") == _AV)
                .then(pl.lit("ego"))
                .otherwise("track_id"),
                mode_index=pl.int_range(pl.len()).over("track_id"),
                step_index=pl.int_ranges(pl.col(places[0]).list.len()),
                x_m=places[0],
                y_m=places[1],
                probability_ratio="probability",
            )
            .filter(pl.col("x_m").list.len() > 0)
            .explode("step_index", "x_m", "y_m")
            .cast(_PLACES)
        )
    return pl.concat(parts)


_PLACES = pl.Schema(
    {
        "source": pl.String(),
        "track_id": pl.String(),
        "mode_index": pl.Int64(),
        "step_index": pl.Int64(),
        "x_m": pl.Float64(),
        "y_m": pl.Float64(),
        "probability_ratio": pl.Float64(),
    }
)
