"""What runs in processes of its own and may be killed at any moment."""

import faulthandler
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta

from metrics_platform.store import Store
from metrics_platform.store.merge_policy import Which
from metrics_platform_tests.store.faults.marks import SHARED, WRITERS, computed_of, groups_of
from metrics_platform_tests.store.faults.post import LONGEST_PAUSE_S, Post
from metrics_platform_tests.store.faults.readers import AS_OF_S, LONGEST_HOLD_S, read

# Longer than any reader looks back, and than any holds on to what it was told.
KEPT = timedelta(seconds=AS_OF_S + 7)
GRACE = timedelta(seconds=LONGEST_HOLD_S + 6)
_TARGET_BYTES = 8 * 1024


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
        time.sleep(rng.uniform(0, LONGEST_PAUSE_S))
    next_of(*mine)
    next_of(SHARED)


def compact(post: Post, store: Store, rng: random.Random) -> None:
    """Merge files again and again, of which a few fill one."""
    while not post.journal.stopping:
        which: Which = rng.choice(["due", "dirty", "all"])
        for done in store.compact("marks", target_bytes=_TARGET_BYTES, which=which):
            post.journal.note(f"{post.name}-done", f"merged {done.rows}")
        time.sleep(rng.uniform(0, LONGEST_PAUSE_S))


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
        # Writers that are killed may leave more objects than there are others.
        collected = store.gc(grace=grace, force=True)
        counts = {
            "superseded": retained.superseded,
            "files": collected.files,
            "orphans": collected.orphans,
        }
        post.journal.note(f"{post.name}-done", *(f"{k} {n}" for k, n in counts.items() if n))
        time.sleep(rng.uniform(0, LONGEST_PAUSE_S))


TASKS: Mapping[str, Callable[[Post, Store, random.Random], None]] = {
    "write": write,
    "read": read,
    "compact": compact,
    "collect": collect,
    "collect_at_once": collect_at_once,
}
