"""A detector whose errors are known by construction, judged by an annotation without any."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.answers import PAIR_METRICS, Known, Value
from metrics_platform.testing.detection_counts import (
    THRESHOLDS_M,
    Counts,
    av2_answers,
    nuscenes_answers,
)
from metrics_platform.testing.detections import AV2_NAMES
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
# Nearer than this to the drivable area a corner of any box is within the 5 m of Argoverse 2.
_BESIDE_AREA_M = 2.0
# Of what is right, and of what is wrong.
_SCORES = (0.9, 0.3)
_TRACKING_M = 2.0


@dataclass(frozen=True)
class DetectorErrors(Fault):
    """What was recorded becomes the annotation; beside it stands a detector that errs.

    What is known of it exactly: the counts, round(ratio · boxes) of each kind; so recall and
    precision, MOTA, IDF1, the mean average precision but for the steps of its recalls, the errors
    of what is found. At every moment the detector finds somebody: benchmarks leave out moments at
    which it says nothing.

    Metrics of pairs see every road user twice, once per source: their answers are not known.

    Attributes:
        missed_ratio: Of the annotated boxes, how many it doesn't see.
        misclassified_ratio: Of the annotated boxes, how many it takes for something else.
        false_ratio: Boxes where nothing is, per annotated box.
        position_error_m: By which every box is displaced, in a random direction.
        heading_error_rad: By which every box is turned to the left.
        surest_when_wrong: Whether boxes that are wrong have greater scores than those that are
            right, rather than lower ones.
        argoverse: Whether categories are named as Argoverse 2 does, to be judged by its rules
            instead of those of nuScenes.
        seed: Of what is chosen, and of directions.
    """

    annotates: ClassVar[bool] = True
    # Each encounter is there twice.
    hides: ClassVar[frozenset[str]] = PAIR_METRICS | {"track_lifetimes"}

    missed_ratio: float = 0.0
    misclassified_ratio: float = 0.0
    false_ratio: float = 0.0
    position_error_m: float = 0.0
    heading_error_rad: float = 0.0
    surest_when_wrong: bool = False
    argoverse: bool = False
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
        if not 0 <= self.heading_error_rad < math.pi / 2:
            raise ConfigurationError(f"{self}: heading_error_rad is less than a right angle")

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
            heading_rad=wrapped(pl.col("heading_rad") + self.heading_error_rad),
        ).filter(pl.col("_kind") != "missed")
        wrong = pl.col("_kind") == "misclassified"
        right_score, wrong_score = _SCORES[:: -1 if self.surest_when_wrong else 1]
        taken_for = pl.col("category").replace(_TAKEN_FOR)
        # Different scores, so that the order of boxes is no matter of chance.
        step = pl.int_range(pl.len()) * 1e-6
        detected = seen.with_columns(
            source=pl.lit(DETECTOR),
            category=pl.when(wrong).then(taken_for).otherwise("category"),
            score=pl.when(wrong).then(wrong_score).otherwise(right_score) - step,
        )
        annotated = truths.with_columns(source=pl.lit(ANNOTATION), score=pl.lit(None, pl.Float64))
        false = self._false(truths).with_columns(
            source=pl.lit(DETECTOR),
            track_id=pl.format("false {}", pl.int_range(pl.len())),
            score=wrong_score - 0.01 - step,
        )
        schema = polars_schema(Tracks)
        parts = [part.select(schema.names()).cast(schema) for part in (annotated, detected, false)]
        key = ["log_id", "timestamp_ns", "source", "track_id"]
        tracks = pl.concat(parts).sort(key)
        if self.argoverse:
            tracks = tracks.with_columns(pl.col("category").replace(AV2_NAMES))
        return {**frames, "tracks": tracks}

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
        if not self._apart(frames):
            return {}
        known: dict[str, dict[str, Value]] = {
            "object_tracking": tracking,
            "identity_switches": {"identity_switches": 0},
            "track_lifetimes": {"tracks": self._trackers(frames)},
        }
        if any(error == threshold for threshold in THRESHOLDS_M):
            return known
        if self.argoverse:
            # There a box that is wrong can take the object from one that is right.
            judged = self._in_region(frames) and not self.surest_when_wrong
            return known | av2_answers(counts, error, self.heading_error_rad) if judged else known
        if not self._within_reach(frames):
            return known
        return known | nuscenes_answers(
            counts, error, self.heading_error_rad, surest_when_wrong=self.surest_when_wrong
        )

    def _trackers(self, frames: Frames) -> int:
        truths = self._truths(frames)
        seen = truths.filter(pl.Series(self._kinds(truths) != "missed"))
        return seen["track_id"].n_unique() + len(self._false(truths))

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

    def _apart(self, frames: Frames) -> bool:
        """Tell whether no box of one road user could be taken for another one."""
        truths = self._truths(frames)
        other = truths.select("timestamp_ns", other_id="track_id", other_x_m="x_m", other_y_m="y_m")
        pairs = truths.join(other, on="timestamp_ns").filter(
            pl.col("track_id") < pl.col("other_id")
        )
        away_m = (
            (pl.col("x_m") - pl.col("other_x_m")) ** 2 + (pl.col("y_m") - pl.col("other_y_m")) ** 2
        ).sqrt()
        return bool(pairs.select((away_m >= _APART_M).all()).item())

    def _within_reach(self, frames: Frames) -> bool:
        """Tell whether all boxes are near enough to the ego to be judged by nuScenes."""
        truths = self._truths(frames)
        boxes = pl.concat([truths, self._false(truths)]).sort("timestamp_ns")
        ego = frames["ego_poses"].select("timestamp_ns", ego_x_m="x_m", ego_y_m="y_m")
        near = boxes.join_asof(ego.sort("timestamp_ns"), on="timestamp_ns", strategy="nearest")
        away_m = (
            (pl.col("x_m") - pl.col("ego_x_m")) ** 2 + (pl.col("y_m") - pl.col("ego_y_m")) ** 2
        ).sqrt()
        farthest_m = near.select(away_m.max()).item()
        return bool(farthest_m + self.position_error_m < _JUDGED_M)

    def _in_region(self, frames: Frames) -> bool:
        """Tell whether all annotated boxes are on the drivable area or next to it.

        What is wrong has lower scores there, so it needn't be.
        """
        area, truths = frames["drivable_areas"], self._truths(frames)
        return all(truths[axis].is_between(*_widened(area[axis])).all() for axis in ("x_m", "y_m"))


def _widened(values: pl.Series) -> tuple[float, float]:
    numbers = values.to_numpy()
    return float(numbers.min()) - _BESIDE_AREA_M, float(numbers.max()) + _BESIDE_AREA_M
