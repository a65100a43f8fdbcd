import math
from uuid import uuid4

import pytest

from metrics_platform.store.merge_policy import MOST_ROWS, Candidate, groups

TARGET = 1_000


def file(size: int, *, current: float = 1.0, dirty: bool = False) -> Candidate:
    """A file of so many bytes and rows, of which a part is current."""
    is_dirty = dirty or current < 1
    return Candidate(uuid4(), "log/x/v1.0.0/f", size, size, is_dirty, round(size * current))


def sizes(files: list[Candidate], which: str = "due") -> list[list[int]]:
    return [[c.size_bytes for c in group] for group in groups(files, TARGET, which)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "merged"),
    [
        pytest.param([], [], id="nothing there"),
        pytest.param([file(10)], [], id="one small file"),
        pytest.param([file(10)] * 1 + [file(11), file(12)], [], id="few small files"),
        pytest.param([file(9 + n) for n in range(8)], [[*range(9, 17)]], id="enough of them"),
        pytest.param([file(400), file(450), file(300)], [[400, 450, 300]], id="few fill a file"),
        pytest.param([file(1_000), file(900), file(600)], [], id="full ones stay"),
        pytest.param([file(1_000, current=0.6)], [], id="more than half of it counts"),
        pytest.param([file(1_000, current=0.4)], [[1_000]], id="less than half of it counts"),
        pytest.param(
            [file(1_000, current=0.1), file(900, current=0.2), file(500, current=0.1)],
            [[1_000], [900, 500]],
            id="no more is read at once than a full file, however little of it remains",
        ),
        pytest.param([file(100, current=0.1)], [], id="little of it counts, but it is small"),
        pytest.param(
            [file(400), *(file(10 + n) for n in range(8))],
            [[*range(10, 18)]],
            id="the larger one waits until the others are as large together",
        ),
        pytest.param(
            [file(70), *(file(10 + n) for n in range(8))],
            [[70, *range(10, 18)]],
            id="which they are",
        ),
        pytest.param(
            [file(300 + n) for n in range(8)],
            [[300, 301, 302, 303], [304, 305, 306, 307]],
            id="as many new files as there is content for",
        ),
    ],
)
def test_what_is_due(files: list[Candidate], merged: list[list[int]]) -> None:
    assert sizes(files) == merged


def test_rows_fill_a_file_too() -> None:
    many = Candidate(uuid4(), "p", MOST_ROWS, 10, False, MOST_ROWS)
    few = [Candidate(uuid4(), "p", MOST_ROWS // 8, 10, False, MOST_ROWS // 8) for _ in range(8)]
    assert groups([many, *few], TARGET, "all") == [few]


def test_dirty_and_all() -> None:
    files = [file(1_000), file(1_000, dirty=True), file(5), file(6), file(7, current=0.9)]
    assert sizes(files, "dirty") == [[1_000, 7]]
    assert sizes(files, "all") == [[1_000, 5, 6, 7]]
    assert sizes([file(1_000), file(5)], "all") == []
    assert sizes([file(5, dirty=True)], "all") == [[5]]


def test_no_row_is_rewritten_over_and_over() -> None:
    """A fleet that adds twenty files an hour, compacted every hour, for a month."""
    standing: list[Candidate] = []
    added = rewritten = 0
    most = 0
    for _ in range(30 * 24):
        standing += [file(5) for _ in range(20)]
        added += 100
        for group in groups(standing, TARGET, "due"):
            gone = {candidate.file_id for candidate in group}
            size = sum(candidate.size_bytes for candidate in group)
            standing = [c for c in standing if c.file_id not in gone] + [file(size)]
            rewritten += size
        most = max(most, sum(c.fullness(TARGET) < 0.5 for c in standing))
    assert rewritten <= added * (1 + math.log2(TARGET / 100))
    assert most < 10
    assert len(standing) <= 2 * added / TARGET
