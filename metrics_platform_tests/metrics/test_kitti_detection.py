"""Scores by the rules of KITTI: by hand, and against the rules written out a second time."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.kitti_rules import KITTI_CONFIGURATIONS
from metrics_platform.metrics.kitti_detection import pooled
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.image_boxes import ImageBoxes
from metrics_platform.signals.kitti_confidence_counts import kitti_confidence_counts
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.image_boxes import kitti_logs
from metrics_platform_tests.metrics.kitti_devkit import Box, average_precisions

_USUAL: Box = {
    "log_id": "log", "timestamp_ns": 0, "source": "annotation", "category": "Car", "tracked": False,
    "ignored": False, "left_px": 0.0, "top_px": 0.0, "width_px": 50.0, "height_px": 50.0,
    "truncation_index": 0, "occlusion_index": 0, "x_m": 0.0, "y_m": 0.0, "z_m": 0.0,
    "heading_rad": 0.0, "length_m": 4.0, "width_m": 2.0, "height_m": 1.5,
}  # fmt: skip


def car(track_id: str, x_m: float, **columns: object) -> Box:
    return {**_USUAL, "track_id": track_id, "x_m": x_m, **columns}


def detected(track_id: str, x_m: float, score: float | None, **columns: object) -> Box:
    return {**car(track_id, x_m), "source": "detector", "score": score, **columns}


def frame_of(boxes: Sequence[Box]) -> pl.DataFrame:
    schema = polars_schema(ImageBoxes)
    columns = [{name: box.get(name) for name in schema} for box in boxes]
    return pl.DataFrame(columns, schema=schema)


def scores_of(boxes: pl.DataFrame, by: Sequence[str] = ("source",)) -> pl.DataFrame:
    made = kitti_confidence_counts(boxes.lazy())
    assert not isinstance(made, pl.LazyFrame)
    return pooled(made.rows, by).collect()


def by_the_book(boxes: pl.DataFrame, class_name: str, view: str, difficulty: str) -> list[float]:
    ordered = boxes.filter(~pl.col("ignored")).with_columns(
        pl.when(pl.col("source") != "annotation").then(pl.col("score").fill_null(1.0))
    )
    ordered = ordered.sort("log_id", "timestamp_ns", "track_id")
    frames = []
    for part in ordered.partition_by("log_id", "timestamp_ns", maintain_order=True):
        is_truth = pl.col("source") == "annotation"
        frames.append((part.filter(is_truth).to_dicts(), part.filter(~is_truth).to_dicts()))
    return list(average_precisions(frames, class_name, view, difficulty))


def assert_by_the_book(boxes: pl.DataFrame, class_names: Sequence[str]) -> None:
    scores = scores_of(boxes)
    for row in scores.filter(pl.col("class_name").is_in(list(class_names))).to_dicts():
        if row["truths_count"] == 0:
            assert row["ap_r40_ratio"] is None
            continue
        expected = by_the_book(boxes, row["class_name"], row["view"], row["difficulty"])
        assert [row["ap_r40_ratio"], row["ap_r11_ratio"]] == pytest.approx(expected, abs=1e-12)


def test_forty_found_objects_are_a_full_score() -> None:
    boxes = [car(f"{i:02}", 10.0 * i) for i in range(40)]
    boxes += [detected(f"{i:02}", 10.0 * i, 0.5 + i / 100) for i in range(40)]
    row = scores_of(frame_of(boxes)).filter(class_name="car", view="space", difficulty="easy")
    # The kit looks at 40 confidences, for recalls 0 to 39/40: the last recall is never reached.
    assert row["ap_r40_ratio"].item() == pytest.approx(39 / 40)
    assert row["ap_r11_ratio"].item() == pytest.approx(10 / 11)


def test_nothing_found_scores_nothing() -> None:
    boxes = frame_of([car("a", 0.0), detected("d", 50.0, 0.5)])
    assert scores_of(boxes).filter(class_name="car")["ap_r40_ratio"].to_list() == [0.0] * 6
    made = compute_on({"image_boxes": boxes}, "kitti_detection")
    assert made.summary["moderate_car_ap_in_space"].item() == 0.0


half_metres = st.integers(0, 12).map(lambda n: n / 2)
drawn = st.lists(
    st.tuples(
        st.integers(0, 2),
        half_metres,
        st.sampled_from([0.0, 0.1, 3.1]),
        st.sampled_from(["Car", "Van", "Pedestrian", "Tram"]),
        st.sampled_from([20.0, 30.0, 50.0]),
        st.sampled_from([0, 0, 1, 3]),
        st.sampled_from([0.2, 0.5, 0.9]),
    ),
    min_size=1,
    max_size=14,
)
Drawn = list[tuple[int, float, float, str, float, int, float]]


@settings(deadline=None, max_examples=60)
@given(drawn, drawn)
def test_crowded_scenes_are_judged_by_the_book(objects: Drawn, found: Drawn) -> None:
    boxes = [
        car(f"{i:02}", x, timestamp_ns=t, heading_rad=turn, category=name)
        | {"height_px": height, "occlusion_index": level}
        for i, (t, x, turn, name, height, level, _) in enumerate(objects)
    ]
    boxes += [
        detected(f"{i:02}", x + 0.2, score, timestamp_ns=t, heading_rad=turn, category=name)
        | {"height_px": height}
        for i, (t, x, turn, name, height, _, score) in enumerate(found)
    ]
    assert_by_the_book(frame_of(boxes), list(KITTI_CONFIGURATIONS["kitti_2017"].min_iou))


@pytest.fixture(scope="module")
def kitti(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder: Path = tmp_path_factory.mktemp("kitti")
    return read_logs(kitti_logs(folder), ReaderConfig()).signals["image_boxes"].rows


def test_real_boxes_are_judged_by_the_book(kitti: pl.DataFrame) -> None:
    # CIWT gives no headings: most cars stand or drive along the road.
    straight = kitti.filter(pl.col("log_id").is_in(["0006", "0010"])).with_columns(
        pl.col("heading_rad").fill_null(0.0)
    )
    assert_by_the_book(straight, ["car"])
    scores = scores_of(straight).filter(class_name="car", view="ground", difficulty="moderate")
    assert scores["found_count"].item() > 100


def test_annotations_displaced_and_scored_are_judged_by_the_book(kitti: pl.DataFrame) -> None:
    number = pl.int_range(pl.len())
    truths = kitti.filter(pl.col("log_id").is_in(["0014", "0016"]), source="annotation")
    shift = (number * 7 % 5) * 0.15
    found = truths.filter(~pl.col("ignored"), number % 9 != 0).with_columns(
        source=pl.lit("detector"),
        x_m=pl.col("x_m") + shift,
        heading_rad=pl.col("heading_rad") * 0.98,
        score=(number * 37 % 101) / 100,
    )
    both = pl.concat([truths, found.with_columns(pl.col("track_id") + "d")])
    assert_by_the_book(both, ["car", "pedestrian", "cyclist"])


def test_a_tracker_without_headings_is_not_judged_in_space(kitti: pl.DataFrame) -> None:
    boxes = kitti.filter(log_id="0006")
    outcome = compute_on({"image_boxes": boxes}, "kitti_detection").outcomes["0006"]
    assert "has a place in space" in (outcome.reason or "")


def test_two_logs_pooled_are_one(kitti: pl.DataFrame) -> None:
    boxes = kitti.filter(pl.col("log_id").is_in(["0006", "0010"])).with_columns(
        pl.col("heading_rad").fill_null(0.0)
    )
    one = boxes.with_columns(
        log_id=pl.lit("one"),
        timestamp_ns=pl.col("timestamp_ns") + pl.col("log_id").cast(pl.Int64) * 10**12,
    )
    together = scores_of(boxes).sort("class_name", "view", "difficulty")
    assert together.equals(scores_of(one).sort("class_name", "view", "difficulty"))
    apart = scores_of(boxes, ["log_id", "source"])
    assert apart["log_id"].n_unique() == 2
    assert apart["truths_count"].sum() == together["truths_count"].sum()
