"""A camera's images with annotated boxes and a tracker, as part of a synthetic log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from metrics_platform.core.definitions import Tolerance
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.image_boxes import ImageBoxes
from metrics_platform.testing.answers import About, Known, Value
from metrics_platform.testing.detections import AV2_NAMES
from metrics_platform.testing.faults import Fault
from metrics_platform.testing.image_boxes import objects_of
from metrics_platform.testing.synthetic_frames import Frames

TRACKER = "camera_tracker"
# A box 40 pixels wide, 2 to the right of the object's.
_ASIDE_PX, _WIDTH_PX = 2.0, 40.0
_BELOW_PX, _BEHIND_M = 150.0, 100.0
# At which KITTI reads precision.
_RECALLS = 40
_CLASSES = {"car": "Car", "pedestrian": "Pedestrian"}


@dataclass(frozen=True)
class CameraErrors(Fault):
    """A camera in whose images a tracker follows all road users, and errs.

    Nothing is projected: each road user has a column of the image to itself.

    What is known of it exactly: the counts, round(ratio · boxes) of each kind, so MOTA and IDF1 of
    cars and of pedestrians by the rules of KITTI and MOTChallenge; all overlap by 38 / 42. In space
    the boxes are right, or nowhere near: KITTI's average precision is precision x recall.

    Attributes:
        missed_ratio: Of the annotated boxes, how many the tracker doesn't see.
        false_ratio: Boxes below an object, where nothing is, per annotated box.
        switch_at_s: Since the start; from then on all tracks have other ids. None for never.
        seed: Of what is chosen.
    """

    hides: ClassVar[frozenset[str]] = frozenset({"identity_switches", "track_lifetimes"})

    missed_ratio: float = 0.0
    false_ratio: float = 0.0
    switch_at_s: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not (0 <= self.missed_ratio <= 1 and 0 <= self.false_ratio <= 1):
            raise ConfigurationError(f"{self}: shares lie between 0 and 1")

    def befall(self, frames: Frames) -> Frames:
        """Add `image_boxes`.

        Raises:
            ConfigurationError: Nobody is there to be seen.
        """
        boxes = self._boxes(frames)
        objects = boxes.with_columns(truncation_index=pl.lit(0, pl.Int64))
        tracked = boxes.with_columns(
            source=pl.lit(TRACKER),
            left_px=pl.col("left_px") + _ASIDE_PX,
            truncation_index=pl.lit(None, pl.Int64),
            occlusion_index=pl.lit(None, pl.Int64),
            score=pl.lit(0.9),
        )
        again = pl.when("_switched").then(pl.format("{} again", "track_id")).otherwise("track_id")
        seen = tracked.filter("_seen").with_columns(track_id=again)
        false = tracked.filter("_false_beside").with_columns(
            track_id=pl.format("false {}", pl.int_range(pl.len())),
            top_px=pl.col("top_px") + _BELOW_PX,
            x_m=pl.col("x_m") + _BEHIND_M,
        )
        schema = polars_schema(ImageBoxes)
        rows = pl.concat([objects, seen, false], how="diagonal_relaxed")
        absent = [pl.lit(None).alias(name) for name in schema if name not in rows.columns]
        made = rows.with_columns(absent).select(schema.names()).cast(schema)
        key = ["log_id", "timestamp_ns", "source", "track_id"]
        return {**frames, "image_boxes": made.sort(key)}

    def known(self, frames: Frames) -> Known:
        """Return what metrics of tracking in images find."""
        boxes = self._boxes(frames)
        scores = {name: _scores(boxes.filter(category=told)) for name, told in _CLASSES.items()}
        in_images: dict[str, Value] = {
            f"{name}_{score}": value
            for name, found in scores.items()
            for score, value in found.items()
        }
        switches = sum(found["switches"] or 0 for found in scores.values())
        names = ("moderate_car_ap_in_space", "moderate_car_ap_on_ground")
        cars = boxes.filter(category=_CLASSES["car"])
        # Fewer objects than recalls: most of these are never reached.
        few = 0 < len(cars) <= _RECALLS
        in_space = {} if few else dict.fromkeys(names, _average_precision(cars))
        return {
            "kitti_detection": in_space,
            "kitti_tracking": in_images,
            "mot_tracking": scores["pedestrian"],
            "identity_switches": {"identity_switches": switches},
        }

    def _boxes(self, frames: Frames) -> pl.DataFrame:
        """Return the annotated boxes, and what becomes of each."""
        if frames["tracks"].is_empty():
            raise ConfigurationError(f"{self}: nobody is there to be seen")
        # A detector's boxes are no objects.
        named = {theirs: ours for ours, theirs in AV2_NAMES.items()}
        tracks = frames["tracks"].filter(pl.col("source") == pl.col("source").min())
        tracks = tracks.with_columns(pl.col("category").replace(named))
        objects = objects_of(tracks).sort("timestamp_ns", "track_id")
        order = np.random.default_rng(self.seed).permutation(len(objects))
        rank = np.empty(len(objects), dtype=np.int64)
        rank[order] = np.arange(len(objects))
        start_ns = frames["recordings"]["start_ns"].item()
        switched = pl.lit(value=False)
        if self.switch_at_s is not None:
            switched = (pl.col("timestamp_ns") - start_ns) * 1e-9 >= self.switch_at_s - 1e-9
        made: pl.DataFrame = objects.with_columns(
            pl.Series("_seen", rank >= round(self.missed_ratio * len(objects))),
            pl.Series("_false_beside", rank < round(self.false_ratio * len(objects))),
            _switched=switched,
        )
        return made


def _scores(boxes: pl.DataFrame) -> Mapping[str, float | None]:
    """Return the scores of one class."""
    names = ("mota", "motp", "idf1", "switches")
    if boxes.is_empty():
        return {**dict.fromkeys(names), "switches": 0}
    seen = boxes.filter("_seen")
    truths, found, false = len(boxes), len(seen), int(boxes["_false_beside"].sum())
    # Of each object, by its id before and after the switch.
    ids = seen.group_by("track_id", "_switched").len().group_by("track_id").agg(
        most=pl.col("len").max(), switches=pl.len() - 1
    )  # fmt: skip
    switches = int(ids["switches"].sum())
    return {
        "mota": 1 - (truths - found + false + switches) / truths,
        "motp": (_WIDTH_PX - _ASIDE_PX) / (_WIDTH_PX + _ASIDE_PX) if found else None,
        "idf1": 2 * int(ids["most"].sum()) / (truths + found + false),
        "switches": switches,
    }


def _average_precision(boxes: pl.DataFrame) -> Value:
    """Return KITTI's, of boxes that are all equally certain: precision x recall."""
    if boxes.is_empty():
        return None
    found, false = int(boxes["_seen"].sum()), int(boxes["_false_beside"].sum())
    if not found:
        return 0.0
    value = found / (found + false) * found / len(boxes)
    step = Tolerance(absolute=1 / _RECALLS)
    return About(value, step, "recall counts in steps of 1/40")
