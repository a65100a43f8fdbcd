"""One picture of one log: the scene from above, and below it what the metric says over time."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from metrics_platform.core.definitions import Definition
from metrics_platform.delivery.pictures.charts import draw_panel, draw_spans, rows_of_spans
from metrics_platform.delivery.pictures.drawn import Drawn, drawn, time_limits
from metrics_platform.delivery.pictures.plan import GREY, INK, draw_plan
from metrics_platform.delivery.pictures.scene import Frames
from metrics_platform.delivery.pictures.texts import headline, moment_text, table_of
from metrics_platform.delivery.pictures.view import view_of

_WIDTH_IN, _DPI = 11.0, 150
_PANEL_IN, _SPAN_IN, _LINE_IN = 1.25, 0.2, 0.165
_HEAD_IN, _AXIS_IN, _FOOT_IN = 0.75, 0.45, 0.2
_LEFT, _RIGHT, _WHOLE = 0.08, 0.79, 0.975


def picture(
    frames: Frames,
    rows: pl.DataFrame,
    definition: Definition,
    at_ns: int | None = None,
    *,
    log_id: str | None = None,
) -> Figure:
    """Draw one log and what a metric says of it.

    From above: the map, the ways of all that moves, and their boxes at one moment. Below: when the
    events were, and each numeric column over time, by unit. Rows without a time are a table. What
    isn't there is left out: without poses and tracks there is no scene.

    Args:
        frames: Signals by name, of any logs: `recordings`, `ego_poses`, `tracks`, `lane_points`
            and `drivable_areas`, as far as they are there; `ego_states`, and what the metric is
            computed from, give curves to compare with.
        rows: Of the metric, of any logs.
        definition: Of the metric.
        at_ns: The moment; the most interesting one if None.
        log_id: The log; that of the most interesting row if None.

    Returns:
        A figure that any backend can write: `savefig("x.png")`.
    """
    shown = drawn(frames, rows, definition, at_ns, log_id)
    scene, panels = shown.scene, shown.numbers.panels
    table = "" if shown.found else table_of(shown.rows, definition)
    view = view_of(scene, shown.chosen, shown.at_s) if scene.bodies else None
    plan_in = (_WHOLE - _LEFT) * _WIDTH_IN * view.size_m[1] / view.size_m[0] if view else 0.0
    low, high = time_limits(shown)
    at_rows = rows_of_spans(shown.found, high - low)
    # Height of each part, and what is left free below it.
    parts = [
        (plan_in, _AXIS_IN + 0.05),
        (_SPAN_IN * (max(at_rows) + 1) + 0.12 if at_rows else 0.0, 0.1),
        *((_PANEL_IN, 0.12) for _ in panels),
        (0.0 if not (panels or shown.found) else 0.01, _AXIS_IN),
        (_LINE_IN * (table.count("\n") + 1) if table else 0.0, 0.1),
    ]
    parts = [(height, below if height else 0.0) for height, below in parts]
    whole = sum(map(sum, parts)) + _HEAD_IN + _FOOT_IN
    figure = Figure(figsize=(_WIDTH_IN, whole), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _titles(figure, definition, shown)
    bottoms = []
    top = whole - _HEAD_IN
    for height, below in parts:
        bottoms.append(top - height)
        top -= height + below

    def axes(at: int, right: float = _RIGHT) -> Axes:
        return figure.add_axes((_LEFT, bottoms[at] / whole, right - _LEFT, parts[at][0] / whole))

    if view:
        draw_plan(axes(0, _WHOLE), scene, shown.found, shown.chosen, shown.at_s, view)
    timed = []
    if shown.found:
        timed.append(axes(1))
        timed[0].set_xlim(low, high)
        draw_spans(timed[0], shown.found, shown.chosen, shown.at_s)
    for at, panel in enumerate(panels, 2):
        timed.append(axes(at))
        timed[-1].set_xlim(low, high)
        draw_panel(timed[-1], panel, shown.at_s)
    for upper in timed[:-1]:
        upper.tick_params(labelbottom=False)
    if timed:
        timed[-1].tick_params(labelsize=8)
        timed[-1].set_xlabel("time since the start of the recording, s", fontsize=8)
    if table:
        figure.text(_LEFT, (bottoms[-1] + parts[-1][0]) / whole, table, family="monospace",
                    fontsize=8, va="top", color=INK)  # fmt: skip
    return figure


def _titles(figure: Figure, definition: Definition, shown: Drawn) -> None:
    whole = figure.get_figheight()
    scene = shown.scene
    title, told = headline(definition, scene.log_id, scene.source, scene.other_sources)
    column = shown.focus.column
    moment = moment_text(shown.chosen, len(shown.found), shown.at_s, shown.focus.why, [column])
    figure.text(_LEFT, 1 - 0.28 / whole, title, fontsize=12, weight="bold", color=INK, va="center")
    figure.text(_LEFT, 1 - 0.48 / whole, told, fontsize=8.5, color=INK, va="center")
    figure.text(_LEFT, 1 - 0.64 / whole, moment, fontsize=8.5, color=INK, va="center")
    if shown.numbers.left_out:
        names = ", ".join(shown.numbers.left_out)
        figure.text(_LEFT, 0.1 / whole, f"not drawn: {names}"[:150], fontsize=7, color=GREY)
