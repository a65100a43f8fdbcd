"""Results whose every row tells of which write it is, so that whoever reads them can judge them.

Logs come in groups that are always written together. The rows of a group follow from its name and
the generation alone, so a reader knows all of them as soon as it has seen one.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from metrics_platform.core import Computed, MetricFrame, Outcome, Signal, Status
from metrics_platform.core.compute import summarise

WRITERS = 3
LOGS_PER_GROUP = 6
_GROUPS_PER_WRITER = 8
# All writers write it, in whatever order; any other group has one writer, which counts upwards.
SHARED = "shared"

Generations = Mapping[str, int]
"""Generation by group."""


class Marks(MetricFrame):
    """One row per log_id, row."""

    row: int
    generation: int
    mark: str

    class Config:
        unique = ["log_id", "row"]


MARKS = Signal(
    name="marks",
    version="1.0.0",
    rows=Marks,
    owner="store",
    summary={"marks": pl.len(), "generation": pl.col("generation").max()},
)


_SCHEMA = {"log_id": pl.String, "row": pl.Int64, "generation": pl.Int64, "mark": pl.String}
_PERIOD = 23


def groups_of(writer: int) -> list[str]:
    """Return the groups that only this writer writes."""
    return [f"{writer}.{number}" for number in range(_GROUPS_PER_WRITER)]


def logs_of(group: str) -> list[str]:
    """Return the log ids of a group."""
    return [f"{group}-{number}" for number in range(LOGS_PER_GROUP)]


def group_of(log_id: str) -> str:
    """Return the group of a log."""
    return log_id.rpartition("-")[0]


def count_of(log_id: str, generation: int) -> int:
    """Return how many rows a log has: at times none, and never none in all logs of a group."""
    number = int(log_id.rpartition("-")[2])
    return (7 * number + 5 * generation) % _PERIOD


def rows_of(group: str, generation: int) -> pl.DataFrame:
    """Return all rows of a group."""
    found = [
        (log_id, row, generation, f"{log_id}/{generation}/{row}")
        for log_id in logs_of(group)
        for row in range(count_of(log_id, generation))
    ]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def computed_of(generations: Generations) -> Computed:
    """Return one batch of some groups."""
    rows = pl.concat([rows_of(group, number) for group, number in generations.items()])
    number_of = {
        log_id: str(number) for group, number in generations.items() for log_id in logs_of(group)
    }
    return Computed(
        definition=MARKS,
        rows=rows,
        outcomes=dict.fromkeys(number_of, Outcome(Status.COMPUTED)),
        summary=summarise(MARKS, rows, sorted(number_of)),
        fingerprints=dict.fromkeys(number_of, "f1"),
        input_hashes=number_of,
    )


ALL_LOGS = [
    log_id
    for group in [*(g for writer in range(WRITERS) for g in groups_of(writer)), SHARED]
    for log_id in logs_of(group)
]


@dataclass(frozen=True)
class Span:
    """What can be read: from what was acknowledged before a read began to what was after it.

    Attributes:
        before: These groups must be there, at this generation or a later one.
        after: None is later than the one after this: it may be written and not yet acknowledged.
    """

    before: Generations
    after: Generations

    def judge_rows(self, rows: pl.DataFrame, logs: Sequence[str] | None = None) -> None:
        """See that each group is there whole, once, and of a generation that it can have.

        Args:
            rows: What was read.
            logs: If only these were asked for.
        """
        rows = rows.select(*_SCHEMA).sort("log_id", "row")
        by_group = rows.group_by(pl.col("log_id").str.replace(r"-\d+$", ""))
        found = {str(key[0]): part for key, part in by_group}
        wanted = {*self.before} if logs is None else {group_of(log_id) for log_id in logs}
        for group in {*found, *wanted}:
            if group in found:
                generation = int(found[group]["generation"][0])
                self._judge_generation(group, generation)
                expected = _only(rows_of(group, generation), logs)
                assert found[group].equals(expected), f"expected {expected}, got {found[group]}"
            elif group in self.before:
                assert self._may_be_empty(group, logs), f"{group} is missing"

    def judge_outcomes(self, outcomes: pl.DataFrame) -> None:
        """See the same of all logs: log_id, row_count and input_hash, which tells a generation."""
        assert outcomes["log_id"].is_unique().all(), outcomes
        found: dict[str, dict[str, int]] = {}
        for log_id, row_count, generation in outcomes.iter_rows():
            assert row_count == count_of(log_id, int(generation)), (log_id, row_count, generation)
            found.setdefault(group_of(log_id), {})[log_id] = int(generation)
        assert {*self.before} <= {*found}, f"{ {*self.before} - {*found} } are missing"
        for group, generations in found.items():
            assert len(generations) == LOGS_PER_GROUP, f"{group} is in parts: {generations}"
            assert len(set(generations.values())) == 1, f"{group} is in parts: {generations}"
            self._judge_generation(group, next(iter(generations.values())))

    def _judge_generation(self, group: str, generation: int) -> None:
        first, last = self._ends(group)
        assert first <= generation <= last, (
            f"{group}: expected a generation from {first} to {last}, got {generation}"
        )

    def _ends(self, group: str) -> tuple[int, int]:
        if group == SHARED:
            return 0, sys.maxsize
        return self.before.get(group, 0), self.after.get(group, 0) + 1

    def _may_be_empty(self, group: str, logs: Sequence[str] | None) -> bool:
        """Say whether these logs of a group have no rows in any generation that is possible."""
        first, last = self._ends(group)
        of_group = [log_id for log_id in logs_of(group) if logs is None or log_id in logs]
        return any(
            not any(count_of(log_id, number) for log_id in of_group)
            for number in range(first, min(last, first + _PERIOD) + 1)
        )


def _only(rows: pl.DataFrame, logs: Sequence[str] | None) -> pl.DataFrame:
    return rows if logs is None else rows.filter(pl.col("log_id").is_in(list(logs)))
