"""Text files of boxes in images, a line a box, as tracking benchmarks exchange them.

A log is a folder with the annotation in `gt.txt` (or `ground_truth.txt`, or `gt/gt.txt` as
MOTChallenge has it) and a text file for each tracker, whose name becomes the source.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError

_ANNOTATION = "annotation"
_ANNOTATED = frozenset({"gt", "ground_truth", _ANNOTATION})
# MOTChallenge keeps the annotation and the detections in folders of their own.
_PATTERNS = ("*.txt", "gt/gt.txt", "det/det.txt")
_HEAD_BYTES = 4_096


def files_in(path: Path) -> dict[str, Path]:
    """Return the text files of the folder by what they are a source of, in alphabetical order.

    Raises:
        UnreadableLogError: Two of them are the same source.
    """
    found: dict[str, Path] = {}
    for file in sorted(file for pattern in _PATTERNS for file in path.glob(pattern)):
        source = _ANNOTATION if file.stem in _ANNOTATED else file.stem
        if source in found:
            raise UnreadableLogError(
                f"{file.relative_to(path)} and {found[source].relative_to(path)} are both "
                f"the source {source!r}: expected one file for each"
            )
        found[source] = file
    return dict(sorted(found.items()))


def any_begins_with(path: Path, line: re.Pattern[str]) -> bool:
    """Say whether a text file of the folder has a first line of this form."""
    return path.is_dir() and any(
        line.fullmatch(_first_line(file)) for pattern in _PATTERNS for file in path.glob(pattern)
    )


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(_HEAD_BYTES).decode("utf-8", errors="replace")
    return text.strip().partition("\n")[0].strip()


def table(
    file: Path, separator: str, columns: Sequence[str], least: int, texts: Sequence[str] = ()
) -> pl.DataFrame:
    """Return the lines of a file as numbers, null where a line is too short for a column.

    Args:
        file: Lines without anything on them are passed over.
        separator: Regular expression for what stands between two fields.
        columns: Names, in the order of the fields.
        least: Fields that a line has to have.
        texts: Columns that aren't numbers.

    Returns:
        The columns, and `line`, counted from 1.

    Raises:
        UnreadableLogError: A line has another number of fields, or no number where one belongs.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UnreadableLogError(f"{file.name} is not text: {error}") from error
    fields = pl.col("text").str.replace_all(separator, "\t").str.split("\t")
    split = (
        pl.DataFrame({"text": lines}, schema={"text": pl.String})
        .with_row_index("line", offset=1)
        .with_columns(pl.col("text").str.strip_chars())
        .filter(pl.col("text") != "")
        .with_columns(fields=fields)
    )
    count = pl.col("fields").list.len()
    if len(wrong := split.filter(~count.is_between(least, len(columns)))):
        expected = f"{least} to {len(columns)}" if least < len(columns) else str(least)
        raise _bad_line(file, wrong, f"expected {expected} fields")
    values = {
        name: pl.col("fields").list.get(at, null_on_oob=True) for at, name in enumerate(columns)
    }
    numbers = [name for name in columns if name not in texts]
    parsed = split.with_columns(**values).with_columns(
        pl.col(numbers).cast(pl.Float64, strict=False).name.suffix("_number")
    )
    for name in numbers:
        broken = pl.col(name).is_not_null() & pl.col(f"{name}_number").is_null()
        if len(wrong := parsed.filter(broken)):
            raise _bad_line(file, wrong, f"expected a number as {name}")
    return parsed.select("line", *texts, **{name: f"{name}_number" for name in numbers})


def require(file: Path, rows: pl.DataFrame, valid: pl.Expr, expected: str) -> None:
    """Refuse a file of which a line is not `valid`.

    Raises:
        UnreadableLogError: The message names the first such line.
    """
    if len(wrong := rows.filter(~valid)):
        shown = pl.concat_str(pl.exclude("line"), separator=" ", ignore_nulls=True)
        raise _bad_line(file, wrong.select("line", text=shown), f"expected {expected}")


def _bad_line(file: Path, wrong: pl.DataFrame, expected: str) -> UnreadableLogError:
    line, text = wrong.select("line", "text").row(0)
    return UnreadableLogError(
        f"{file.name}, line {line}: {expected}, got {text!r}; {len(wrong)} such lines"
    )


def unique_ids(identity: pl.Expr) -> dict[str, pl.Expr]:
    """Return `track_id` and `tracked`: a negative number says that nobody gave it an identity."""
    tracked = identity >= 0
    return {
        "tracked": tracked,
        "track_id": pl.when(tracked)
        .then(identity.cast(pl.Int64).cast(pl.String))
        .otherwise(pl.format("line {}", "line")),
    }
