"""nuscenes-devkit on a frame of `tracks`: JSON with the seconds it takes, and scores by class.

Categories are class names of nuScenes; boxes of the source `annotation` are the truth. Boxes are
filtered beforehand. Times are those of evaluating, without making the devkit's boxes.
"""

import importlib
import json
import math
import sys
import time

import numpy as np
import polars as pl

# This script has the name of the package, and the folder of the script comes first.
sys.path.pop(0)
algo = importlib.import_module("nuscenes.eval.detection.algo")
boxes_module = importlib.import_module("nuscenes.eval.common.data_classes")
detection_module = importlib.import_module("nuscenes.eval.detection.data_classes")
utils = importlib.import_module("nuscenes.eval.common.utils")

THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
ERRORS = ("trans_err", "scale_err", "orient_err", "vel_err")
REPEATS = 2


def eval_boxes(rows, samples):
    made = boxes_module.EvalBoxes()
    for sample in samples:
        made.add_boxes(sample, [])
    for row in rows.iter_rows(named=True):
        sample = f"{row['log_id']} {row['timestamp_ns']}"
        heading = row["heading_rad"] / 2
        velocity = [row["velocity_x_mps"], row["velocity_y_mps"]]
        box = detection_module.DetectionBox(
            sample_token=sample,
            translation=(row["x_m"], row["y_m"], row["z_m"]),
            size=(row["width_m"], row["length_m"], row["height_m"]),
            rotation=(math.cos(heading), 0.0, 0.0, math.sin(heading)),
            velocity=tuple(math.nan if v is None else v for v in velocity),
            detection_name=row["category"],
            detection_score=1.0 if row["score"] is None else row["score"],
        )
        made.add_boxes(sample, [box])
    return made


def evaluate(truth, found, names):
    scores = {}
    for name in names:
        at = {
            reach: algo.accumulate(truth, found, name, utils.center_distance, reach)
            for reach in THRESHOLDS_M
        }
        scores[name] = {f"{r:g}": algo.calc_ap(at[r], 0.1, 0.1) for r in THRESHOLDS_M}
        scores[name] |= {error: algo.calc_tp(at[2.0], 0.1, error) for error in ERRORS}
    return scores


def main():
    tracks = pl.read_parquet(sys.argv[1]).sort("log_id", "timestamp_ns", "track_id")
    moments = tracks.select("log_id", "timestamp_ns").unique(maintain_order=True)
    samples = [f"{log_id} {ns}" for log_id, ns in moments.iter_rows()]
    is_truth = pl.col("source") == "annotation"
    truth = eval_boxes(tracks.filter(is_truth), samples)
    found = eval_boxes(tracks.filter(~is_truth), samples)
    names = sorted(tracks.filter(is_truth)["category"].unique())
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        scores = evaluate(truth, found, names)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": min(seconds), "scores": scores, "numpy": np.__version__}))


main()
