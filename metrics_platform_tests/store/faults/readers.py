"""Processes that read in every way that there is, and see that it is right."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from metrics_platform.store import Store
from metrics_platform.store.results import results_of
from metrics_platform_tests.store.faults.journal import Journal
from metrics_platform_tests.store.faults.marks import (
    ALL_LOGS,
    MARKS,
    Generations,
    Marks,
    Span,
    computed_of,
)
from metrics_platform_tests.store.faults.post import LONGEST_PAUSE_S, Post

# How far back they look.
AS_OF_S = 3.0
# For how long they hold on to what the index has told.
LONGEST_HOLD_S = 2.0
_READS_PER_NOTE = 5


def read(post: Post, store: Store, rng: random.Random) -> None:
    """Read in one way or another; what is wrong ends the process."""
    reads = 0
    while not post.journal.stopping:
        moment = None
        if rng.random() < 0.3:
            moment = datetime.now(UTC) - timedelta(seconds=rng.uniform(0, AS_OF_S))
        before = post.journal.acknowledged(until=moment)
        if before:
            judge = rng.choice([_rows, _chosen_rows, _input, _outcomes, _summary])
            judge(store, moment, partial(_span, before, post.journal), rng)
            reads += 1
            if reads % _READS_PER_NOTE == 0:
                post.journal.note(f"{post.name}-done", f"reads {_READS_PER_NOTE}")
        time.sleep(rng.uniform(0, LONGEST_PAUSE_S))


def _span(before: Generations, journal: Journal) -> Span:
    return Span(before, journal.acknowledged())


_Spanning = Callable[[], Span]
_At = datetime | None


def _held(rows: pl.LazyFrame, rng: random.Random) -> pl.LazyFrame:
    """Now and then let time pass between the look into the index and that into the files."""
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0, LONGEST_HOLD_S))
    return rows


def _rows(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    rows = _held(store.scan("marks", as_of=moment, rows=Marks), rng).collect()
    span().judge_rows(rows)


def _chosen_rows(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    logs = rng.sample(ALL_LOGS, rng.choice([1, 5, 40]))
    rows = _held(store.scan("marks", logs=logs, as_of=moment, rows=Marks), rng).collect()
    span().judge_rows(rows, logs)


def _input(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    found = store.load(MARKS, ALL_LOGS)
    rows = _held(found.rows, rng).collect()
    span().judge_rows(rows)
    by_group = rows.group_by(pl.col("log_id").str.replace(r"-\d+$", "")).agg(
        pl.col("generation").first()
    )
    for group, generation in by_group.iter_rows():
        _, results = results_of(computed_of({group: generation}))
        for log_id, result in results.items():
            assert found.content_hashes[log_id] == result.content_hash, log_id


def _outcomes(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    outcomes = store.outcomes("marks", as_of=moment)
    span().judge_outcomes(outcomes.select("log_id", "row_count", "input_hash"))


def _summary(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    summary = store.summary("marks", as_of=moment)
    # A log without rows has no generation in its summary: it has that of its group.
    of_group = pl.col("generation").max().over(pl.col("log_id").str.replace(r"-\d+$", ""))
    generation = pl.col("generation").fill_null(of_group)
    span().judge_outcomes(summary.select("log_id", "marks", generation))
