"""Numbers over time, with matplotlib."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from metrics_platform.delivery.pictures.curves import Curve, Panel
from metrics_platform.delivery.pictures.moments import Event
from metrics_platform.delivery.pictures.plan import ACTOR, GREY, INK, OTHER

# A shape and a dash for each: colour is not all that tells them apart.
STYLES = (
    (ACTOR, "o", "-"),
    (OTHER, "s", "--"),
    ("#009e73", "^", "-."),
    ("#cc79a7", "D", ":"),
)
_SPANS = 40
# More marks than this are drawn small.
_MANY = 60
# Wide enough for a number, as a part of the axis.
_WIDE = 0.05
# Less is the last bits of what should be zero.
_NOISE = 1e-9


def draw_spans(axes: Axes, found: Sequence[Event], chosen: Event | None, at_s: float) -> None:
    """Draw when each event was, in rows so that none covers another."""
    length = axes.get_xlim()[1] - axes.get_xlim()[0]
    rows = rows_of_spans(found, length)
    for event, row in zip(found, rows, strict=True):
        dark = event is chosen
        width = event.end_s - event.start_s
        if width > 0:
            axes.barh(-row, width, left=event.start_s, height=0.62, edgecolor=INK, linewidth=0.8,
                      color=INK if dark else "white", hatch=None if dark else "////")  # fmt: skip
        axes.plot(event.at_s, -row, "v" if width else "o", markersize=5, markeredgecolor=INK,
                  markerfacecolor=OTHER if dark else "white", zorder=5 if dark else 4)  # fmt: skip
        if len(found) <= _SPANS or dark:
            inside = width > _WIDE * length
            axes.annotate(
                str(event.number),
                (event.start_s if inside else event.end_s, -row),
                (4 if inside else 6, 0),
                textcoords="offset points",
                ha="left",
                va="center",
                fontsize=8,
                color=INK,
                weight="bold" if dark else "normal",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
                zorder=6,
            )
    axes.set_ylim(-max(rows) - 0.6, 0.6)
    axes.set_yticks([])
    axes.set_ylabel("events", fontsize=8, rotation=0, ha="right", va="center")
    _moment(axes, at_s)


def rows_of_spans(found: Sequence[Event], duration_s: float) -> list[int]:
    """Return in which row each event is drawn, from 0; all in one where there are many."""
    if len(found) > _SPANS:
        return [0] * len(found)
    ends: list[float] = []
    rows = {}
    for event in sorted(found, key=lambda e: e.start_s):
        row = next((n for n, end in enumerate(ends) if end <= event.start_s), len(ends))
        ends[row : row + 1] = [max(event.end_s, event.start_s + 0.03 * duration_s)]
        rows[event.number] = row
    return [rows[event.number] for event in found]


def draw_panel(axes: Axes, panel: Panel, at_s: float) -> None:
    """Draw the curves of one unit, each with its name, and the moment as a line across."""
    styles = iter(STYLES)
    for curve in panel.curves:
        if curve.kind == "context":
            axes.plot(curve.times_s, curve.values, color=GREY, linewidth=1.1, label=curve.name)
            continue
        _curve(axes, curve, *next(styles))
    axes.set_ylabel(panel.title, fontsize=8)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(*limits(panel))
    axes.ticklabel_format(axis="y", useOffset=False)
    if len(panel.curves):
        axes.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1.005, 1.03), frameon=False,
                    handlelength=2.2, borderaxespad=0)  # fmt: skip
    _moment(axes, at_s)


def limits(panel: Panel) -> tuple[float, float]:
    """Return where the axis of a panel begins and ends: zero is on it.

    So noise in the last bits doesn't fill it, and lengths can be compared.
    """
    values = np.concatenate([curve.values for curve in panel.curves])
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < _NOISE:
        return -0.5, 0.5
    room = 0.1 * (high - low)
    return (-room / 2 if low == 0 else low - room), high + room


def _curve(axes: Axes, curve: Curve, color: str, marker: str, dash: str) -> None:
    if curve.kind == "line":
        axes.plot(curve.times_s, curve.values, dash, color=color, linewidth=1.4, label=curve.name)
        return
    if len(curve.spans_s):
        for (start, end), value in zip(curve.spans_s, curve.values, strict=True):
            axes.plot((start, end), (value, value), dash, color=color, linewidth=2)
    many = len(curve.values) > _MANY
    axes.plot(curve.times_s, curve.values, marker, color=color, markersize=2 if many else 5.5,
              markeredgecolor=INK, markeredgewidth=0 if many else 0.6, label=curve.name,
              linestyle="none")  # fmt: skip
    if curve.chosen is not None:
        axes.plot(curve.times_s[curve.chosen], curve.values[curve.chosen], marker, markersize=9,
                  markerfacecolor="none", markeredgecolor=INK, zorder=5)  # fmt: skip


def _moment(axes: Axes, at_s: float) -> None:
    if np.isfinite(at_s):
        axes.axvline(at_s, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
