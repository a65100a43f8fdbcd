"""One log as a page that needs nothing else: a vector picture, and a slider through time."""

import json
from html import escape
from pathlib import Path

import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.delivery.pictures import svg
from metrics_platform.delivery.pictures.drawn import Drawn, drawn
from metrics_platform.delivery.pictures.page_charts import WIDTH, charts_of
from metrics_platform.delivery.pictures.page_plan import plan_of
from metrics_platform.delivery.pictures.scene import Frames
from metrics_platform.delivery.pictures.texts import headline, moment_text, table_of, value_text
from metrics_platform.delivery.pictures.view import view_of

_TEMPLATE = Path(__file__).with_name("page.html")
_LOGS = 50


def page(
    frames: Frames,
    rows: pl.DataFrame,
    definition: Definition,
    at_ns: int | None = None,
    *,
    log_id: str | None = None,
    summary: pl.DataFrame | None = None,
) -> str:
    """Return a page of one log in which time can be moved: boxes, and a marker on each curve.

    It loads nothing from anywhere.

    Args:
        frames: As for `picture`, as are `rows`, `definition`, `at_ns` and `log_id`.
        rows: Of the metric.
        definition: Of the metric.
        at_ns: Where the slider stands at first.
        log_id: The log.
        summary: One row per log, to stand below as a table.
    """
    shown = drawn(frames, rows, definition, at_ns, log_id)
    scene = shown.scene
    view = view_of(scene, shown.chosen, shown.at_s) if scene.bodies else None
    plan, bodies = plan_of(shown, view) if view else ("", [])
    charts, height, axis = charts_of(shown)
    data = {
        "at": round(shown.at_s, 3),
        "bodies": bodies,
        "axis": axis,
        "center": [view.center_m[0], -view.center_m[1]] if view else [0, 0],
        "size": list(view.size_m) if view else [1, 1],
    }
    title, told = headline(definition, scene.log_id, scene.source, scene.other_sources)
    column = shown.focus.column
    moment = moment_text(shown.chosen, len(shown.found), shown.at_s, shown.focus.why, [column])
    filled = {
        "TITLE": escape(title),
        "TOLD": escape(told),
        "MOMENT": escape(moment),
        "PLAN_CLASS": "" if view else "hidden",
        "CHARTS_CLASS": "" if shown.found or shown.numbers.panels else "hidden",
        "PLAN": plan,
        "CHARTS": charts,
        "WIDTH": f"{WIDTH:g}",
        "HEIGHT": f"{height:g}",
        "ROWS": "" if shown.found else f"<pre>{escape(table_of(shown.rows, definition))}</pre>",
        "SUMMARY": _summary(summary, shown),
        # A name must not end the script.
        "DATA": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }
    # In one go, so that nothing that is put in is taken for a place to fill.
    first, *others = _TEMPLATE.read_text(encoding="utf-8").split("{{")
    return first + "".join(
        filled[name] + rest for name, _, rest in (part.partition("}}") for part in others)
    )


def _summary(summary: pl.DataFrame | None, shown: Drawn) -> str:
    if summary is None or summary.is_empty():
        return ""
    drawn_first = summary.sort(pl.col("log_id") != shown.scene.log_id, maintain_order=True)
    cells = [
        [value_text("", value) for value in row] for row in drawn_first.head(_LOGS).iter_rows()
    ]
    more = len(summary) - _LOGS
    note = f"<p>and {more} logs more</p>" if more > 0 else ""
    return f"<h2>Summary</h2>{svg.table(summary.columns, cells)}{note}"
