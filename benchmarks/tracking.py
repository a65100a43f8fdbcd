"""Trackers judged on real sequences, against TrackEval and motmetrics on the same boxes.

Nine KITTI sequences with the tracker CIWT, and MOT15's TUD-Campus, alone and as one of a hundred
logs in one call, per log. Timed from boxes in memory to
the scores of all sequences together; each side's own reading of the text is left out. Ours computes
HOTA for TUD-Campus too, which motmetrics hasn't. Scores are compared before times.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks._peers import run_peer
from metrics_platform.core import Rows
from metrics_platform.kernels.tracking_scores import pooled
from metrics_platform.metrics.kitti_tracking import kitti_tracking
from metrics_platform.metrics.mot_tracking import mot_tracking
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_RUNS = 10
# Logs are judged many in one call: the same once more, with so many logs like it.
_BATCH = 100
_TOLERANCE = 1e-9
_KITTI = {
    "HOTA": "hota_ratio",
    "DetA": "det_a_ratio",
    "AssA": "ass_a_ratio",
    "LocA": "loc_a_ratio",
    "DetRe": "det_re_ratio",
    "DetPr": "det_pr_ratio",
    "AssRe": "ass_re_ratio",
    "AssPr": "ass_pr_ratio",
    "MOTA": "mota_ratio",
    "MOTP": "motp_similarity_ratio",
    "CLR_TP": "true_positives_count",
    "CLR_FN": "misses_count",
    "CLR_FP": "false_positives_count",
    "IDSW": "switches_count",
    "Frag": "fragmentations_count",
    "MT": "mostly_tracked_count",
    "PT": "partially_tracked_count",
    "ML": "mostly_lost_count",
    "IDF1": "idf1_ratio",
    "IDP": "idp_ratio",
    "IDR": "idr_ratio",
}
_MOT = {
    "mota": "mota_ratio",
    "motp": "motp_distance_ratio",
    "idf1": "idf1_ratio",
    "idp": "idp_ratio",
    "idr": "idr_ratio",
    "recall": "recall_ratio",
    "precision": "precision_ratio",
    "mostly_tracked": "mostly_tracked_count",
    "partially_tracked": "partially_tracked_count",
    "mostly_lost": "mostly_lost_count",
    "num_false_positives": "false_positives_count",
    "num_misses": "misses_count",
    "num_switches": "switches_count",
    "num_fragmentations": "fragmentations_count",
}


def run() -> dict[str, float]:
    root = Path(os.environ.get("METRICS_PLATFORM_TEST_DATA") or _DATA)
    if not root.is_dir():
        sys.exit(f"no real recordings at {root}; METRICS_PLATFORM_TEST_DATA names their folder")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        kitti = _boxes(_kitti_logs(root / "kitti_tracking", Path(folder)))
        reading_s = time.perf_counter() - started
        mot = _boxes({"TUD-Campus": root / "mot15" / "TUD-Campus"})
    kitti_s = _best(lambda: _kitti(kitti))
    mot_s = _best(lambda: _mot(mot))
    copies = [mot.with_columns(log_id=pl.lit(f"copy_{number}")) for number in range(_BATCH)]
    batch = pl.concat(copies)
    batch_s = _best(lambda: _mot(batch)) / _BATCH
    trackeval, motmetrics = _judged_by("trackeval", kitti), _judged_by("motmetrics", mot)
    for category, scores in trackeval["scores"].items():
        _same(
            _kitti(kitti).row(by_predicate=pl.col("category") == category, named=True),
            scores,
            _KITTI,
        )
    _same(_mot(mot).row(0, named=True), motmetrics["scores"], _MOT)
    return {
        "tracking_kitti_ms": kitti_s * 1e3,
        "tracking_kitti_trackeval_ms": trackeval["seconds"] * 1e3,
        "tracking_kitti_ratio": trackeval["seconds"] / kitti_s,
        "tracking_kitti_reading_ms": reading_s * 1e3,
        "tracking_kitti_trackeval_reading_ms": trackeval["reading_s"] * 1e3,
        "tracking_mot15_ms": mot_s * 1e3,
        "tracking_mot15_motmetrics_ms": motmetrics["seconds"] * 1e3,
        "tracking_mot15_ratio": motmetrics["seconds"] / mot_s,
        "tracking_mot15_batch_ms": batch_s * 1e3,
        "tracking_mot15_batch_ratio": motmetrics["seconds"] / batch_s,
    }


def _kitti_logs(kitti: Path, folder: Path) -> dict[str, Path]:
    """Lay out each sequence as a log: a folder with the annotation and the tracker."""
    logs = {}
    for truth in sorted((kitti / "ground_truth").glob("*.txt")):
        log = logs[truth.stem] = folder / truth.stem
        log.mkdir()
        (log / "gt.txt").write_bytes(truth.read_bytes())
        (log / "ciwt.txt").write_bytes((kitti / "ciwt" / truth.name).read_bytes())
    return logs


def _boxes(logs: Mapping[str, Path]) -> pl.DataFrame:
    batch = read_logs(logs, ReaderConfig())
    assert not batch.failures, batch.failures
    return batch.signals["image_boxes"].rows


def _judged_by(peer: str, boxes: pl.DataFrame) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "image_boxes.parquet"
        boxes.write_parquet(given)
        return run_peer(peer, given)


def _kitti(boxes: pl.DataFrame) -> pl.DataFrame:
    scores = kitti_tracking(boxes.lazy())
    assert isinstance(scores, Rows)
    return pooled(scores.rows, ["category"]).collect()


def _mot(boxes: pl.DataFrame) -> pl.DataFrame:
    scores = mot_tracking(boxes.lazy())
    assert isinstance(scores, Rows)
    return scores.rows.collect()


def _best(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _same(ours: Mapping[str, float], theirs: Mapping[str, float], names: Mapping[str, str]) -> None:
    for key, name in names.items():
        off = abs(ours[name] - theirs[key])
        assert off <= _TOLERANCE, f"{name}: {ours[name]} here, {theirs[key]} there"
