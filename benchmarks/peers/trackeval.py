"""TrackEval's HOTA, CLEAR and Identity on a frame of `image_boxes`: JSON with seconds and scores.

TrackEval takes text: the boxes are written as KITTI labels first. The time is that of a whole
evaluation without reading the text, and both classes and all sequences are in it.
"""

import contextlib
import importlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

# This script has the name of the package, and the folder of the script comes first.
sys.path.pop(0)
datasets = importlib.import_module("trackeval.datasets")
metrics = importlib.import_module("trackeval.metrics")

REPEATS = 5
STEP_NS = 100_000_000
CLASSES = ("car", "pedestrian")
FIELDS = (
    "HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "MOTA", "MOTP", "CLR_TP",
    "CLR_FN", "CLR_FP", "IDSW", "Frag", "MT", "PT", "ML", "IDF1", "IDP", "IDR",
)  # fmt: skip


def written(boxes, folder):
    """Write the labels as TrackEval wants them, and return the name of the tracker."""
    right, bottom = pl.col("left_px") + pl.col("width_px"), pl.col("top_px") + pl.col("height_px")
    lines = boxes.select(
        "log_id",
        "source",
        frame=pl.col("timestamp_ns") // STEP_NS,
        line=pl.concat_str(
            pl.col("timestamp_ns") // STEP_NS,
            pl.when("tracked").then("track_id").otherwise(pl.lit("-1")),
            "category",
            pl.col("truncation_index").fill_null(-1),
            pl.col("occlusion_index").fill_null(-1),
            pl.lit("-10"),
            "left_px",
            "top_px",
            right,
            bottom,
            pl.lit("-1 -1 -1 -1000 -1000 -1000 -10"),
            pl.col("score").fill_null(1.0),
            separator=" ",
        ),
    )
    (tracker,) = set(lines["source"].unique()) - {"annotation"}
    folders = {
        "annotation": folder / "label_02",
        tracker: folder / "trackers" / tracker / "data",
    }
    for path in folders.values():
        path.mkdir(parents=True)
    for (log, source), part in lines.partition_by("log_id", "source", as_dict=True).items():
        (folders[source] / f"{log}.txt").write_text("\n".join(part["line"]))
    lengths = lines.group_by("log_id").agg(pl.col("frame").max() + 1).sort("log_id").rows()
    sequences = "\n".join(f"{log} empty 000000 {length:06}" for log, length in lengths)
    (folder / "evaluate_tracking.seqmap.training").write_text(sequences + "\n")
    return tracker


def evaluate(folder, tracker):
    dataset = datasets.Kitti2DBox(
        {
            "GT_FOLDER": str(folder),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "PRINT_CONFIG": False,
        }
    )
    quiet = {"PRINT_CONFIG": False}
    judges = [metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet)]
    scores = {category: {} for category in CLASSES}
    started = time.perf_counter()
    # Reads the text, and computes the IoU.
    raw = {name: dataset.get_raw_seq_data(tracker, name) for name in dataset.seq_list}
    for category in CLASSES:
        data = {name: dataset.get_preprocessed_seq_data(raw[name], category) for name in raw}
        for judge in judges:
            results = {name: judge.eval_sequence(data[name]) for name in data}
            scores[category] |= judge.combine_sequences(results)
    ended = time.perf_counter()
    for name in dataset.seq_list:
        for is_truth in (True, False):
            dataset._load_raw_file(tracker, name, is_gt=is_truth)
    reading_s = time.perf_counter() - ended
    plain = {
        category: {field: float(np.mean(found[field])) for field in FIELDS}
        for category, found in scores.items()
    }
    return ended - started - reading_s, reading_s, plain


def main():
    with tempfile.TemporaryDirectory() as temporary, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(temporary)
        tracker = written(pl.read_parquet(sys.argv[1]), folder)
        runs = [evaluate(folder, tracker) for _ in range(REPEATS)]
    seconds, reading_s, scores = zip(*runs, strict=True)
    print(json.dumps({"seconds": min(seconds), "reading_s": min(reading_s), "scores": scores[-1]}))


main()
