"""What to say where a function asks for a column that isn't there."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import polars as pl

_ASKED = re.compile(
    r'unable to find column "(?P<name>[^"]*)"; valid columns: (?P<there>\[[^\]]*\])'
)


def unknown_column(
    error: pl.exceptions.ColumnNotFoundError, inputs: Mapping[str, Sequence[str]]
) -> str:
    """Return which dependency lacks the column, the nearest that it has, and all of them.

    Args:
        error: As Polars raised it. Its own text ends with the plan of the query, which no author
            has written.
        inputs: Name of each dependency to its columns.
    """
    head = str(error).partition("\n\n")[0]
    asked = _ASKED.search(head)
    if asked is None:
        return head
    name, there = asked["name"], json.loads(asked["there"])
    origin = _origin(there, inputs)
    near = get_close_matches(name, there, n=1)
    if near:
        hint = f"; did you mean {near[0]!r}?"
    elif elsewhere := [other for other, columns in inputs.items() if name in columns]:
        hint = f"; {' and '.join(elsewhere)} has it: join that first."
    else:
        hint = "."
    where = origin or "the frame, as it is there,"
    return f"{where} has no column {name!r}{hint} It has: {', '.join(there)}"


def _origin(there: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> str:
    """Return the dependencies whose columns are those of a frame, most of them at least."""
    shares = {
        name: len(set(columns) & set(there)) / len(columns)
        for name, columns in inputs.items()
        if columns
    }
    whole = [name for name, share in shares.items() if share == 1]
    best = max(shares, key=lambda name: shares[name], default="")
    part = [best] if shares.get(best, 0) > 0.5 else []
    return " with ".join(whole or part)
