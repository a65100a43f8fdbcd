"""Postgres has done what it was asked for, and the connection breaks before it can say so."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.store import Store
from metrics_platform_tests.store.builders import brakes, computed
from metrics_platform_tests.store.faults.integrity import assert_nothing_left_over


@pytest.fixture
def lose_next_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], None]:
    """Have the next change of results be done and not confirmed; meanwhile something happens."""
    waiting: list[Callable[[], object]] = []
    engine = store.postgres.engine
    do_commit = engine.dialect.do_commit

    def lose() -> None:
        waiting.pop()()
        raise psycopg.OperationalError("the connection is lost")

    def commit(connection: Any) -> None:
        do_commit(connection)
        if waiting:
            lose()

    def executed(
        connection: sa.Connection, cursor: object, statement: str, *arguments: object
    ) -> None:
        # Where each statement stands for itself, it is committed by now.
        is_autocommit = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        if waiting and is_autocommit and "INTO metrics_platform.results" in statement:
            lose()

    monkeypatch.setattr(engine.dialect, "do_commit", commit)
    sa.event.listen(engine, "after_cursor_execute", executed)
    return waiting.append


def test_of_a_first_result(
    store: Store, lose_next_answer: Callable[[Callable[[], object]], None]
) -> None:
    lose_next_answer(lambda: None)

    assert store.write(computed({"a": [1.0], "b": []})).written == 2

    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [1.0]}))
    assert len(store.history("hard_brakes", "a")) == 1
    assert len(store.history("hard_brakes", "b")) == 1
    assert_nothing_left_over(store)


def test_of_a_result_that_supersedes_another_one(
    store: Store, lose_next_answer: Callable[[Callable[[], object]], None]
) -> None:
    store.write(computed({"a": [1.0], "b": [1.0]}))
    lose_next_answer(lambda: None)

    assert store.write(computed({"a": [2.0], "b": [2.0]})).written == 2

    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [2.0], "b": [2.0]}))
    assert len(store.history("hard_brakes", "a")) == 2
    assert_nothing_left_over(store)


@pytest.mark.parametrize("before", [{}, {"a": [1.0], "b": [1.0]}], ids=["first", "superseding"])
def test_and_somebody_else_comes_in_between(
    before: dict[str, list[float | None]],
    store: Store,
    lose_next_answer: Callable[[Callable[[], object]], None],
) -> None:
    store.write(computed(before))
    with Store.open(store.postgres.settings) as other:
        lose_next_answer(lambda: other.write(computed({"a": [3.0], "b": [3.0]})))

        store.write(computed({"a": [2.0], "b": [2.0]}))

    # One or the other: each log has one result, and both have that of the same write.
    rows = store.scan("hard_brakes").collect()
    last = rows["peak_deceleration_mps2"][0]
    assert last in (2.0, 3.0)
    assert_frame_equal(rows.sort("log_id"), brakes({"a": [last], "b": [last]}))
    for log_id in ("a", "b"):
        history = store.history("hard_brakes", log_id)
        assert history["superseded_at"].to_list() == [*history["committed_at"][1:], None]
