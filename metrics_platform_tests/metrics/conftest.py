"""Real recordings, read once for all tests of metrics."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

RealLogs = Callable[[str], dict[str, pl.DataFrame]]

_FOLDERS = {"comma2k19": ("comma2k19", "Example_1"), "argoverse2": ("argoverse2", "sensor")}


@pytest.fixture(scope="session")
def real_logs() -> RealLogs:
    """Return a function from the beginning of a log's name to its recorded signals."""
    return read_real_log


def _path(log: str) -> Path:
    if log == "robot":
        return data_path("robot", "nav2_turtlebot.mcap")
    if log == "comma2k19":
        return next(data_path(*_FOLDERS["comma2k19"]).iterdir())
    return next(data_path(*_FOLDERS["argoverse2"]).glob(f"{log}*"))


@cache
def read_real_log(log: str) -> dict[str, pl.DataFrame]:
    batch = read_logs({log: _path(log)}, ReaderConfig())
    assert not batch.failures
    return {
        name: computed.rows
        for name, computed in batch.signals.items()
        if computed.outcomes[log].status is Status.COMPUTED
    }
