"""What Postgres does for a call of the store: the plan of each statement that the call sends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

_LONGEST_STATEMENT = 600
_LONGEST_LINE = 220
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
    text = " ".join(statement.split())
    shown = [_cut(text, _LONGEST_STATEMENT), "", *(_cut(line, _LONGEST_LINE) for line in lines)]
    return "\n".join(["```", *shown, "```"])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"
