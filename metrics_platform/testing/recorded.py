"""What else a synthetic log records: an expert, and how long the software took."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import polars as pl

from metrics_platform.core.definitions import Tolerance
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.predicted_trajectories import PredictedTrajectories
from metrics_platform.signals.spans import Spans
from metrics_platform.testing.answers import About, Known, Value
from metrics_platform.testing.ego_answers import way_m
from metrics_platform.testing.experts import BEHIND_MPS, BESIDE_M, ego_plans, experts
from metrics_platform.testing.situations import Drive
from metrics_platform.testing.synthetic_frames import Frames

# Lengths of the beginning of a plan that `planner_expert_error` judges, and greatest error of each.
_HORIZONS_S = {3: 6.0, 5: 8.0, 8: 16.0}

# Of more than this a stage has a rate, and half of them are on either side of what is missing.
_FRAMES_OF_A_RATE = 5


class Recorded(ABC):
    """Something that a log records besides the drive."""

    # Whether it is judged by annotated road users.
    needs_annotation: ClassVar[bool] = False

    @abstractmethod
    def frames(self, frames: Frames) -> Frames:
        """Return the log of `frames`, with its signals in it."""

    @abstractmethod
    def known(self, drive: Drive) -> Known:
        """Return what metrics find in them."""


def with_trajectories(frames: Frames, made: pl.DataFrame) -> Frames:
    """Return `frames` with more `predicted_trajectories`."""
    name = "predicted_trajectories"
    parts = [frames[name], made] if name in frames else [made]
    return {**frames, name: pl.concat(parts).sort(PredictedTrajectories.to_schema().unique)}


@dataclass(frozen=True)
class Expert(Recorded):
    """An expert, and an ego that plans to drive as it did, but falls behind.

    What is known of it exactly: the expert is `beside_m` to the left of the ego throughout, so that
    is every displacement; a plan is `behind_mps` x k off after k seconds.

    Attributes:
        beside_m: How far to the left of the ego the expert drove.
        behind_mps: By how much each plan falls behind, along the road.
    """

    beside_m: float = BESIDE_M
    behind_mps: float = BEHIND_MPS

    def frames(self, frames: Frames) -> Frames:
        """Add `expert_poses`, and the ego's `predicted_trajectories`."""
        plans = ego_plans(frames, beside_m=self.beside_m, behind_mps=self.behind_mps)
        made = {**frames, **experts(frames, beside_m=self.beside_m)}
        return with_trajectories(made, plans)

    def known(self, drive: Drive) -> Known:
        """Return displacements, progress and errors of plans."""
        beside, behind = abs(self.beside_m), abs(self.behind_mps)
        known: dict[str, dict[str, Value]] = {
            "expert_error": {
                "average_displacement_m": beside,
                "max_displacement_m": beside,
                "final_displacement_m": beside,
                "average_heading_error_rad": 0.0,
            }
        }
        averages = {h: behind * (h + 1) / 2 for h in _HORIZONS_S}
        known["planner_expert_error"] = {
            **{f"average_displacement_{h}s_m": value for h, value in averages.items()},
            **{
                f"miss_rate_{h}s_ratio": float(behind * h > greatest)
                for h, greatest in _HORIZONS_S.items()
            },
        }
        if drive.ego.radius_m is None:
            way = way_m(drive)
            known["route_progress"] = {
                "expert_progress_m": way,
                "ego_progress_m": way,
                "progress_ratio": 1.0,
            }
            if drive.ego.speed_mps > 0:
                known["route_progress"]["max_aside_m"] = beside
        return known


@dataclass(frozen=True)
class Timings(Recorded):
    """Stages of software that pass on a frame every 0.1 s, a little slower each time.

    What is known of it exactly: of n frames the k-th takes each stage its usual time and
    `spread_s` · k / (n - 1), so that the quantile q of a stage is its usual time + q · `spread_s`,
    and that from end to end the sum over the stages. `missing_frames` in the middle of the log are
    missed by every stage; no other frame is lost.

    Attributes:
        usual_s: Stage to how long it takes at first, in the order of the work.
        spread_s: By how much longer it takes at last.
        deadline_s: Of the last stage; None for none.
        missing_frames: In a row, which the sensor doesn't send.
    """

    usual_s: Mapping[str, float] = field(
        default_factory=lambda: {"detection": 0.03, "tracking": 0.01, "planning": 0.04}
    )
    spread_s: float = 0.01
    deadline_s: float | None = None
    missing_frames: int = 0

    def __post_init__(self) -> None:
        """Refuse a trace that nobody could tell from a single stage."""
        if len(self.usual_s) < 2 or self.missing_frames < 0:
            raise ConfigurationError(
                f"{self}: it takes two stages to pass something on, and at least 0 missing frames"
            )

    def frames(self, frames: Frames) -> Frames:
        """Add `spans`."""
        about = frames["recordings"].row(0, named=True)
        ticks = pl.int_range(about["start_ns"], about["end_ns"] + 1, 100_000_000, eager=True)
        sent = pl.int_range(len(ticks), eager=True) - len(ticks) // 2
        ticks = ticks.filter((sent < 0) | (sent >= self.missing_frames))
        share = pl.int_range(len(ticks), eager=True) / max(len(ticks) - 1, 1)
        begins, parts = ticks, []
        for stage, usual_s in self.usual_s.items():
            is_last = stage == list(self.usual_s)[-1]
            duration_s = usual_s + self.spread_s * share
            parts.append(
                pl.DataFrame(
                    {
                        "log_id": about["log_id"],
                        "timestamp_ns": begins,
                        "stage": stage,
                        "trace_id": ticks.cast(pl.String),
                        "duration_s": duration_s,
                        "deadline_s": self.deadline_s if is_last else None,
                    },
                    schema=polars_schema(Spans),
                )
            )
            begins = begins + (duration_s * 1e9).round().cast(pl.Int64)
        return {**frames, "spans": pl.concat(parts).sort("timestamp_ns", "stage")}

    def known(self, drive: Drive) -> Known:
        """Return percentiles, misses of deadlines and lost frames."""
        last = list(self.usual_s.values())[-1]
        due = round(drive.seconds * 10) + 1
        missing = min(self.missing_frames, due - due // 2)
        count = due - missing
        slowest, total = max(self.usual_s.values()), sum(self.usual_s.values())
        spread, stages = self.spread_s, len(self.usual_s)
        known: dict[str, Value] = {
            "longest_stage_s": slowest + spread,
            "worst_stage_p99_s": slowest + 0.99 * spread,
            "end_to_end_p50_s": total + stages * 0.5 * spread,
            "end_to_end_p99_s": total + stages * 0.99 * spread,
        }
        if self.deadline_s is None:
            known |= {"deadline_misses": 0, "deadline_miss_ratio": None}
        else:
            lengths = [last + spread * k / max(count - 1, 1) for k in range(count)]
            if min(abs(length - self.deadline_s) for length in lengths) > 1e-9:
                misses = sum(length > self.deadline_s for length in lengths)
                known |= {"deadline_misses": misses, "deadline_miss_ratio": misses / count}
        # Frames that are missing up to the end are missed by nobody, and few have no rate.
        if due // 2 + missing >= due or count < 2 * _FRAMES_OF_A_RATE:
            return {"stage_latency": known} if not missing else {}
        later = About(
            (missing + 1) * 0.1,
            Tolerance(absolute=stages * spread / count + 1e-6),
            "stages before it take a little longer each time",
        )
        return {
            "stage_latency": known,
            "dropped_frames": {
                "missing_frames": stages * missing,
                "unfinished_frames": 0,
                "lost_frames": 0,
                "longest_gap_s": later if missing else None,
            },
        }
