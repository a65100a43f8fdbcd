"""What Postgres does for a call of the store: the plan of each statement that the call sends."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

_LONGEST_STATEMENT = 300
_LONGEST_LINE = 150
# What is the same everywhere, or an estimate.
_READABLE = re.compile(
    r"metrics_platform\.|\(cost=[^)]*\) | COLLATE \"C\""
    r"|::(text|smallint|bigint|uuid|timestamp with time zone)(\[\])?"
    r"|::(VARCHAR|BIGINT|UUID|TEXT|TIMESTAMP WITH TIME ZONE)(\[\])?"
)
_SELECTED = re.compile("^SELECT .*? FROM ")
_LIST = re.compile(r"(\{[^,}]*),[^}]*\}")
_DETAILS = (
    "Batches", "Buckets", "Heap Blocks", "Index Searches", "Rows Removed", "Sort Method", "Storage",
    "Trigger", "Worker",
)  # fmt: skip
_ALONE = ("BEGIN", "ROLLBACK")
_WITHIN = ("SAVEPOINT explained", "ROLLBACK TO SAVEPOINT explained")


def explained(engine: sa.Engine, call: Callable[[], Any]) -> str:
    """Return `EXPLAIN (ANALYZE, BUFFERS)` of all statements of `call`, as Markdown.

    A statement that writes is explained before it is carried out, and undone.
    """
    call()  # So that what a process looks up once is looked up.
    with _listening(engine) as plans:
        call()
    return "\n".join(plans)


@contextmanager
def _listening(engine: sa.Engine) -> Iterator[list[str]]:
    plans: list[str] = []

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        # On the same connection: another one would wait for the locks that this one has.
        driver = connection.connection.driver_connection
        begin, undo = _ALONE if driver.autocommit else _WITHIN
        with driver.cursor() as other:
            other.execute(begin)
            other.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)
            lines = [line for (line,) in other.fetchall()]
            other.execute(undo)
        plans.append(_block(statement, lines))

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)


def _block(statement: str, lines: list[str]) -> str:
    """Return what matters of a statement and its plan."""
    text = _READABLE.sub("", " ".join(statement.split()))
    text = _cut(_SELECTED.sub("SELECT … FROM ", text, count=1), _LONGEST_STATEMENT)
    shown: list[str] = []
    hidden_below: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if hidden_below is not None and indent > hidden_below:
            continue
        # The look-up of the version's number is in nearly all of them.
        hidden_below = indent if line.strip().startswith(("InitPlan", "Planning:")) else None
        is_detail = line.strip().startswith(_DETAILS) or (
            line.strip().startswith("Buffers") and any("Buffers" in before for before in shown)
        )
        if hidden_below is None and not is_detail:
            shown.append(_cut(_LIST.sub(r"\1,…}", _READABLE.sub("", line)), _LONGEST_LINE))
    return "\n".join(["```", text, "", *shown, "```"])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
