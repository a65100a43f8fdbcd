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
# All there are: whatever is computed of pairs has to get through them.
COMMONROAD = (
    "DEU_Gar-1_1_T-1",
    "DEU_Moabit-4_1_T-1",
    "OSC_CutIn-1_2_T-1",
    "OSC_PedestrianCollision-1_1_T-1",
    "USA_US101-5_1_T-1",
    "ZAM_Tjunction-1_97_T-1",
    "ZAM_Urban-3_3_Repair",
    "ZAM_Zip-1_56_T-1",
)


@pytest.fixture(scope="session")
def real_logs() -> RealLogs:
    """Return a function from the beginning of a log's name to its recorded signals."""
    return read_real_log


def _path(log: str) -> Path:
    if log == "robot":
        return data_path("robot", "nav2_turtlebot.mcap")
    if log == "comma2k19":
        return next(data_path(*_FOLDERS["comma2k19"]).iterdir())
    if log in COMMONROAD:
        return data_path("commonroad", f"{log}.xml")
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
