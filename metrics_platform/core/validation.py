"""The one place where Pandera looks at data.

Pandera checks only the schema of a LazyFrame, never its values, so frames come here collected;
one call over the rows of a thousand logs costs hardly more than one over the rows of one.
"""

import copy
from functools import cache
from threading import Lock

import polars as pl
from pandera.errors import SchemaErrors
from pandera.polars import DataFrameSchema

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import ContractError
from metrics_platform.core.frames import MetricFrame, in_order
from metrics_platform.core.plain_checks import plainly_good

# Pandera keeps in a variable of its module how deep it is to look.
_ONE_AT_A_TIME = Lock()
_ROWS_SHOWN = 3
_CHECKS_SHOWN = 5


def validate(
    definition: Definition, frame: pl.DataFrame, *, ordered: bool | None = None
) -> pl.DataFrame:
    """Return `frame` if it keeps the contract of `definition`.

    Args:
        definition: Has the schema.
        frame: Collected.
        ordered: What `in_order` says of the frame, where that is known already.

    Raises:
        ContractError: It doesn't. The message names the definition, and for every broken check
            the column, the check, the first rows at fault and their logs.
    """
    # Looking for doubles takes half of the time of all checks, and rows in order have none.
    distinct = in_order(definition.rows, frame) if ordered is None else ordered
    if plainly_good(definition.rows, frame, distinct=distinct):
        return frame
    try:
        schema = _without_key(definition.rows) if distinct else definition.rows.to_schema()
        with _ONE_AT_A_TIME:
            checked = schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        raise _explain(definition, frame, errors.failure_cases) from errors
    # Polars holds NaN for greater than any number, so `gt=0` lets it pass: absent is null.
    cases = [
        pl.DataFrame({"column": name, "check": "finite_or_null", "index": at, "failure_case": ""})
        for name, dtype in checked.schema.items()
        if dtype.is_float() and len(at := (~checked[name].is_finite()).arg_true())
    ]
    if cases:
        raise _explain(definition, checked, pl.concat(cases))
    return checked


@cache
def _without_key(rows: type[MetricFrame]) -> DataFrameSchema:
    schema = copy.deepcopy(rows.to_schema())
    schema.unique = None
    return schema


def _explain(definition: Definition, frame: pl.DataFrame, cases: pl.DataFrame) -> ContractError:
    groups = cases.group_by("column", "check", maintain_order=True).agg(
        pl.col("index").drop_nulls(), pl.col("failure_case").first()
    )
    at_fault: set[str] = set()
    has_logs = frame.schema.get("log_id") == pl.String
    whole_frame = not has_logs
    parts = []
    for column, check, indices, example in groups.iter_rows():
        where = "frame" if column == definition.rows.__name__ else f"column {column}"
        if not indices:
            whole_frame = True
            parts.append(_of_frame(where, check, example))
            continue
        rows = frame[sorted(set(indices))]
        logs = rows["log_id"].drop_nulls().unique().sort().to_list() if has_logs else []
        at_fault.update(logs)
        shown = "\n".join(f"    {row}" for row in rows.head(_ROWS_SHOWN).iter_rows(named=True))
        parts.append(
            f"  {where}: check {check} fails for {len(rows)} of {len(frame)} rows"
            f"{_in_logs(logs)}; first rows:\n{shown}"
        )
    more = [f"  and {len(parts) - _CHECKS_SHOWN} more checks"] * (len(parts) > _CHECKS_SHOWN)
    kind = type(definition).__name__.lower()
    head = f"{kind} {definition.name} {definition.version} breaks its contract:"
    message = "\n".join([head, *parts[:_CHECKS_SHOWN], *more])
    return ContractError(message, () if whole_frame else at_fault)


def _of_frame(where: str, check: str, example: str) -> str:
    if check == "column_in_dataframe" and example == "log_id":
        return f"  {where}: {NO_LOG_ID}"
    told = _OF_COLUMNS.get(check, "")
    return f"  {where}: {told.format(example) or f'expected {check}, got {example}'}"


NO_LOG_ID = (
    "column log_id is missing, so nobody can tell whose rows these are; keep it: "
    '.group_by("log_id", …), .over("log_id") in place of an aggregate over all rows, '
    '"log_id" in .select(…)'
)
# Pandera's checks of a frame's columns.
_OF_COLUMNS = {
    "column_in_dataframe": "column {} is missing",
    "column_in_schema": "column {} is not in the schema",
    "column_ordered": "column {} is not in the order of the schema: .select(…) as it has them",
}


def _in_logs(logs: list[str]) -> str:
    if not logs:
        return ""
    more = ", …" if len(logs) > _ROWS_SHOWN else ""
    return f", in {len(logs)} logs ({', '.join(logs[:_ROWS_SHOWN])}{more})"
