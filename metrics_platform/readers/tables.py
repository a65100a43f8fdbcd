"""A folder of tables named after recorded signals: for teams whose format no reader knows.

    drive-17/
      ego_poses.parquet        timestamp_ns, x_m, y_m, z_m, heading_rad, …
      interventions.feather    timestamp_ns, intervention_id, kind, …
      log.json                 {"vehicle": "car-3", "ego_length_m": 4.6, …}

Columns are those of the signal's schema. Nullable ones may be absent, `log_id` may be there or not.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from metrics_platform.core.definitions import Signal
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.core.frames import grain, polars_schema
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import SIDECAR, LogContents
from metrics_platform.readers.formats import recorded_signals

_LOG = "log_id"
# What is known of the log as a whole is said in `log.json`, and found in the other tables.
_NO_TABLE = "recordings"
_PARQUET, _ARROW = ".parquet", (".feather", ".arrow")


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with a table that has a recorded signal's name and key."""
    return any(_has_key(file, signal) for file, signal in _tables(path).items())


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return the signals that there are tables of, rows in the order of time.

    A drive whose poses got lost looks like traffic without an ego, and would be judged by what
    others did to one another: only `"has_ego": false` in `log.json` makes it traffic.

    Raises:
        UnreadableLogError: A table is damaged, lacks a column or has one of another type, is of
            several logs, or of a signal that another table is of.
    """
    tables = _tables(path)
    signals: dict[str, pl.DataFrame] = {}
    logs: set[str] = set()
    others = [
        file.name for file in sorted(path.iterdir()) if file not in tables and file.name != SIDECAR
    ]
    notes = [f"not the table of a recorded signal, and not read: {', '.join(others)}"]
    for file, signal in tables.items():
        if signal.name in signals:
            raise UnreadableLogError(f"{file.name} is a second table of {signal.name}")
        signals[signal.name], unknown, named = _read(file, signal)
        logs |= named
        if len(logs) > 1:
            raise UnreadableLogError(
                f"{file.name}: {_LOG} must be the same in all tables, got {', '.join(sorted(logs))}"
            )
        if unknown:
            notes.append(f"{file.name}: unknown columns are ignored: {', '.join(unknown)}")
    return LogContents(
        signals,
        {name: f"no table {name}" for name in recorded_signals() if name not in signals},
        notes=tuple(notes[not others :]),
    )


def _tables(path: Path) -> Mapping[Path, Signal]:
    """Return the files of a folder that are named after a recorded signal."""
    if not path.is_dir():
        return {}
    signals = recorded_signals()
    return {
        file: signals[file.stem]
        for file in sorted(path.iterdir())
        if file.suffix in (_PARQUET, *_ARROW)
        and file.stem in signals
        and file.stem != _NO_TABLE
        and file.is_file()
    }


def _has_key(file: Path, signal: Signal) -> bool:
    try:
        return {*grain(signal.rows)} - {_LOG} <= {*_scan(file).collect_schema()}
    except (OSError, pl.exceptions.PolarsError):
        return False


def _read(file: Path, signal: Signal) -> tuple[pl.DataFrame, list[str], set[str]]:
    """Return the rows of a table as the schema wants them, the columns it doesn't know, its log."""
    schema = polars_schema(signal.rows)
    columns = signal.rows.to_schema().columns
    try:
        table = _scan(file).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableLogError(f"{file.name} is not a readable table: {error}") from error
    needed = [name for name in schema if name != _LOG and not columns[name].nullable]
    if lacking := [name for name in needed if name not in table.columns]:
        raise UnreadableLogError(
            f"{file.name} lacks {', '.join(lacking)}; expected {', '.join(needed)}, "
            f"got {', '.join(table.columns)}"
        )
    logs = set(table[_LOG].unique().to_list()) if _LOG in table.columns else set()
    if len(logs) > 1:
        raise UnreadableLogError(
            f"{file.name}: {_LOG} must be the same in all rows, got {len(logs)} different ones"
        )
    known = [name for name in schema if name != _LOG and name in table.columns]
    rows = table.select(_typed(file, table[name], schema[name]) for name in known)
    if "timestamp_ns" in known:
        # A table made afterwards: the order of its rows says nothing about the clock.
        rows = rows.sort("timestamp_ns", maintain_order=True)
    unknown = [name for name in table.columns if name not in (*known, _LOG)]
    return rows, unknown, {str(log) for log in logs if log is not None}


def _typed(file: Path, column: pl.Series, wanted: pl.DataType) -> pl.Series:
    """Return a column in the type of the schema, where that loses nothing."""
    given = column.dtype
    fits = (
        given in (wanted, pl.Null)
        or (wanted.is_float() and given.is_numeric())
        or (wanted.is_integer() and given.is_integer())
        or (wanted == pl.String and given in (pl.Categorical, pl.Enum))
    )
    try:
        if fits:
            return column.cast(wanted)
    except pl.exceptions.InvalidOperationError as error:
        raise UnreadableLogError(f"{file.name}, column {column.name}: {error}") from error
    raise UnreadableLogError(
        f"{file.name}: column {column.name} must be {wanted}, got {given}"
        + (", and integers of nanoseconds are no dates" if given.is_temporal() else "")
    )


def _scan(file: Path) -> pl.LazyFrame:
    scan = pl.scan_parquet if file.suffix == _PARQUET else pl.scan_ipc
    # The name of a folder is no pattern, nor does `a=1` in it make a column.
    return scan(file, glob=False, hive_partitioning=False)
