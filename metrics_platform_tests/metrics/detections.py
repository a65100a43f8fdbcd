"""Detections for tests: made box by box, and those of real logs."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl

from metrics_platform.core import MetricFrame, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.drivable_areas import DrivableAreas
from metrics_platform.signals.ego_poses import EgoPoses
from metrics_platform.signals.tracks import Tracks
from metrics_platform_tests.data import data_path

Box = dict[str, object]
_USUAL: Box = {
    "log_id": "log",
    "timestamp_ns": 0,
    "category": "car",
    "length_m": 4.0,
    "width_m": 2.0,
    "height_m": 1.5,
}


def annotation(x_m: float, track_id: str = "1", **columns: object) -> Box:
    return {"source": "annotation", "x_m": x_m, "track_id": track_id, **columns}


def detection(x_m: float, score: float | None, track_id: str = "1", **columns: object) -> Box:
    return {"source": "detector", "x_m": x_m, "track_id": track_id, "score": score, **columns}


def tracks_of(boxes: Sequence[Box]) -> pl.DataFrame:
    """Return a frame of boxes; coordinates that aren't said are 0, what can be unknown is null."""
    return _frame(Tracks, [{**_USUAL, **box} for box in boxes])


def ego_at(x_m: float = 0.0, *moments_ns: int, log_id: str = "log") -> pl.DataFrame:
    """Return an ego that stands still."""
    rows = [{"log_id": log_id, "timestamp_ns": ns, "x_m": x_m} for ns in moments_ns or (0,)]
    return _frame(EgoPoses, rows)


def square(x_m: float = -100.0, log_id: str = "log") -> pl.DataFrame:
    """Return a drivable area of 200 m from `x_m` on, to 100 m on either side."""
    corners = [(0, -100), (200, -100), (200, 100), (0, 100)]
    rows: list[Box] = [
        {"log_id": log_id, "area_id": "1", "point_index": index, "x_m": x_m + x, "y_m": y}
        for index, (x, y) in enumerate(corners)
    ]
    return _frame(DrivableAreas, rows)


def _frame(model: type[MetricFrame], rows: Sequence[Box]) -> pl.DataFrame:
    columns = model.to_schema().columns
    schema = polars_schema(model)
    usual = {name: None if columns[name].nullable else 0 for name in schema}
    made = [{**usual, **row} for row in rows]
    assert all(set(row) <= set(schema) for row in made)
    return pl.DataFrame(made, schema=schema, strict=False)


PREDICTED_LOG = "3b3570b4-7b0b-3268-a571-b0889dbf40b6"


@cache
def real_detections() -> dict[str, pl.DataFrame]:
    """Return the log of which a tracker's output is known, both read as one recording."""
    log = data_path("argoverse2", "sensor", PREDICTED_LOG)
    predictions = data_path("argoverse2", "predictions", f"{PREDICTED_LOG}.parquet")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for file in (*log.glob("*.feather"), log / "map"):
            (folder / file.name).symlink_to(file)
        (folder / "predictions.parquet").symlink_to(predictions)
        return _read({"log": folder})


def detection_case(name: str) -> dict[str, pl.DataFrame]:
    """Return one of av2's small cases: its logs, whose vehicles stand still at the origin."""
    folder = data_path("argoverse2", "detection_cases")
    labels = pl.read_ipc(folder / "labels.feather")
    still = labels.select("timestamp_ns").unique().sort("timestamp_ns")
    still = still.with_columns(qw=1.0, qx=0.0, qy=0.0, qz=0.0, tx_m=0.0, ty_m=0.0, tz_m=0.0)
    with tempfile.TemporaryDirectory() as made:
        paths = {log_id: Path(made) / log_id for log_id in labels["log_id"].unique()}
        for log_id, path in paths.items():
            path.mkdir()
            still.write_ipc(path / "city_SE3_egovehicle.feather")
            labels.filter(log_id=log_id).write_ipc(path / "annotations.feather")
            (path / "detections.feather").symlink_to(folder / f"{name}.feather")
        return _read(paths)


def _read(paths: dict[str, Path]) -> dict[str, pl.DataFrame]:
    batch = read_logs(paths, ReaderConfig())
    assert not batch.failures
    return {
        name: computed.rows
        for name, computed in batch.signals.items()
        if any(outcome.status is Status.COMPUTED for outcome in computed.outcomes.values())
    }
