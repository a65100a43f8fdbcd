"""Numbers over time as a vector picture, with what a script needs to move a marker along."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from metrics_platform.delivery.pictures import svg
from metrics_platform.delivery.pictures.charts import STYLES, limits, rows_of_spans
from metrics_platform.delivery.pictures.curves import Curve, Panel
from metrics_platform.delivery.pictures.drawn import Drawn, time_limits
from metrics_platform.delivery.pictures.plan import GREY, INK, OTHER
from metrics_platform.delivery.pictures.scene import Floats

WIDTH = 1000.0
_LEFT, _RIGHT = 70.0, 720.0
_SCALE = _RIGHT - _LEFT
_PANEL, _GAP, _SPAN, _FOOT = 100.0, 14.0, 16.0, 36.0
_DASHES = {"-": None, "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
_MANY = 60
_STEPS = (1, 2, 5, 10)


def charts_of(shown: Drawn) -> tuple[str, float, dict[str, Any]]:
    """Return the picture's content, its height, and what the script needs.

    Returns:
        Content and height in pixels, `WIDTH` of them wide; and the time axis: `left`, `right` in
        pixels, `low`, `high` in s, and `markers`, of each curve over time `t`, `y` in pixels, and
        values `v`.
    """
    low, high = time_limits(shown)
    parts: list[str] = []
    markers: list[dict[str, Any]] = []
    top = 8.0
    if shown.found:
        rows = rows_of_spans(shown.found, high - low)
        height = _SPAN * (max(rows) + 1) + 6
        parts.append(_frame(top, height))
        parts.append(svg.text("events", _LEFT - 8, top + height / 2 + 4, text_anchor="end"))
        parts += _spans(shown, rows, top, low, high)
        top += height + _GAP
    for panel in shown.numbers.panels:
        parts += _panel(panel, top, low, high, markers)
        parts.append(svg.text(panel.title, _LEFT - 46, top + _PANEL / 2,
                              transform=f"rotate(-90 {_LEFT - 46} {top + _PANEL / 2})",
                              text_anchor="middle"))  # fmt: skip
        top += _PANEL + _GAP
    bottom = top - _GAP
    for tick in MaxNLocator(8, steps=_STEPS).tick_values(low, high):
        if low <= tick <= high:
            x = _x(tick, low, high)
            parts.append(svg.text(f"{tick:g}", x, bottom + 15, text_anchor="middle"))
            parts.append(svg.tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, stroke=INK))
    parts.append(svg.text("time since the start of the recording, s", (_LEFT + _RIGHT) / 2,
                          bottom + 31, text_anchor="middle"))  # fmt: skip
    parts.append(svg.tag("line", id="now", x1=0, x2=0, y1=4, y2=bottom, stroke=INK,
                         stroke_dasharray="5 3"))  # fmt: skip
    parts += [svg.tag("circle", r=4, fill="white", stroke=INK, stroke_width=1.5, class_="marker")
              for _ in markers]  # fmt: skip
    axis = {"left": _LEFT, "right": _RIGHT, "low": low, "high": high, "markers": markers}
    return "".join(parts), bottom + _FOOT, axis


def _x(time_s: float, low: float, high: float) -> float:
    return _LEFT + _SCALE * (time_s - low) / (high - low)


def _frame(top: float, height: float) -> str:
    return svg.tag("rect", x=_LEFT, y=top, width=_RIGHT - _LEFT, height=height, fill="none",
                   stroke="#888")  # fmt: skip


def _spans(shown: Drawn, rows: list[int], top: float, low: float, high: float) -> list[str]:
    found = []
    for event, row in zip(shown.found, rows, strict=True):
        start, end, at = (_x(t, low, high) for t in (event.start_s, event.end_s, event.at_s))
        y = top + 3 + _SPAN * (row + 0.5)
        dark = event is shown.chosen
        bar = svg.tag("rect", x=start, y=y - 5, width=end - start, height=10, stroke=INK,
                      fill=INK if dark else "url(#stripes)") if end > start else ""  # fmt: skip
        dot = svg.mark("o", at, y, 3.5, fill=OTHER if dark else "white", stroke=INK)
        name = svg.text(event.number, end + 5, y + 4, font_weight="bold" if dark else None)
        names = name if len(shown.found) <= _MANY or dark else ""
        found.append(svg.tag("g", bar + dot + names, class_="event", data_t=round(event.at_s, 3)))
    return found


def _panel(
    panel: Panel, top: float, low: float, high: float, markers: list[dict[str, Any]]
) -> list[str]:
    least, most = limits(panel)

    def y_of(values: Floats) -> Floats:
        heights: Floats = top + _PANEL * (most - values) / (most - least)
        return heights

    parts = [_frame(top, _PANEL)]
    for tick in MaxNLocator(4, steps=_STEPS).tick_values(least, most):
        if least <= tick <= most:
            height = float(y_of(np.array(tick)))
            parts.append(
                svg.tag("line", x1=_LEFT, x2=_RIGHT, y1=height, y2=height, stroke="#e6e6e6")
            )
            parts.append(svg.text(f"{tick:g}", _LEFT - 6, height + 4, text_anchor="end"))
    styles = iter(STYLES)
    for at, curve in enumerate(panel.curves):
        style = (GREY, "", "-") if curve.kind == "context" else next(styles)
        x, y = _LEFT + _SCALE * (curve.times_s - low) / (high - low), y_of(curve.values)
        parts += _curve(curve, style, np.column_stack([x, y]), low, high)
        told = top + 12 + 17 * at
        parts += _legend(curve, style, told, len(markers) if _over_time(curve) else None)
        if _over_time(curve):
            markers.append({"t": _plain(curve.times_s), "y": _plain(y), "v": _plain(curve.values)})
    return parts


def _over_time(curve: Curve) -> bool:
    return curve.kind != "events" and len(curve.values) > 1


def _curve(
    curve: Curve, style: tuple[str, str, str], places: Floats, low: float, high: float
) -> list[str]:
    color, shape, dash = style
    if curve.kind != "events":
        line = svg.path(places * (1, -1), stroke=color, stroke_width=1.5,
                        stroke_dasharray=_DASHES[dash])  # fmt: skip
        return [line]
    parts = [
        svg.tag(
            "line",
            x1=_x(start, low, high),
            x2=_x(end, low, high),
            y1=float(y),
            y2=float(y),
            stroke=color,
            stroke_width=2,
            stroke_dasharray=_DASHES[dash],
        )
        for (start, end), (_, y) in zip(curve.spans_s, places, strict=False)
        if np.isfinite(y)
    ]
    many = len(places) > _MANY
    for at, (x, y) in enumerate(places):
        if np.isfinite(y):
            parts.append(svg.mark(shape, float(x), float(y), 1.5 if many else 4.0, fill=color,
                                  stroke=None if many else INK))  # fmt: skip
            if at == curve.chosen:
                parts.append(svg.mark(shape, float(x), float(y), 7.0, fill="none", stroke=INK))
    return parts


def _legend(curve: Curve, style: tuple[str, str, str], y: float, marker: int | None) -> list[str]:
    color, shape, dash = style
    x = _RIGHT + 12
    if curve.kind == "events":
        sign = svg.mark(shape, x + 11, y - 4, fill=color, stroke=INK)
    else:
        sign = svg.tag("line", x1=x, x2=x + 22, y1=y - 4, y2=y - 4, stroke=color, stroke_width=2,
                       stroke_dasharray=_DASHES[dash])  # fmt: skip
    value = svg.tag("tspan", " ", class_="value", data_marker=marker) if marker is not None else ""
    name = svg.tag("text", f"{curve.name} {value}", x=x + 28, y=y)
    return [sign, name]


def _plain(values: Floats) -> list[float | None]:
    return [round(float(v), 4) if np.isfinite(v) else None for v in values]
