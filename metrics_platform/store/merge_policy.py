"""Which files of a version are worth merging, so that none is rewritten over and over.

A file is full at `target_bytes` or `MOST_ROWS`, whichever comes first: its rows have to fit into
memory, and rows that compress well are many before they are large.

Due are files less than half full, once there are enough of them, together with smaller ones that
are at least as large as they are: so each time a row is rewritten its file at least doubles, and
that happens a handful of times until it is full. Due are also files of which less than half still
counts: they lose more than they keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal
from uuid import UUID

Which = Literal["due", "dirty", "all"]

TARGET_BYTES = 128 * 1024 * 1024
MOST_ROWS = 2 * 1024 * 1024
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file with current rows.

    Attributes:
        file_id: Its id.
        path: Relative to the object root.
        row_count: In it.
        size_bytes: Of it.
        is_dirty: The index does not say that all of its rows are current.
        current_rows: How many are.
    """

    file_id: UUID
    path: str
    row_count: int
    size_bytes: int
    is_dirty: bool
    current_rows: int

    def fullness(self, target_bytes: int) -> float:
        """Return how much of a full file its current rows are; 1 and more is full."""
        return self.stored(target_bytes) * self.current_rows / self.row_count

    def stored(self, target_bytes: int) -> float:
        """Return how much of a full file all of its rows are."""
        return max(self.size_bytes / target_bytes, self.row_count / MOST_ROWS)

    @property
    def is_half_empty(self) -> bool:
        """Whether most of its rows count no more."""
        return 2 * self.current_rows < self.row_count


def groups(
    candidates: Sequence[Candidate], target_bytes: int, which: Which
) -> list[list[Candidate]]:
    """Return which files to merge with one another.

    Args:
        candidates: All files of a version with current rows, in the order of their commits.
        target_bytes: Size of a full file.
        which: `due` those that are worth it now; `dirty` all that hold rows that count no more;
            `all` these and whatever is less than half full.
    """
    chosen = {candidate.file_id for candidate in _chosen(candidates, target_bytes, which)}
    picked = [candidate for candidate in candidates if candidate.file_id in chosen]
    # By what has to be read, which a group holds in memory; what remains of it may be much less.
    return _cut(picked, [candidate.stored(target_bytes) for candidate in picked])


def _chosen(
    candidates: Sequence[Candidate], target_bytes: int, which: Which
) -> Sequence[Candidate]:
    if which == "dirty":
        return [candidate for candidate in candidates if candidate.is_dirty]
    small = [candidate for candidate in candidates if candidate.fullness(target_bytes) < 0.5]
    if which == "all":
        dirty = [c for c in candidates if c.is_dirty and c.fullness(target_bytes) >= 0.5]
        return [*small, *dirty] if len(small) > 1 or any(c.is_dirty for c in small) else dirty
    half_empty = [candidate for candidate in candidates if candidate.is_half_empty]
    rest = sorted(
        (candidate for candidate in small if not candidate.is_half_empty),
        key=lambda candidate: candidate.fullness(target_bytes),
    )
    so_far, taken = sum(candidate.fullness(target_bytes) for candidate in half_empty), 0
    for at, candidate in enumerate(rest, start=1):
        if candidate.fullness(target_bytes) <= so_far:
            taken = at
        so_far += candidate.fullness(target_bytes)
    due = [*half_empty, *rest[:taken]]
    is_enough = sum(candidate.stored(target_bytes) for candidate in due) >= 1
    return due if len(due) >= _FEWEST or is_enough else []


def _cut(files: Sequence[Candidate], stored: Sequence[float]) -> list[list[Candidate]]:
    """Return files in groups that are as large as one another, and about 1."""
    count = max(1, round(sum(stored)))
    made: list[list[Candidate]] = [[] for _ in range(count)]
    for file, own, end in zip(files, stored, accumulate(stored), strict=True):
        # By where its middle lies, which is never quite at the end of the last group.
        made[min(count - 1, int((end - own / 2) / sum(stored) * count))].append(file)
    return [group for group in made if group]
