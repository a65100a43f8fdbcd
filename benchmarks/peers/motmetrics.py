"""motmetrics on one log of `image_boxes`: JSON with the seconds and scores."""

import importlib
import json
import sys
import time

import polars as pl

# This script has the name of the package, and the folder of the script comes first.
sys.path.pop(0)
motmetrics = importlib.import_module("motmetrics")
pandas = importlib.import_module("pandas")

REPEATS = 5
FIELDS = (
    "mota", "motp", "idf1", "idp", "idr", "recall", "precision", "mostly_tracked",
    "partially_tracked", "mostly_lost", "num_false_positives", "num_misses", "num_switches",
    "num_fragmentations",
)  # fmt: skip
COLUMNS = {"X": "left_px", "Y": "top_px", "Width": "width_px", "Height": "height_px"}


def side(boxes):
    keys = {
        "FrameId": boxes["timestamp_ns"].to_numpy(),
        "Id": boxes["track_id"].cast(pl.Int64).to_numpy(),
    }
    values = {name: boxes[column].to_numpy() for name, column in COLUMNS.items()}
    return pandas.DataFrame(keys | values).set_index(["FrameId", "Id"])


def evaluate(objects, found):
    matched = motmetrics.utils.compare_to_groundtruth(objects, found, "iou", distth=0.5)
    table = motmetrics.metrics.create().compute(matched, metrics=list(FIELDS), name="log")
    return {field: float(table[field].item()) for field in FIELDS}


def main():
    boxes = (
        pl.read_parquet(sys.argv[1])
        .with_columns(pl.col("timestamp_ns").rank("dense"))
        .sort("timestamp_ns", pl.col("track_id").cast(pl.Int64))
    )
    is_truth = pl.col("source") == "annotation"
    objects, found = side(boxes.filter(is_truth)), side(boxes.filter(~is_truth))
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        scores = evaluate(objects, found)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": min(seconds), "scores": scores}))


main()
