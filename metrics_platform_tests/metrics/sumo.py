"""The simulated traffic, and what SUMO's SSM device says about it."""

import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import polars as pl

from metrics_platform.core import Status
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

LOG = "sumo"
FOLLOWING = ("2", "3")
CROSSED = "17"


@cache
def simulated() -> dict[str, pl.DataFrame]:
    """Return the recorded signals of the simulation."""
    batch = read_logs({LOG: data_path("sumo")}, ReaderConfig())
    assert not batch.failures
    return {
        name: computed.rows
        for name, computed in batch.signals.items()
        if computed.outcomes[LOG].status is Status.COMPUTED
    }


def conflicts(path: Path | None = None) -> pl.DataFrame:
    """Return one row per conflict: the two, when it lasted, and values, types and times."""
    rows = []
    for node in ElementTree.parse(path or data_path("sumo", "a.ssm.xml")).getroot():
        row: dict[str, object] = {
            "actor_id": node.attrib["ego"],
            "other_id": node.attrib["foe"],
            "begin_ns": round(float(node.attrib["begin"]) * 1e9),
            "end_ns": round(float(node.attrib["end"]) * 1e9),
        }
        for measure in node:
            value = measure.attrib["value"]
            row[measure.tag] = None if value == "NA" else float(value)
            row[f"{measure.tag}_type"] = measure.attrib["type"]
            time = measure.attrib["time"]
            row[f"{measure.tag}_ns"] = None if time == "NA" else round(float(time) * 1e9)
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
