"""Detections of thousands of boxes scored, against nuscenes-devkit and av2 on the same boxes.

Made up after the one real log with a tracker's output: as many frames and boxes, as far apart, and
as often found. Ours is timed from frames to the rows of the metric, validation left out on both
sides; theirs from their own boxes to the scores. Scores are compared before times.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._peers import run_peer
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.av2_detection import pooled
from metrics_platform.metrics.nuscenes_detection import nuscenes_detection
from metrics_platform.signals.av2_box_matches import av2_box_matches
from metrics_platform.signals.drivable_areas import DrivableAreas
from metrics_platform.signals.ego_poses import EgoPoses
from metrics_platform.signals.nuscenes_box_matches import nuscenes_box_matches
from metrics_platform.signals.tracks import Tracks

_FRAMES = 32
_OBJECTS = 88
_DETECTIONS = 174
_RUNS = 5
_AV2_LOGS = 10
_AV2_CATEGORIES = ("BOLLARD", "BUS", "PEDESTRIAN", "REGULAR_VEHICLE")
_TOLERANCE = 1e-9
_THRESHOLDS = {"0.5": "0_5", "1": "1", "2": "2", "4": "4"}
_NUSCENES = {f"{key}": f"ap_within_{name}_m_ratio" for key, name in _THRESHOLDS.items()} | {
    "trans_err": "translation_error_m",
    "scale_err": "scale_error_ratio",
    "orient_err": "heading_error_rad",
    "vel_err": "velocity_error_mps",
}
_AV2 = {
    "ap": "average_precision_ratio",
    "translation": "translation_error_m",
    "scale": "scale_error_ratio",
    "heading": "heading_error_rad",
    "cds": "composite_detection_score",
}


def run() -> dict[str, float]:
    ego = _ego("log")
    nuscenes = _boxes("car", reach_m=35.0)
    one = _boxes("REGULAR_VEHICLE", reach_m=100.0)
    many = pl.concat(
        _boxes(category, reach_m=100.0, log_id=f"log {number}")
        for number in range(_AV2_LOGS)
        for category in _AV2_CATEGORIES
    )
    egos = pl.concat(_ego(f"log {number}") for number in range(_AV2_LOGS))
    nuscenes_s = _best(lambda: _nuscenes(nuscenes, ego))
    one_s, many_s = _best(lambda: _av2(one, ego)), _best(lambda: _av2(many, egos))
    devkit, alone, together = _peer("nuscenes", nuscenes), _peer("av2", one), _peer("av2", many)
    _same(_nuscenes(nuscenes, ego), devkit["scores"], _NUSCENES)
    _same(_av2(one, ego), alone["scores"], _AV2)
    _same(_av2(many, egos), together["scores"], _AV2)
    return {
        "detection_boxes": float(_FRAMES * _DETECTIONS),
        "detection_nuscenes_ms": nuscenes_s * 1e3,
        "detection_nuscenes_devkit_ms": devkit["seconds"] * 1e3,
        "detection_nuscenes_ratio": devkit["seconds"] / nuscenes_s,
        "detection_av2_ms": one_s * 1e3,
        "detection_av2_peer_ms": alone["seconds"] * 1e3,
        "detection_av2_ratio": alone["seconds"] / one_s,
        "detection_av2_many_boxes": float(len(many.filter(source="detector"))),
        "detection_av2_many_ms": many_s * 1e3,
        "detection_av2_many_ratio": together["seconds"] / many_s,
        # Without the process that av2 starts.
        "detection_av2_many_steps_ratio": together["steps_seconds"] / many_s,
    }


def _nuscenes(tracks: pl.DataFrame, ego: pl.DataFrame) -> pl.DataFrame:
    matches = nuscenes_box_matches(tracks.lazy(), ego.lazy())
    assert not isinstance(matches, pl.LazyFrame)
    scores = nuscenes_detection(matches.rows)
    assert isinstance(scores, pl.LazyFrame)
    return scores.collect()


def _av2(tracks: pl.DataFrame, egos: pl.DataFrame) -> pl.DataFrame:
    nowhere = pl.LazyFrame(schema=polars_schema(DrivableAreas))
    matches = av2_box_matches(
        tracks.lazy(), egos.lazy(), nowhere, configuration="av2_2023_without_region"
    )
    assert not isinstance(matches, pl.LazyFrame)
    # Of all logs together, as the peer has it.
    return pooled(matches.rows, ["source"]).collect()


def _peer(name: str, tracks: pl.DataFrame) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "tracks.parquet"
        tracks.write_parquet(given)
        return run_peer(name, given)


def _best(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _same(
    ours: pl.DataFrame, theirs: Mapping[str, Mapping[str, float]], names: Mapping[str, str]
) -> None:
    for class_name, scores in theirs.items():
        row = ours.filter(class_name=class_name).row(0, named=True)
        for key, name in names.items():
            off = abs(row[name] - scores[key])
            assert off <= _TOLERANCE, f"{class_name} {name}: {row[name]} here, {scores[key]} there"


def _ego(log_id: str) -> pl.DataFrame:
    rows = {name: [0.0] * _FRAMES for name in polars_schema(EgoPoses)}
    given = {**rows, "log_id": [log_id] * _FRAMES, "timestamp_ns": _moments()}
    return pl.DataFrame(given, schema=polars_schema(EgoPoses), strict=False)


def _moments() -> list[int]:
    return [i * 500_000_000 for i in range(_FRAMES)]


def _boxes(category: str, *, reach_m: float, log_id: str = "log") -> pl.DataFrame:
    """Return objects over a disc, and detections of which about half are near one."""
    rng = np.random.default_rng(list(f"{log_id} {category}".encode()))
    shape = (_FRAMES, _OBJECTS)
    angle = rng.uniform(0, 2 * np.pi, shape)
    radius = reach_m * np.sqrt(rng.uniform(0, 1, shape))
    objects = {
        "x_m": radius * np.cos(angle),
        "y_m": radius * np.sin(angle),
        "heading_rad": rng.uniform(-np.pi, np.pi, shape),
        "length_m": rng.uniform(3, 6, shape),
        "velocity_x_mps": rng.uniform(-9, 9, shape),
        "velocity_y_mps": rng.uniform(-9, 9, shape),
    }
    spread = {"x_m": 1.0, "y_m": 1.0, "heading_rad": 0.3, "length_m": 0.2}
    source = rng.integers(0, _OBJECTS, (_FRAMES, _DETECTIONS))
    found = {
        name: np.take_along_axis(values, source, axis=1)
        + rng.normal(0, spread.get(name, 0.5), source.shape)
        for name, values in objects.items()
    }
    elsewhere = rng.uniform(0, 1, source.shape) < 0.5
    for name in ("x_m", "y_m"):
        found[name] = np.where(
            elsewhere, rng.uniform(-reach_m / 2, reach_m / 2, source.shape), found[name]
        )
    truths = _tracks(objects, "annotation", category, log_id, None)
    scores = rng.uniform(0.01, 1, source.size)
    return pl.concat([truths, _tracks(found, "detector", category, log_id, scores)])


def _tracks(
    boxes: Mapping[str, np.ndarray],
    source: str,
    category: str,
    log_id: str,
    scores: np.ndarray | None,
) -> pl.DataFrame:
    count = next(iter(boxes.values())).shape[1]
    schema = polars_schema(Tracks)
    usual = {name: None for name in schema}
    given = {
        **usual,
        "log_id": log_id,
        "timestamp_ns": np.repeat(_moments(), count),
        "source": source,
        "track_id": [f"{category} {i:04}" for i in range(count)] * _FRAMES,
        "category": category,
        "z_m": 0.0,
        "width_m": 2.0,
        "height_m": 1.5,
        "score": scores,
        **{name: values.ravel() for name, values in boxes.items()},
    }
    return pl.DataFrame(given, schema=schema, strict=False)
