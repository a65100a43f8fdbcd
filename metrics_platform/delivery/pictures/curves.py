"""Which numbers of a metric are drawn over time, and beside what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import polars_schema, unit
from metrics_platform.delivery.pictures.moments import Event, keys
from metrics_platform.delivery.pictures.scene import Floats, Frames, Scene

PANELS = 4
# More curves in one panel cannot be told apart.
CURVES = 4
_EXTREMES = re.compile(r"(min|max|peak|least|greatest|worst)_")
_WHERE = frozenset({"x_m", "y_m", "z_m"})
# More steps than this between two samples are a gap.
_GAP = 3
_WORDS = frozenset({"index", "count"})
# What the ego did, wherever a panel has its unit.
_EGO = {
    "m/s": ("ego speed", "speed_mps"),
    "m/s²": ("ego acceleration ahead", "longitudinal_acceleration_mps2"),
}


@dataclass(frozen=True)
class Curve:
    """Values over time.

    Attributes:
        name: Of the column.
        times_s: Since the start of the recording.
        values: NaN where there is none.
        spans_s: Start and end of each row, of shape (n, 2). Empty where they are of moments.
        chosen: Place of the row of most interest among them, if it is one of them.
        kind: `line` over samples; `events`, a mark for each; or `context`, of what was driven.
    """

    name: str
    times_s: Floats
    values: Floats
    spans_s: Floats = field(default_factory=lambda: np.empty((0, 2)))
    chosen: int | None = None
    kind: Literal["line", "events", "context"] = "line"


@dataclass(frozen=True)
class Panel:
    """Curves with one unit.

    Attributes:
        unit: Of all of them; empty where they have none.
        curves: What is drawn.
    """

    unit: str
    curves: Sequence[Curve]

    @property
    def title(self) -> str:
        """What its axis is about."""
        return self.unit or "no unit"


@dataclass(frozen=True)
class Numbers:
    """What a metric says in numbers about one log.

    Attributes:
        panels: Over time.
        left_out: Columns that found no room.
    """

    panels: Sequence[Panel]
    left_out: Sequence[str] = ()


def numbers_of(
    frames: Frames,
    scene: Scene,
    found: Sequence[Event],
    definition: Definition,
    chosen: Mapping[str, Any],
) -> Numbers:
    """Return the panels: columns by unit, first those that the summary is made of.

    Args:
        frames: Signals by name. `ego_states` gives what the ego did; a signal that has a column
            `ttc_s` over time gives the curve that a `min_ttc_s` is the least of.
        scene: The log.
        found: Rows of it that have a time.
        definition: Of the metric.
        chosen: The row of most interest; of grains with more than a time, its series is drawn.
    """
    by_unit: dict[str, list[Curve]] = {}
    left_out = []
    for column in _columns(definition) if found else ():
        of = unit(column) or ""
        curves = by_unit.get(of, [])
        own = sum(curve.kind != "context" for curve in curves)
        if own >= CURVES or (of not in by_unit and len(by_unit) >= PANELS):
            left_out.append(column)
            continue
        if (curve := _curve(column, found, definition, chosen)) is None:
            continue
        by_unit.setdefault(of, []).append(curve)
        if (whole := _whole_curve(column, frames, definition, chosen, scene)) is not None:
            by_unit[of].append(whole)
    if (states := frames.get("ego_states")) is not None:
        driven = states.filter(pl.col("log_id") == scene.log_id)
        # Speed tells where one is, whatever the metric is about.
        for of in [*by_unit, "m/s"]:
            name, column = _EGO.get(of, ("", ""))
            drawn = [curve.name for curve in by_unit.get(of, ())]
            if name and len(driven) and name not in drawn:
                by_unit.setdefault(of, []).append(_context(name, driven, column, scene))
    return Numbers([Panel(of, curves) for of, curves in by_unit.items()], left_out)


def _columns(definition: Definition) -> list[str]:
    schema = polars_schema(definition.rows)
    numeric = [
        name
        for name, dtype in schema.items()
        if dtype.is_numeric()
        and not name.endswith("_ns")
        and name not in (*_WHERE, "duration_s", *keys(definition))
    ]
    first = [name for expr in definition.summary.values() for name in expr.meta.root_names()]
    rank = {name: at for at, name in reversed(list(enumerate(first)))}
    # A number of things says less about a moment than a measure does.
    return sorted(numeric, key=lambda n: (unit(n) in _WORDS, rank.get(n, len(first))))


def _curve(
    column: str, found: Sequence[Event], definition: Definition, chosen: Mapping[str, Any]
) -> Curve | None:
    named = keys(definition)
    sampled = "timestamp_ns" in (definition.rows.to_schema().unique or ())
    taken = [
        event
        for event in found
        if not sampled or all(event.row[key] == chosen.get(key) for key in named)
    ]
    values = _floats(event.row[column] for event in taken)
    lasts = any(event.end_s > event.start_s for event in taken)
    if np.isnan(values).all():
        return None
    return Curve(
        name=column,
        times_s=_floats(event.at_s for event in taken),
        values=values,
        spans_s=np.array([(event.start_s, event.end_s) for event in taken if lasts]).reshape(-1, 2),
        chosen=next((at for at, event in enumerate(taken) if event.row == chosen), None),
        kind="line" if sampled and len(taken) > 1 else "events",
    )


def _whole_curve(
    column: str, frames: Frames, definition: Definition, chosen: Mapping[str, Any], scene: Scene
) -> Curve | None:
    """Return the values over time that an extreme is taken of, where a dependency has them."""
    plain = _EXTREMES.sub("", column, count=1)
    if plain == column:
        return None
    for name in definition.dependencies:
        frame = frames.get(name)
        if frame is None or not {plain, "timestamp_ns"} <= set(frame.columns):
            continue
        for key in ("log_id", *keys(definition)):
            if key in frame.columns and key in chosen:
                frame = frame.filter(pl.col(key) == chosen[key])
        if len(frame):
            return _context(plain, frame.sort("timestamp_ns"), plain, scene)
    return None


def _context(name: str, frame: pl.DataFrame, column: str, scene: Scene) -> Curve:
    times_s = (frame["timestamp_ns"] - scene.start_ns).to_numpy() * 1e-9
    values = frame[column].cast(pl.Float64).to_numpy()
    steps = np.diff(times_s)
    # No line goes over a gap.
    usual = float(np.median(steps)) if len(steps) else 0.0
    gaps = np.flatnonzero(steps > _GAP * usual) + 1
    times_s = np.insert(times_s, gaps, times_s[gaps])
    return Curve(name, times_s, np.insert(values, gaps, np.nan), kind="context")


def _floats(values: Any) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
