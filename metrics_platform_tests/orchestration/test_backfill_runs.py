"""Which runs bring logs up to date."""

from collections.abc import Collection, Sequence

import pytest
from dagster import DagsterInstance

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.backfill_runs import Task, stretches, tasks, with_downstream
from metrics_platform.orchestration.partitions import LOG, Partitions
from metrics_platform_tests.orchestration.revised import (
    doubled_counts,
    pose_counts,
    small_catalog,
    track_counts,
)

LOGS = [f"log-{number:03}" for number in range(100)]


@pytest.fixture(scope="module")
def partitions() -> Partitions:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(LOG, LOGS)
        found = Partitions(instance)
        assert list(found.keys) == LOGS
    return found


def runs(
    partitions: Partitions,
    settings: Settings,
    wanted: Sequence[int],
    *,
    tries: int = 0,
    busy: Collection[int] = (),
) -> list[tuple[int, int]]:
    """Return number of the first and of the last log of each run."""
    task = Task(frozenset({"m"}), tries, [LOGS[number] for number in wanted])
    free = {log_id: 1 for number, log_id in enumerate(LOGS) if number not in busy}
    found = list(stretches(partitions, task, free, None, settings))
    for run in found:
        first = LOGS.index(run[0])
        assert run == LOGS[first : first + len(run)]
        assert set(run) <= set(free)
    return [(LOGS.index(run[0]), LOGS.index(run[-1])) for run in found]


@pytest.mark.parametrize(
    ("wanted", "busy", "expected"),
    [
        ([5], [], [(5, 5)]),
        ([7, 3, 5], [], [(3, 7)]),
        ([0, 21], [], [(0, 21)]),
        ([0, 22], [], [(0, 0), (22, 22)]),
        ([0, 1, 3, 4], [2], [(0, 1), (3, 4)]),
        ([0, 10, 20, 60, 70], [65], [(0, 20), (60, 60), (70, 70)]),
    ],
    ids=["one", "any order", "small gap", "large gap", "busy gap", "all of it"],
)
def test_stretches_bridge_what_costs_less_than_a_run(
    partitions: Partitions,
    settings: Settings,
    wanted: Sequence[int],
    busy: Sequence[int],
    expected: Sequence[tuple[int, int]],
) -> None:
    assert runs(partitions, settings, wanted, busy=busy) == expected


def test_no_run_is_larger_than_set_or_without_a_log_of_the_task(
    partitions: Partitions, settings: Settings
) -> None:
    few = Settings(home=settings.home, root=settings.root, logs_per_run=8)

    assert runs(partitions, few, range(20)) == [(0, 7), (8, 15), (16, 19)]
    # Where a run would end or begin in a gap, it is left off; one over a gap alone is none.
    assert runs(partitions, few, [0, 5, 22]) == [(0, 5), (22, 22)]


def test_each_try_halves_the_runs(partitions: Partitions, settings: Settings) -> None:
    assert [len(runs(partitions, settings, range(16), tries=tries)) for tries in range(6)] == [
        1, 2, 4, 8, 16, 16,
    ]  # fmt: skip


def test_logs_of_which_the_same_is_due_are_one_task() -> None:
    due = [("m", "a"), ("n", "a"), ("m", "b"), ("n", "b"), ("m", "c")]

    assert tasks(due, {}) == [
        Task(frozenset({"m", "n"}), 0, ["a", "b"]),
        Task(frozenset({"m"}), 0, ["c"]),
    ]


def test_only_runs_over_all_that_is_due_were_a_try() -> None:
    due = [("m", "a"), ("n", "a"), ("m", "b")]
    tried = {"a": [{"m"}, {"m", "n", "o"}], "b": [{"m"}, {"m", "n"}, {"n"}]}

    assert tasks(due, tried) == [
        Task(frozenset({"m", "n"}), 1, ["a"]),
        Task(frozenset({"m"}), 2, ["b"]),
    ]


def test_what_stands_on_a_definition_is_computed_with_it() -> None:
    catalog = small_catalog(pose_counts(), doubled_counts, track_counts)

    assert with_downstream(catalog, ["pose_counts"]) == ["pose_counts", "doubled_counts"]
    assert with_downstream(catalog, ["ego_poses"]) == ["ego_poses", "pose_counts", "doubled_counts"]
    assert with_downstream(catalog, ["track_counts"]) == ["track_counts"]


def test_dependants_are_found_however_far_down() -> None:
    catalog = default_catalog()
    found = set(with_downstream(catalog, ["ego_poses"]))

    assert found == {
        definition.name
        for definition in catalog
        if "ego_poses" in {d.name for d in catalog.upstream(definition.name)}
    }
