"""Golden comparison: is what is computed still what a person has looked at and accepted?

    def test_standing_of_the_harbour_drive() -> None:
        made = compute_on(frames, "standing")
        assert_golden(made, FOLDER / "standing.json", tolerances={"standing_ratio": 0.01})

The file is JSON with a row per line. It is made, or renewed, by running the test with
`METRICS_PLATFORM_ACCEPT_GOLDEN=1`; look at its diff before you commit it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from metrics_platform.checks.differences import Differences, differences
from metrics_platform.checks.value_change import DEFAULT_TOLERANCE
from metrics_platform.core import Computed, Tolerance
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.frames import grain
from metrics_platform.core.settings import ACCEPT_GOLDEN, accept_golden
from metrics_platform.testing.golden_files import Golden, golden_of, read_golden, write_golden

_ROWS_SHOWN = 5


def assert_golden(
    made: pl.DataFrame | Computed,
    path: str | Path,
    *,
    tolerances: Mapping[str, float | Tolerance] | None = None,
    key: Sequence[str] | None = None,
) -> None:
    """Compare with a golden file: columns, rows, values; of a batch outcomes and summary, too.

    Args:
        made: Rows, or a batch as `compute_on` returns it.
        path: Of the file, as a rule beside the test.
        tolerances: Column or summary name to what it may differ by; a number by itself is an
            absolute tolerance. Without one, fractions may differ in their last bits, and all else
            must be equal.
        key: Columns that tell rows apart; of a batch the grain of its schema if None. Without
            any, rows are compared in the order in which they come.

    Raises:
        AssertionError: Something differs, or there is no such file. The message says what differs
            and by how much, and how to accept it.
        UnknownNameError: `tolerances` or `key` names what isn't there.
        ConfigurationError: It is no golden file, or a column has a type that it cannot hold.
    """
    path = Path(path)
    frames, outcomes, keys = _parts(made, key)
    told = _told(path, frames, outcomes, keys, _as_tolerances(tolerances or {}, frames))
    if told and accept_golden():
        write_golden(path, golden_of(frames, outcomes))
        return
    accept = f"run the test with {ACCEPT_GOLDEN}=1"
    if told and not path.exists():
        raise AssertionError(
            f"there is no golden file {path}: {accept} to make it, and look at it before you "
            "commit it"
        )
    if told:
        lines = "\n".join(f"  {line}" for line in told)
        raise AssertionError(
            f"{path} says other than what was computed (golden -> computed):\n{lines}\n"
            f"if this is right, {accept} to renew the file"
        )


def _parts(
    made: pl.DataFrame | Computed, key: Sequence[str] | None
) -> tuple[dict[str, pl.DataFrame], dict[str, str], dict[str, Sequence[str]]]:
    """Return frames by name, what became of each log, and the key of each frame."""
    columns = made.columns if isinstance(made, pl.DataFrame) else made.rows.columns
    for name in key or ():
        if name not in columns:
            raise UnknownNameError("column", name, columns)
    if isinstance(made, pl.DataFrame):
        rows = made.sort(key, maintain_order=True) if key else made
        return {"rows": rows}, {}, {"rows": list(key or ())}
    identity = list(key or grain(made.definition.rows))
    outcomes = {
        log_id: f"{outcome.status}: {outcome.reason}" if outcome.reason else str(outcome.status)
        for log_id, outcome in sorted(made.outcomes.items())
    }
    frames = {
        "summary": made.summary.sort("log_id"),
        "rows": made.rows.sort("log_id", *identity, maintain_order=True),
    }
    return frames, outcomes, {"summary": ["log_id"], "rows": identity}


def _as_tolerances(
    given: Mapping[str, float | Tolerance], frames: Mapping[str, pl.DataFrame]
) -> dict[str, Tolerance]:
    known = {column for frame in frames.values() for column in frame.columns}
    for name in given:
        if name not in known:
            raise UnknownNameError("column or summary", name, known)
    return {
        name: value if isinstance(value, Tolerance) else Tolerance(absolute=value)
        for name, value in given.items()
    }


def _told(
    path: Path,
    frames: Mapping[str, pl.DataFrame],
    outcomes: Mapping[str, str],
    keys: Mapping[str, Sequence[str]],
    tolerances: Mapping[str, Tolerance],
) -> list[str]:
    """Return what differs, line by line; something where there is no file."""
    if not path.exists():
        return ["it isn't there"]
    golden = read_golden(path)
    if set(golden.columns) != set(frames):
        return [f"it holds {_listed(golden.columns)}, and {_listed(frames)} were computed"]
    told = [
        f"log {log_id}: {golden.outcomes.get(log_id, 'not there')} -> "
        f"{outcomes.get(log_id, 'not there')}"
        for log_id in sorted({*golden.outcomes, *outcomes})
        if golden.outcomes.get(log_id) != outcomes.get(log_id)
    ]
    for name, frame in frames.items():
        told += _columns_told(name, golden, frame)
        before = golden.frame(name, frame)
        told += _rows_told(name, before, frame.select(before.columns), keys[name], tolerances)
    return told


def _columns_told(name: str, golden: Golden, frame: pl.DataFrame) -> Iterator[str]:
    before = golden.columns[name]
    now = {column: str(dtype) for column, dtype in frame.schema.items()}
    for column in dict.fromkeys([*before, *now]):
        if before.get(column) != now.get(column):
            was, is_now = (known.get(column, "not there") for known in (before, now))
            yield f"{name}, column {column}: {was} -> {is_now}"
    if before == now and list(before) != list(now):
        yield f"{name}, order of columns: {_listed(before)} -> {_listed(now)}"


def _rows_told(
    name: str,
    before: pl.DataFrame,
    after: pl.DataFrame,
    key: Sequence[str],
    tolerances: Mapping[str, Tolerance],
) -> Iterator[str]:
    """Tell which rows came, went and changed; both frames have the same columns."""
    key = [column for column in key if column in before.columns]
    if "log_id" not in before.columns:
        before, after = (frame.with_columns(log_id=pl.lit("")) for frame in (before, after))
    logs = sorted({*before["log_id"], *after["log_id"]})
    found = differences(
        before, after, logs, key=key, tolerances=tolerances, default=DEFAULT_TOLERANCE
    )
    added, removed = found.counts.select("added", "removed").sum().row(0)
    if added or removed:
        yield f"{name}: {len(before)} rows -> {len(after)}, {added} new and {removed} gone"
        if key:
            yield from _keys_told("gone", before, after, key)
            yield from _keys_told("new", after, before, key)
    for column in found.values["column"].unique(maintain_order=True):
        yield from _values_told(name, column, found, len(after))


def _keys_told(
    word: str, frame: pl.DataFrame, other: pl.DataFrame, key: Sequence[str]
) -> Iterator[str]:
    alone = frame.join(other, on=list(key), how="anti", nulls_equal=True, maintain_order="left")
    for row in alone.select(key).head(_ROWS_SHOWN).iter_rows(named=True):
        yield f"  {word}: {_where(row)}"


def _values_told(name: str, column: str, found: Differences, rows: int) -> Iterator[str]:
    values = found.values.filter(pl.col("column") == column)
    absolute, relative = values.select(pl.col("absolute", "relative").max()).row(0)
    size = f", by up to {absolute:.6g}" if absolute is not None else ""
    size += f" ({relative:.3g} of the value)" if relative is not None else ""
    yield f"{name}, column {column}: {len(values)} of {rows} rows differ{size}"
    most = values.sort("score", descending=True, maintain_order=True)["at"]
    for at in most.head(_ROWS_SHOWN):
        was, now = found.values_at(at, column)
        yield f"  {_where(found.key_at(at))}: {_shown(was)} -> {_shown(now)}"
    if len(most) > _ROWS_SHOWN:
        yield f"  and {len(most) - _ROWS_SHOWN} more"


def _where(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in key.items() if value != "")


def _shown(value: object) -> str:
    if isinstance(value, pl.Series):
        value = value.to_list()
    return "null" if value is None else str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
