"""av2's detection evaluation on a frame of `tracks`: JSON with the seconds, and scores by class.

Boxes of the source `annotation` are the truth, and coordinates are relative to the ego. `seconds`
are those of its `evaluate` with one process, which it starts; `steps_seconds` those of the same
steps in this process, without rounding to three digits.
"""

import importlib
import json
import os
import sys
import time

import numpy as np
import polars as pl

# This script has the name of the package, and the folder of the script comes first.
sys.path = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]
steps = importlib.import_module("av2.evaluation.detection.eval")
utils = importlib.import_module("av2.evaluation.detection.utils")

REPEATS = 3
KEY = ["log_id", "timestamp_ns", "category"]
BOX = ["tx_m", "ty_m", "tz_m", "length_m", "width_m", "height_m", "qw", "qx", "qy", "qz"]
NAMES = {"AP": "ap", "ATE": "translation", "ASE": "scale", "AOE": "heading", "CDS": "cds"}


def by_frame(boxes, last):
    return {
        key: part[[*BOX, last]].to_numpy().astype(float)
        for key, part in pl.from_pandas(boxes)
        .partition_by(KEY, maintain_order=True, as_dict=True)
        .items()
    }


def evaluate(detections, truths, config):
    detections, truths = detections.sort_values(KEY), truths.sort_values(KEY)
    found, true = by_frame(detections, "score"), by_frame(truths, "num_interior_pts")
    nothing = np.zeros((0, 11))
    judged = [
        utils.accumulate(found.get(key, nothing), true.get(key, nothing), config)
        for key in sorted(found.keys() | true.keys())
    ]
    columns = [*config.affinity_thresholds_m, "ATE", "ASE", "AOE", "is_evaluated"]
    detections, truths = detections.copy(), truths.copy()
    detections[columns] = np.concatenate([part for part, _ in judged])
    truths[columns] = np.concatenate([part for _, part in judged])
    return steps.summarize_metrics(detections, truths, config)


def main():
    heading = pl.col("heading_rad") / 2
    tracks = (
        pl.read_parquet(sys.argv[1])
        .sort("log_id", "timestamp_ns", "track_id")
        .rename({"x_m": "tx_m", "y_m": "ty_m", "z_m": "tz_m"})
        .with_columns(
            qw=heading.cos(),
            qx=0.0,
            qy=0.0,
            qz=heading.sin(),
            score=pl.col("score").fill_null(1.0),
            num_interior_pts=pl.col("points_count").fill_null(1),
        )
    )
    is_truth = pl.col("source") == "annotation"
    truths, detections = tracks.filter(is_truth), tracks.filter(~is_truth)
    config = utils.DetectionCfg(
        categories=tuple(sorted(truths["category"].unique())), eval_only_roi_instances=False
    )
    truths, detections = truths.to_pandas(), detections.to_pandas()
    steps_seconds, summary = best(lambda: evaluate(detections, truths, config))
    seconds, _ = best(lambda: steps.evaluate(detections, truths, config, n_jobs=1))
    scores = summary.rename(columns=NAMES).to_dict(orient="index")
    print(json.dumps({"seconds": seconds, "steps_seconds": steps_seconds, "scores": scores}))


def best(work):
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


# It is imported again by the process that av2 starts.
if __name__ == "__main__":
    main()
