"""What goes wrong while a log is recorded: noise, dropouts, clocks.

Each fault is told by what it does to the recorded signals. The same fault does the same, to the
bit. `DetectorErrors`, which are faults of what is recorded, are a module of their own.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.testing.answers import Known
from metrics_platform.testing.synthetic_frames import Frames

# What is measured in each signal, by what it is.
_MEASURED = {
    "ego_poses": {
        "position_m": ("x_m", "y_m"),
        "heading_rad": ("heading_rad",),
        "speed_mps": ("longitudinal_velocity_mps",),
    },
    "tracks": {
        "position_m": ("x_m", "y_m"),
        "heading_rad": ("heading_rad",),
        "speed_mps": ("velocity_x_mps", "velocity_y_mps"),
    },
    "vehicle_speeds": {"position_m": (), "heading_rad": (), "speed_mps": ("speed_mps",)},
}


class Fault(ABC):
    """Something that goes wrong with one log."""

    # Whether there are annotated road users afterwards.
    annotates: ClassVar[bool] = False
    # Metrics of whose answers nothing is left, but what the fault itself knows.
    hides: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def befall(self, frames: Frames) -> Frames:
        """Return the signals of one log as they are recorded with the fault."""

    def known(self, frames: Frames) -> Known:
        """Return what metrics find by the fault itself, in the signals without it."""
        return {}


@dataclass(frozen=True)
class SensorNoise(Fault):
    """Gaussian noise on what is measured, independent from sample to sample, and unbiased.

    What is known of it exactly: the standard deviations. A position that is differentiated over
    0.1 s makes a speed that is off by many times as much: by `position_m` / 0.32 s with the five
    samples of `ego_states`.

    Attributes:
        position_m: Standard deviation of x and y, each.
        heading_rad: Of headings.
        speed_mps: Of wheel speeds, of both components of a track's velocity, and of the ego's
            velocity where that is recorded.
        signals: Which are noisy.
        seed: Other seeds give other noise.
    """

    position_m: float = 0.0
    heading_rad: float = 0.0
    speed_mps: float = 0.0
    signals: Sequence[str] = tuple(_MEASURED)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be a standard deviation, and signals in which nothing is measured."""
        for name in self.signals:
            if name not in _MEASURED:
                raise UnknownNameError("signal with noise", name, _MEASURED)
        if min(self.position_m, self.heading_rad, self.speed_mps) < 0:
            raise ConfigurationError(f"{self}: a standard deviation is at least 0")

    def befall(self, frames: Frames) -> Frames:
        """Return the signals with noise."""
        noisy = dict(frames)
        for number, (name, measured) in enumerate(_MEASURED.items()):
            # A generator of its own, so that one signal's noise doesn't hang on another's length.
            rng = np.random.default_rng([self.seed, number])
            if name not in self.signals or name not in frames:
                continue
            for kind, columns in measured.items():
                for column in columns:
                    noise = rng.normal(0.0, 1.0, len(frames[name])) * getattr(self, kind)
                    value = pl.col(column) + pl.Series(noise)
                    noisy[name] = noisy[name].with_columns(
                        **{column: _turned(value) if kind == "heading_rad" else value}
                    )
        return noisy


@dataclass(frozen=True)
class Dropout(Fault):
    """A signal, or one track of it, isn't recorded from `from_s` until before `to_s`.

    What is known of it exactly: nothing else changes. Metrics of a log in which a signal they need
    is missing throughout abstain.

    Attributes:
        signal: Which one.
        from_s: Since the start of the recording.
        to_s: Since the start of the recording.
        track_id: Only of this road user; None for all of the signal.
    """

    signal: str = "tracks"
    from_s: float = 0.0
    to_s: float = math.inf
    track_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it begins."""
        if not self.from_s < self.to_s:
            raise ConfigurationError(f"{self}: from_s is to be less than to_s")

    def befall(self, frames: Frames) -> Frames:
        """Return the signals without it."""
        frame = _signal(frames, self.signal)
        gone = pl.lit(value=True)
        if "timestamp_ns" in frame.columns:
            since_s = (pl.col("timestamp_ns") - _start_ns(frames)) * 1e-9
            gone = (since_s >= self.from_s - 1e-9) & (since_s < self.to_s - 1e-9)
        if self.track_id is not None:
            gone &= pl.col("track_id") == self.track_id
        return {**frames, self.signal: frame.filter(~gone)}


@dataclass(frozen=True)
class ClockFault(Fault):
    """The clock that stamps one signal is off.

    What is known of it exactly: at the time t since the start its stamps are off by `offset_s` +
    `drift_ratio` · t, and late by up to `jitter_s` besides, evenly distributed; from `back_at_s` on
    they are `back_s` less. Where the tracks of a car ahead are stamped late by d, it seems to be
    nearer by speed · d. Readers sort messages that come late, and refuse a clock that jumps back
    (`ClockError`); in frames, which have no order, the two parts lie upon one another.

    Attributes:
        signal: Which one.
        offset_s: Constant.
        drift_ratio: 1e-3 is a millisecond per second.
        jitter_s: Greatest delay.
        back_s: By how much it jumps back.
        back_at_s: When it does.
        seed: Of the jitter.
    """

    signal: str = "tracks"
    offset_s: float = 0.0
    drift_ratio: float = 0.0
    jitter_s: float = 0.0
    back_s: float = 0.0
    back_at_s: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse delays of less than nothing."""
        if min(self.jitter_s, self.back_s) < 0:
            raise ConfigurationError(f"{self}: jitter_s and back_s are at least 0")

    def befall(self, frames: Frames) -> Frames:
        """Return the signals with other stamps in one of them, in the order of recording."""
        frame, start_ns = _signal(frames, self.signal), _start_ns(frames)
        since_s = (frame["timestamp_ns"].to_numpy() - start_ns) * 1e-9
        # All boxes of one message have one stamp.
        messages, message = np.unique(since_s, return_inverse=True)
        late_s = np.random.default_rng(self.seed).uniform(0.0, self.jitter_s, len(messages))
        off_s = self.offset_s + self.drift_ratio * since_s + late_s[message]
        off_s -= self.back_s * (since_s >= self.back_at_s - 1e-9)
        off_ns = pl.Series(np.round(off_s * 1e9).astype(np.int64))
        return {**frames, self.signal: frame.with_columns(pl.col("timestamp_ns") + off_ns)}


def _signal(frames: Frames, name: str) -> pl.DataFrame:
    if name not in frames:
        raise UnknownNameError("recorded signal of the log", name, frames)
    return frames[name]


def _start_ns(frames: Frames) -> int:
    return int(frames["recordings"]["start_ns"].item())


def _turned(heading: pl.Expr) -> pl.Expr:
    """Return the same heading between -pi and pi, as recorders give it."""
    return pl.arctan2(heading.sin(), heading.cos())
