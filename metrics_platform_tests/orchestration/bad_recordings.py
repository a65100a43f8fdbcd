"""Recordings as they really come in: each has something about it."""

import math
from collections.abc import Callable
from pathlib import Path

from foxglove import Channel, Context, open_mcap

from metrics_platform_tests.orchestration.platform import upload
from metrics_platform_tests.readers.recordings import SECOND, T0, TENTH, pose, write_foxglove

SAMPLES = 41


def _poses(path: Path, *, times_ns: list[int], x_m: list[float] | None = None) -> None:
    positions = x_m or [float(number) for number in range(len(times_ns))]
    messages = [
        pose(at, x, 0.001 * hash_of(path)) for at, x in zip(times_ns, positions, strict=True)
    ]
    write_foxglove(path, poses=messages, log_times_ns=times_ns)


def hash_of(path: Path) -> int:
    """No two recordings are the same."""
    return sum(path.name.encode())


def _even(count: int = SAMPLES) -> list[int]:
    return [T0 + number * TENTH for number in range(count)]


def good(path: Path) -> None:
    upload(path.parent, path.stem, kind="follow")


def empty_file(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"disk full\n" * 1_000)


def empty_folder(path: Path) -> None:
    path.with_suffix("").mkdir()
    (path.with_suffix("") / "readme.txt").write_text("nothing here")


def truncated(path: Path) -> None:
    upload(path.parent, path.stem, kind="follow", seconds=20.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def unknown_schema(path: Path) -> None:
    context = Context()
    with open_mcap(path, context=context):
        Channel("/weather", message_encoding="json", context=context).log({"rain": hash_of(path)})


def duplicate_times(path: Path) -> None:
    _poses(path, times_ns=sorted(_even() * 2), x_m=[n // 2 * 1.0 for n in range(2 * SAMPLES)])


def unsorted_times(path: Path) -> None:
    times = _even()
    times[10], times[11] = times[11], times[10]
    _poses(path, times_ns=times, x_m=[(at - T0) / TENTH for at in times])


def nan_positions(path: Path) -> None:
    _poses(
        path, times_ns=_even(), x_m=[math.nan if n % 5 == 0 else 1.0 * n for n in range(SAMPLES)]
    )


def infinite_positions(path: Path) -> None:
    _poses(path, times_ns=_even(), x_m=[math.inf if n == 7 else 1.0 * n for n in range(SAMPLES)])


def nothing_but_nan(path: Path) -> None:
    _poses(path, times_ns=_even(), x_m=[math.nan] * SAMPLES)


def clock_set_back(path: Path) -> None:
    times = _even()
    # Into the recording: what is from before it was only delivered late.
    _poses(path, times_ns=times[:30] + [at - 2 * SECOND for at in times[30:]])


def single_pose(path: Path) -> None:
    _poses(path, times_ns=[T0])


BUILDERS: dict[str, Callable[[Path], None]] = {
    builder.__name__: builder
    for builder in (
        good, empty_file, garbage, empty_folder, truncated, unknown_schema, duplicate_times,
        unsorted_times, nan_positions, infinite_positions, nothing_but_nan, clock_set_back,
        single_pose,
    )
}  # fmt: skip
