"""What runs in processes of its own and may be killed at any moment."""

import faulthandler
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform.store.merge_policy import Which
from metrics_platform.store.results import results_of
from metrics_platform_tests.store.faults.journal import Journal
from metrics_platform_tests.store.faults.marks import (
    MARKS,
    SHARED,
    Generations,
    Marks,
    Span,
    computed_of,
    logs_of,
)

WRITERS = 3
_GROUPS_PER_WRITER = 4
_LONGEST_PAUSE_S = 0.02
_TARGET_BYTES = 8 * 1024
_READS_PER_NOTE = 5
# How far back results are looked at, and for how long they are kept at least.
AS_OF_S = 3.0
KEPT = timedelta(seconds=10)
# No reader holds on to what it was told for as long.
_LONGEST_HOLD_S = 2.0
GRACE = timedelta(seconds=8)


@dataclass(frozen=True)
class Post:
    """What a process has to know.

    Attributes:
        settings: Of the store.
        journal: Where it notes what it did.
        task: One of `TASKS`.
        number: Among those of the same task.
        environment: Variables that it needs beside those of the process that starts it.
        seed: Of its random choices.
    """

    settings: Settings
    journal: Journal
    task: str
    number: int
    environment: Mapping[str, str]
    seed: int = 0

    @property
    def name(self) -> str:
        """What it is called in the journal."""
        return f"{self.task}-{self.number}"


def groups_of(writer: int) -> list[str]:
    """Return the groups that only this writer writes."""
    return [f"{writer}.{number}" for number in range(_GROUPS_PER_WRITER)]


def serve(post: Post) -> None:
    """Do the task of `post` until the journal says that it is over, or something is wrong."""
    os.environ.update(post.environment)
    with (post.journal.folder / f"{post.name}.stacks").open("w") as stacks:
        # A moment before it is killed it is asked where it is.
        faulthandler.register(signal.SIGUSR1, stacks, all_threads=False)
        try:
            with Store.open(post.settings) as store:
                TASKS[post.task](post, store, random.Random(post.seed))
        except BaseException:
            post.journal.fail(post.name, traceback.format_exc())
            raise SystemExit(1) from None


def write(post: Post, store: Store, rng: random.Random) -> None:
    """Write one generation after another of some groups, in the end of all of them."""
    mine = groups_of(post.number)
    done = {group: 0 for group in mine} | {SHARED: post.number}
    done |= post.journal.acknowledged(post.name)

    def next_of(*groups: str) -> None:
        # Nobody else writes the same generation of the shared group.
        batch = {group: done[group] + (WRITERS if group == SHARED else 1) for group in groups}
        store.write(computed_of(batch))
        post.journal.acknowledge(post.name, batch)
        done.update(batch)

    while not post.journal.stopping:
        next_of(*rng.choice([*([group] for group in mine), mine, [SHARED]]))
        time.sleep(rng.uniform(0, _LONGEST_PAUSE_S))
    next_of(*mine)
    next_of(SHARED)


def read(post: Post, store: Store, rng: random.Random) -> None:
    """Read in every way that there is, and see that it is right."""
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
        time.sleep(rng.uniform(0, _LONGEST_PAUSE_S))


def _span(before: Generations, journal: Journal) -> Span:
    return Span(before, journal.acknowledged())


_Spanning = Callable[[], Span]
_At = datetime | None


def _held(rows: pl.LazyFrame, rng: random.Random) -> pl.LazyFrame:
    """Now and then let time pass between the look into the index and that into the files."""
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0, _LONGEST_HOLD_S))
    return rows


def _rows(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    rows = _held(store.scan("marks", as_of=moment, rows=Marks), rng).collect()
    span().judge_rows(rows)


def _chosen_rows(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    logs = rng.sample(_ALL_LOGS, rng.choice([1, 5, 40]))
    rows = _held(store.scan("marks", logs=logs, as_of=moment, rows=Marks), rng).collect()
    span().judge_rows(rows, logs)


def _input(store: Store, moment: _At, span: _Spanning, rng: random.Random) -> None:
    found = store.load(MARKS, _ALL_LOGS)
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


_ALL_LOGS = [log_id for writer in range(WRITERS) for group in groups_of(writer)
             for log_id in logs_of(group)] + logs_of(SHARED)  # fmt: skip


def compact(post: Post, store: Store, rng: random.Random) -> None:
    """Merge files again and again, of which a few fill one."""
    while not post.journal.stopping:
        which: Which = rng.choice(["due", "dirty", "all"])
        for done in store.compact("marks", target_bytes=_TARGET_BYTES, which=which):
            post.journal.note(f"{post.name}-done", f"merged {done.rows}")
        time.sleep(rng.uniform(0, _LONGEST_PAUSE_S))


def collect(post: Post, store: Store, rng: random.Random) -> None:
    """Delete what nobody can be reading any more."""
    _collect(post, store, rng, KEPT, GRACE)


def collect_at_once(post: Post, store: Store, rng: random.Random) -> None:
    """Delete all that counts no more, objects too that writers are about to commit."""
    _collect(post, store, rng, timedelta(0), timedelta(0))


def _collect(
    post: Post, store: Store, rng: random.Random, kept: timedelta, grace: timedelta
) -> None:
    while not post.journal.stopping:
        retained = store.retain(keep_superseded=kept)
        collected = store.gc(grace=grace)
        counts = {
            "superseded": retained.superseded,
            "files": collected.files,
            "orphans": collected.orphans,
        }
        post.journal.note(f"{post.name}-done", *(f"{k} {n}" for k, n in counts.items() if n))
        time.sleep(rng.uniform(0, _LONGEST_PAUSE_S))


TASKS: Mapping[str, Callable[[Post, Store, random.Random], None]] = {
    "write": write,
    "read": read,
    "compact": compact,
    "collect": collect,
    "collect_at_once": collect_at_once,
}
