"""Traffic simulated by SUMO: its floating car data, and the files that say more about it.

Source: Alvarez Lopez et al., "Microscopic Traffic Simulation using SUMO", IEEE ITSC 2018; file
formats after the documentation of Eclipse SUMO 1.28.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.readers._sumo_net import read_net
from metrics_platform.readers._sumo_types import DEFAULT, Size, declared_sizes
from metrics_platform.readers._sumo_xml import Attributes, root_of, walk
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents

_PARQUET_MAGIC = b"PAR1"
# Of a road user in floating car data: as XML attributes, and in Parquet behind `vehicle_`.
_NEEDED = ("id", "x", "y", "angle", "speed")
_OPTIONAL = {"z": pl.Float64, "type": pl.String, "lane": pl.String, "pos": pl.Float64,
             "acceleration": pl.Float64, "length": pl.Float64, "width": pl.Float64}  # fmt: skip
_KINDS = {"vehicle": "DEFAULT_VEHTYPE", "person": "DEFAULT_PEDTYPE"}
_SOURCE = "simulation"
_NO_EGO = "a recording of traffic has no ego"


def recognises(path: Path) -> bool:
    """Say whether `path` is floating car data of SUMO, or a folder with such a file."""
    return any(_is_fcd(file) for file in _files(path))


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return all road users as tracks, their places in the lanes, and the network.

    SUMO's x, y is the middle of the front bumper, and its angle is clockwise from north: tracks
    have the centre of the box, and a heading counter-clockwise from the x axis. Velocity is along
    the heading. Sizes are those of the data, else of the vehicle types in the route files, else
    SUMO's defaults.

    Raises:
        UnreadableLogError: A file is damaged or lacks a column.
    """
    roots = {file: _root(file) for file in _files(path)}
    recorded = [file for file, root in roots.items() if root == "fcd-export"]
    notes = [f"{file.name} is not read: one log has one floating car data" for file in recorded[1:]]
    table, truncated = _floating_car_data(recorded[0])
    sizes = declared_sizes(f for f, root in roots.items() if root in ("routes", "additional"))
    users = _sized(table, sizes, notes)
    missing = dict.fromkeys(("ego_poses", "vehicle_speeds"), _NO_EGO)
    signals = {"tracks": _tracks(users)}
    placed = users.filter(pl.col("lane").str.len_chars() > 0, pl.col("pos").is_not_null())
    if len(placed):
        signals["lane_positions"] = placed.select(
            "timestamp_ns",
            source=pl.lit(_SOURCE),
            track_id="id",
            lane_id="lane",
            position_m="pos",
        )
    else:
        missing["lane_positions"] = "the floating car data have no lane and position"
    nets = [file for file, root in roots.items() if root == "net"]
    notes += [f"{file.name} is not read: one log has one network" for file in nets[1:]]
    if nets:
        signals |= read_net(nets[0])
    else:
        reason = "there is no net.xml beside the floating car data"
        missing |= dict.fromkeys(("lanes", "lane_points", "lane_links"), reason)
    return LogContents(signals, missing, has_ego=False, truncated=truncated, notes=tuple(notes))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file())
    return [path] if path.is_file() else []


def _is_fcd(file: Path) -> bool:
    return _root(file) == "fcd-export"


def _root(file: Path) -> str | None:
    """Return the root element of an XML file; that which a Parquet file stands for."""
    with file.open("rb") as opened:
        magic = opened.read(len(_PARQUET_MAGIC))
    if magic != _PARQUET_MAGIC:
        return root_of(file)
    try:
        names = pl.read_parquet_schema(file)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return "fcd-export" if {"timestep_time", "vehicle_id"} <= set(names) else None


def _floating_car_data(file: Path) -> tuple[pl.DataFrame, bool]:
    """Return one row per moment and road user, and whether the file was cut off."""
    with file.open("rb") as opened:
        parquet = opened.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    table, truncated = (_from_parquet(file), False) if parquet else _from_xml(file)
    if lacking := [name for name in _NEEDED if name not in table.columns]:
        raise UnreadableLogError(f"{file.name}: its vehicles have no {', '.join(lacking)}")
    numbers = [name for name in _NEEDED[1:]] + [n for n, t in _OPTIONAL.items() if t.is_float()]
    absent = [pl.lit(None, t).alias(n) for n, t in _OPTIONAL.items() if n not in table.columns]
    try:
        table = table.with_columns(absent).with_columns(
            pl.col("time", *numbers).cast(pl.Float64), pl.col("type", "lane").cast(pl.String)
        )
    except pl.exceptions.PolarsError as error:
        raise UnreadableLogError(f"{file.name}: a value is no number: {error}") from error
    return (
        table.with_columns(
            timestamp_ns=(pl.col("time") * 1e9).round().cast(pl.Int64, strict=False)
        ),
        truncated,
    )


def _from_parquet(file: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableLogError(f"{file.name} is not a readable Parquet file: {error}") from error
    parts = []
    for kind in _KINDS:
        if f"{kind}_id" in table.columns:
            own = [name for name in table.columns if name.startswith(f"{kind}_")]
            part = table.select(*own, time="timestep_time", kind=pl.lit(kind))
            parts.append(
                part.rename({name: name.removeprefix(f"{kind}_") for name in own}).filter(
                    pl.col("id").is_not_null()
                )
            )
    return pl.concat(parts, how="diagonal_relaxed")


def _from_xml(file: Path) -> tuple[pl.DataFrame, bool]:
    names = ("time", "kind", *_NEEDED, *_OPTIONAL)
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    time: list[str | None] = [None]

    def start(name: str, given: Attributes) -> None:
        if name == "timestep":
            time[0] = given.get("time")
        elif name in _KINDS:
            columns["time"].append(time[0])
            columns["kind"].append(name)
            for key in names[2:]:
                columns[key].append(given.get(key))

    truncated = walk(file, start)
    return pl.DataFrame(columns, dict.fromkeys(names, pl.String)), truncated


def _sized(table: pl.DataFrame, declared: Mapping[str, Size], notes: list[str]) -> pl.DataFrame:
    """Fill in type and size of each road user, and note whose size nobody says."""
    usual = pl.col("kind").replace_strict(_KINDS, return_dtype=pl.String)
    users = table.with_columns(type=pl.col("type").fill_null(usual))
    unknown = sorted(set(users["type"].unique()) - set(declared))
    if unknown:
        notes.append(
            f"tracks: nobody says how large the types {', '.join(unknown)} are; taken for SUMO's "
            f"default car, {DEFAULT.length_m} x {DEFAULT.width_m} x {DEFAULT.height_m} m"
        )
    sizes = _table_of({**dict.fromkeys(unknown, DEFAULT), **declared}.items())
    return users.join(sizes, on="type", how="left", maintain_order="left").with_columns(
        length_m=pl.col("length").fill_null(pl.col("length_m")),
        width_m=pl.col("width").fill_null(pl.col("width_m")),
    )


def _table_of(sizes: Iterable[tuple[str, Size]]) -> pl.DataFrame:
    rows = [(name, size.length_m, size.width_m, size.height_m) for name, size in sizes]
    return pl.DataFrame(
        rows,
        {"type": pl.String, "length_m": pl.Float64, "width_m": pl.Float64, "height_m": pl.Float64},
        orient="row",
    )


def _tracks(users: pl.DataFrame) -> pl.DataFrame:
    heading = wrapped(math.pi / 2 - pl.col("angle").radians())
    behind = pl.col("length_m") / 2
    return users.with_columns(heading_rad=heading).select(
        "timestamp_ns",
        source=pl.lit(_SOURCE),
        track_id="id",
        category="type",
        x_m=pl.col("x") - behind * pl.col("heading_rad").cos(),
        y_m=pl.col("y") - behind * pl.col("heading_rad").sin(),
        z_m=pl.col("z").fill_null(0.0) + pl.col("height_m") / 2,
        heading_rad="heading_rad",
        length_m="length_m",
        width_m="width_m",
        height_m="height_m",
        velocity_x_mps=pl.col("speed") * pl.col("heading_rad").cos(),
        velocity_y_mps=pl.col("speed") * pl.col("heading_rad").sin(),
        acceleration_mps2="acceleration",
    )
