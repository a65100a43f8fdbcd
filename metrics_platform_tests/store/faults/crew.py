"""Processes that work on one store, killed and replaced while they do."""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from metrics_platform.core.settings import Settings
from metrics_platform_tests.store.faults.journal import Journal
from metrics_platform_tests.store.faults.marks import WRITERS
from metrics_platform_tests.store.faults.post import Post
from metrics_platform_tests.store.faults.workers import serve

# Forked from a process that has imported all of it and started nothing: 20 ms in place of 1 s.
# Only modules that build no frame may be named, since Polars' threads don't outlive a fork.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["metrics_platform.store"])
_LONGEST_END_S = 120.0
# `make soak` asks for it: the tests in full.
SOAK = "METRICS_PLATFORM_TEST_SOAK" in os.environ


class Crew:
    """Writers, readers and others, each in a process of its own.

    As a context manager it starts them; none outlives it.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        others: Sequence[str] = ("read", "read"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir()
        self.journal = Journal(folder)
        self.deaths: Counter[str] = Counter()
        self._rng = random.Random(0)
        self._posts: dict[str, Post] = {}
        self._processes: dict[str, BaseProcess] = {}
        numbers: Counter[str] = Counter()
        for task in [*["write"] * WRITERS, *others]:
            post = Post(settings, self.journal, task, numbers[task], environment or {})
            self._posts[post.name] = post
            numbers[task] += 1

    def __enter__(self) -> Self:
        for name in self._posts:
            self._start(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.join()
            process.close()

    def kill(self, times: int, longest_pause_s: float) -> None:
        """Kill processes that change something, at random moments, and put others in their place.

        Args:
            times: How many, one after another.
            longest_pause_s: Before each; most are much shorter.
        """
        tasks = sorted({post.task for post in self._posts.values()} - {"read"})
        for _ in range(times):
            self.wait(longest_pause_s * self._rng.random() ** 2)
            task = self._rng.choice(tasks)
            name = self._rng.choice([n for n, post in self._posts.items() if post.task == task])
            process = self._processes.pop(name)
            assert process.pid is not None
            # Asked where it is, it has a moment to tell.
            os.kill(process.pid, signal.SIGUSR1)
            time.sleep(0.001)
            process.kill()
            process.join()
            process.close()
            self.deaths[f"{task} in {self._last_place(name)}"] += 1
            self._start(name)

    def wait(self, seconds: float) -> None:
        """Let them work.

        Raises:
            AssertionError: One of them has found something wrong.
        """
        time.sleep(seconds)
        failures = self.journal.failures()
        assert not failures, "\n\n".join(failures)

    def finish(self, *done: str) -> Counter[str]:
        """Let all of them come to an end once `done` has been done; return what they counted."""
        deadline = time.monotonic() + _LONGEST_END_S
        while missing := {*done} - {*self.journal.counted("*-done")}:
            assert time.monotonic() < deadline, f"nobody has {missing}"
            self.wait(0.1)
        self.journal.stop()
        deadline = time.monotonic() + _LONGEST_END_S
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
        self.wait(0)
        codes = {name: process.exitcode for name, process in self._processes.items()}
        assert set(codes.values()) == {0}, codes
        return self.journal.counted("*-done")

    def _start(self, name: str) -> None:
        post = self._posts[name]
        post = replace(post, seed=self._rng.getrandbits(32))
        process = _CONTEXT.Process(target=serve, args=(post,), daemon=True)
        process.start()
        self._processes[name] = process

    def _last_place(self, name: str) -> str:
        stack = (self.journal.folder / f"{name}.stacks").read_text()
        innermost = re.search(r'/metrics_platform/(\S+)\.py", line \d+ in (\w+)', stack)
        return ".".join(innermost.groups()) if innermost else "between"
