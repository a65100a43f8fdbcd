"""A detector whose errors are known by construction, judged by an annotation without any."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from metrics_platform.core.definitions import Tolerance
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.answers import About, Known, Value
from metrics_platform.testing.faults import Fault
from metrics_platform.testing.synthetic_frames import Frames

ANNOTATION, DETECTOR = "annotation", "detector"
# What a detector takes each for, when it errs.
_TAKEN_FOR = {"car": "pedestrian", "pedestrian": "car"}
# Farther from all that is there than any benchmark's threshold, and than its road users get.
_APART_M = 6.0
_ASIDE_M = np.array([8.0, 12.0, 16.0, 20.0])
# Objects nearer than this to the ego are judged, whatever they are (nuScenes: pedestrians, 40 m).
_JUDGED_M = 40.0
# Whatever is right is more certain than whatever is wrong.
_RIGHT_SCORE, _WRONG_SCORE = 0.9, 0.3
# nuScenes' average precision: recalls .11, .12, … 1, precision beyond 0.1, thresholds in metres.
_RECALLS = np.arange(11, 101) / 100
_THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
_ERROR_THRESHOLD_M = 2.0
_TRACKING_M = 2.0


@dataclass(frozen=True)
class Counts:
    """How many boxes of one category there are of each kind, as the annotation names it.

    Attributes:
        truths: Annotated.
        missed: Of them, without a box of the detector.
        misclassified: Of them, found as something else.
        false: Boxes of the detector that say so, where nothing is at all.
        false_class: Boxes that say so of something else.
    """

    truths: int = 0
    missed: int = 0
    misclassified: int = 0
    false: int = 0
    false_class: int = 0

    @property
    def found(self) -> int:
        """True positives, where the class matters."""
        return self.truths - self.missed - self.misclassified

    @property
    def recall(self) -> float:
        """Of the truths, how many were found as what they are."""
        return self.found / self.truths

    @property
    def precision(self) -> float:
        """Of the boxes of that category, how many are right."""
        return self.found / (self.found + self.false + self.false_class)


@dataclass(frozen=True)
class DetectorErrors(Fault):
    """What was recorded becomes the annotation; beside it stands a detector that errs.

    What is known of it exactly: the counts, round(ratio · boxes) of each kind; so recall and
    precision, MOTA, IDF1, the mean average precision but for the steps of its recalls, the errors
    of what is found. Boxes that are wrong have lower scores than those that are right. At every
    moment the detector finds somebody: benchmarks leave out moments at which it says nothing.

    Metrics of pairs see every road user twice, once per source: their answers are not known.

    Attributes:
        missed_ratio: Of the annotated boxes, how many it doesn't see.
        misclassified_ratio: Of the annotated boxes, how many it takes for something else.
        false_ratio: Boxes where nothing is, per annotated box.
        position_error_m: By which every box is displaced, in a random direction.
        seed: Of what is chosen, and of directions.
    """

    adds_source: ClassVar[bool] = True

    missed_ratio: float = 0.0
    misclassified_ratio: float = 0.0
    false_ratio: float = 0.0
    position_error_m: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        shares = (self.missed_ratio, self.misclassified_ratio, self.false_ratio)
        if min(shares) < 0 or max(shares) > 1 or sum(shares[:2]) > 1:
            raise ConfigurationError(f"{self}: shares lie between 0 and 1, the first two together")
        if not 0 <= self.position_error_m < _TRACKING_M:
            raise ConfigurationError(
                f"{self}: position_error_m is at least 0 and less than {_TRACKING_M:g}, from where "
                "on nobody takes a box for the same object"
            )

    def befall(self, frames: Frames) -> Frames:
        """Return the signals, with annotation and detector in place of the tracks.

        Raises:
            ConfigurationError: There is nobody to detect, or too little to miss so much.
        """
        truths = self._truths(frames)
        kinds = self._kinds(truths)
        rng = np.random.default_rng([self.seed, 1])
        bearing = rng.uniform(-np.pi, np.pi, len(truths))
        seen = truths.with_columns(
            pl.Series("_kind", kinds),
            x_m=pl.col("x_m") + self.position_error_m * pl.Series(np.cos(bearing)),
            y_m=pl.col("y_m") + self.position_error_m * pl.Series(np.sin(bearing)),
        ).filter(pl.col("_kind") != "missed")
        wrong = pl.col("_kind") == "misclassified"
        taken_for = pl.col("category").replace(_TAKEN_FOR)
        # Different scores, so that the order of boxes is no matter of chance.
        step = pl.int_range(pl.len()) * 1e-6
        detected = seen.with_columns(
            source=pl.lit(DETECTOR),
            category=pl.when(wrong).then(taken_for).otherwise("category"),
            score=pl.when(wrong).then(_WRONG_SCORE).otherwise(_RIGHT_SCORE) - step,
        )
        annotated = truths.with_columns(source=pl.lit(ANNOTATION), score=pl.lit(None, pl.Float64))
        false = self._false(truths).with_columns(
            source=pl.lit(DETECTOR),
            track_id=pl.format("false {}", pl.int_range(pl.len())),
            score=_WRONG_SCORE / 2 - step,
        )
        schema = polars_schema(Tracks)
        parts = [part.select(schema.names()).cast(schema) for part in (annotated, detected, false)]
        key = ["log_id", "timestamp_ns", "source", "track_id"]
        return {**frames, "tracks": pl.concat(parts).sort(key)}

    def counts(self, frames: Frames) -> Mapping[str, Counts]:
        """Return by category how many boxes there are of each kind.

        Args:
            frames: Of the log without the fault.
        """
        truths = self._truths(frames)
        kinds, false = self._kinds(truths), self._false(truths)["category"]
        category = truths["category"].to_numpy()
        found = {}
        for name in sorted(set(category)):
            here = category == name
            from_others = (np.array([_TAKEN_FOR[c] for c in category]) == name) & (
                kinds == "misclassified"
            )
            found[name] = Counts(
                truths=int(here.sum()),
                missed=int((here & (kinds == "missed")).sum()),
                misclassified=int((here & (kinds == "misclassified")).sum()),
                false=int((false == name).sum()),
                false_class=int(from_others.sum()),
            )
        return found

    def known(self, frames: Frames) -> Known:
        """Return what metrics of detection and tracking find."""
        counts = list(self.counts(frames).values())
        truths, missed = sum(c.truths for c in counts), sum(c.missed for c in counts)
        false, found = sum(c.false for c in counts), truths - missed
        error = self.position_error_m
        tracking: dict[str, Value] = {
            "mota": 1 - (missed + false) / truths,
            "motp": 1 - error / (2 * _TRACKING_M),
            "idf1": 2 * found / (truths + found + false),
            "switches": 0,
            "motp_distance_m": error,
        }
        known: dict[str, dict[str, Value]] = {
            "object_tracking": tracking,
            "identity_switches": {"identity_switches": 0, "longest_gap_s": None},
        }
        if self._all_judged(frames) and all(error != threshold for threshold in _THRESHOLDS_M):
            known |= self._detection(counts)
        return known

    def _detection(self, counts: list[Counts]) -> dict[str, dict[str, Value]]:
        error = self.position_error_m
        reached = sum(error < threshold for threshold in _THRESHOLDS_M) / len(_THRESHOLDS_M)
        # What is right comes first: precision is 1 up to the recall that is reached.
        precisions = [reached * float((c.recall >= _RECALLS - 1e-9).mean()) for c in counts]
        mean_ap = sum(precisions) / len(counts)
        least = min(c.recall for c in counts)
        step = Tolerance(absolute=1.01 / len(_RECALLS))
        because = (
            "precision falls at the recall that is reached, between two of those it is read at"
        )
        known: dict[str, dict[str, Value]] = {
            "nuscenes_detection": {"mean_ap": About(mean_ap, step, because)},
            "matched_box_errors": {
                "heading_error_rad": 0.0,
                "velocity_error_mps": 0.0,
                "flipped_ratio": 0.0,
            },
        }
        if least > _RECALLS[0] + 0.01 and error < _ERROR_THRESHOLD_M:
            # Scale, heading and velocity are right, attributes unknown.
            score = (5 * mean_ap + max(0.0, 1 - error) + 3) / 10
            known["nuscenes_detection"]["nds"] = About(score, step, because)
        return known

    def _truths(self, frames: Frames) -> pl.DataFrame:
        tracks = frames["tracks"].sort("timestamp_ns", "track_id")
        if tracks.is_empty():
            raise ConfigurationError(f"{self}: nobody is there to be detected")
        return tracks

    def _kinds(self, truths: pl.DataFrame) -> NDArray[np.str_]:
        """Return of each annotated box whether it is found, missed or misclassified."""
        rng = np.random.default_rng([self.seed, 0])
        order = rng.permutation(len(truths))
        moment = truths["timestamp_ns"].to_numpy()[order]
        # Of each moment the first in this order is seen.
        kept = np.zeros(len(truths), dtype=bool)
        kept[order[np.unique(moment, return_index=True)[1]]] = True
        missed = round(self.missed_ratio * len(truths))
        misclassified = round(self.misclassified_ratio * len(truths))
        may_miss = order[~kept[order]]
        if missed > len(may_miss):
            raise ConfigurationError(
                f"{self} misses {missed} of {len(truths)} boxes, and of {len(may_miss)} there is "
                "another one at the same moment: add road users, or miss fewer"
            )
        kinds = np.full(len(truths), "found", dtype="U13")
        kinds[may_miss[:missed]] = "missed"
        rest = order[kinds[order] == "found"]
        kinds[rest[:misclassified]] = "misclassified"
        return kinds

    def _false(self, truths: pl.DataFrame) -> pl.DataFrame:
        """Return boxes where nothing is: beside some of the annotated ones."""
        count = round(self.false_ratio * len(truths))
        rng = np.random.default_rng([self.seed, 2])
        chosen = np.sort(rng.permutation(len(truths))[:count])
        beside = truths[chosen.tolist()]
        x, y, time = (truths[name].to_numpy() for name in ("x_m", "y_m", "timestamp_ns"))
        placed = y[chosen].copy()
        for row, box in enumerate(chosen):
            there = time == time[box]
            sides = np.concatenate([y[box] + _ASIDE_M, y[box] - _ASIDE_M])
            away = np.hypot(x[there] - x[box], y[there] - sides[:, None]).min(axis=1)
            free = np.flatnonzero(away >= _APART_M)
            if not free.size:
                raise ConfigurationError(f"{self}: no place is free beside so many road users")
            placed[row] = sides[free[0]]
        moved: pl.DataFrame = beside.with_columns(pl.Series("y_m", placed, dtype=pl.Float64))
        return moved

    def _all_judged(self, frames: Frames) -> bool:
        """Tell whether all boxes are near enough to the ego to be judged by nuScenes."""
        truths = self._truths(frames)
        boxes = pl.concat([truths, self._false(truths)]).sort("timestamp_ns")
        ego = frames["ego_poses"].select("timestamp_ns", ego_x_m="x_m", ego_y_m="y_m")
        near = boxes.join_asof(ego.sort("timestamp_ns"), on="timestamp_ns", strategy="nearest")
        away = (
            (pl.col("x_m") - pl.col("ego_x_m")) ** 2 + (pl.col("y_m") - pl.col("ego_y_m")) ** 2
        ).sqrt()
        farthest = near.select(away.max()).item()
        return bool(farthest + self.position_error_m < _JUDGED_M)
