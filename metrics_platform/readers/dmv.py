"""California's annual reports of autonomous mileage and disengagements: a folder of CSV files.

Source: California Department of Motor Vehicles, "Disengagement Reports"; what they must hold is in
13 CCR § 227.50. One log is the files of one reporting year, December to November.
"""

import csv
import io
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.core.frames import empty_frame
from metrics_platform.readers._dmv_columns import (
    COUNT,
    DATE,
    DISENGAGEMENTS,
    MILEAGE,
    OPERATOR,
    PERMIT,
    VEHICLE,
    columns_of,
    kind_of,
)
from metrics_platform.readers._dmv_rows import differing_counts, distances_of, interventions_of
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata
from metrics_platform.readers.hashing import file_hash
from metrics_platform.signals.reported_distances import ReportedDistances

# Enough for the names of all columns, line breaks inside of them included.
_HEAD_BYTES = 8_192


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with CSV files whose columns are those of the reports."""
    return any(kind_of(_header(file)) for file in _files(path))


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return reported distances and disengagements; miles as metres, dates as midnight UTC.

    Blank rows and columns are left out. Operators are told apart by their permits, since not every
    file spells their names alike. A disengagement whose date cannot be read is kept, on the first
    day of the report.

    Raises:
        UnreadableLogError: A file lacks a column, or no date of it can be read.
    """
    notes: list[str] = []
    parts: dict[str, list[pl.DataFrame]] = {MILEAGE: [], DISENGAGEMENTS: []}
    seen: set[str] = set()
    for file in _files(path):
        kind = kind_of(_header(file))
        if kind is None:
            notes.append(f"{file.name} is no report of mileage or disengagements")
            continue
        if (content := file_hash(file)) in seen:
            notes.append(f"{file.name} is the copy of another file, and not read")
            continue
        seen.add(content)
        table, remarks = _table(file)
        parts[kind].append(table)
        notes += remarks
    mileage, disengagements = (
        pl.concat(found, how="diagonal") if found else None for found in parts.values()
    )
    operators = _operators([table for found in parts.values() for table in found], notes)
    signals: dict[str, pl.DataFrame] = {}
    missing: dict[str, str] = {}
    if mileage is None:
        missing["reported_distances"] = "no file with the columns of a mileage report"
    else:
        signals["reported_distances"] = distances_of(mileage, operators, notes)
    if disengagements is None:
        missing["interventions"] = "no file with the columns of a disengagement report"
    else:
        reported = signals.get("reported_distances", empty_frame(ReportedDistances))
        signals["interventions"] = interventions_of(disengagements, operators, reported, notes)
    if mileage is not None and disengagements is not None and COUNT in mileage.columns:
        notes += differing_counts(mileage, disengagements)
    return LogContents(signals, missing, LogMetadata(place="California"), notes=tuple(notes))


def _operators(tables: list[pl.DataFrame], notes: list[str]) -> pl.DataFrame:
    """Return one name per permit, the first that is given: mileage comes before the others."""
    names = (
        pl.concat([table.select(PERMIT, OPERATOR) for table in tables])
        .unique(maintain_order=True)
        # No name is none to go by, as long as there is one.
        .sort(pl.col(OPERATOR) == "", maintain_order=True)
    )
    for permit, spelled in names.group_by(PERMIT, maintain_order=True):
        if len(spelled) > 1:
            notes.append(
                f"permit {permit[0]} goes by several names: {'; '.join(spelled[OPERATOR])}"
            )
    return names.unique(PERMIT, keep="first", maintain_order=True)


def _table(file: Path) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows that aren't blank as text, columns by the names that we give them."""
    raw = file.read_bytes()
    notes = []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # As spreadsheets save it on Windows.
        text = raw.decode("cp1252", errors="replace")
        notes.append(f"{file.name} is not UTF-8, and is read as Windows-1252")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    names = columns_of(header)
    filled = [
        # A row may end before the header does, or go on with blanks.
        [cell.strip() for cell in row[: len(names)]] + [""] * (len(names) - len(row))
        for row in rows
        if any(cell.strip() for cell in row)
    ]
    if blank := len(rows) - len(filled):
        notes.append(f"{file.name}: {blank} of {len(rows)} rows are blank")
    table = pl.DataFrame(
        filled,
        schema={name or f"_blank_{place}": pl.String for place, name in enumerate(names)},
        orient="row",
    )
    needed = [OPERATOR, PERMIT, VEHICLE]
    if kind_of(header) == DISENGAGEMENTS:
        needed.append(DATE)
    if lacking := [name for name in needed if name not in table.columns]:
        raise UnreadableLogError(
            f"{file.name} has no column {', '.join(lacking)}; it has {', '.join(header)}"
        )
    return table.select(name for name in names if name), notes


def _header(file: Path) -> list[str]:
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    return next(csv.reader(io.StringIO(head, newline="")), [])


def _files(path: Path) -> list[Path]:
    """Return the CSV files of a folder, mileage before disengagements where names sort so."""
    return sorted(path.glob("*.csv")) if path.is_dir() else []
