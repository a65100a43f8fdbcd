"""The scene from above, with matplotlib: lanes, ways, boxes, and where something happened."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from metrics_platform.delivery.pictures.moments import Event
from metrics_platform.delivery.pictures.scene import Body, Scene
from metrics_platform.delivery.pictures.view import View, actor_of, other_of, place_of

INK, GREY, PALE = "#1a1a1a", "#767676", "#d9d9d9"
# Of Okabe and Ito's palette: told apart by those who see red and green alike.
ACTOR, OTHER = "#0072b2", "#d55e00"
_LABELS = 6
_NUMBERS = 12
_OVERVIEW = 1.6
# Room that a label takes, as parts of the view.
_LABEL = (0.13, 0.06)


def draw_plan(axes: Axes, scene: Scene, found: Sequence[Event], chosen: Event | None,
              at_s: float, view: View) -> None:  # fmt: skip
    """Draw what `view` shows of `scene` at a moment, and mark the events in it.

    The actor is filled, the other road user of the row is hatched, and all else is an outline:
    so it is told apart in print, too. A way is drawn in full until the moment, and dotted after it.
    """
    actor, other = actor_of(scene, chosen), other_of(scene, chosen)
    if other is actor:
        other = None
    _map(axes, scene, view)
    rest = [body for body in scene.bodies if body not in (actor, other)]
    for body in rest:
        _way(axes, body, at_s, view, GREY, 0.7)
        _box(axes, body, at_s, view, facecolor="white", edgecolor=GREY, linewidth=0.9)
    if other:
        _way(axes, other, at_s, view, OTHER, 1.5)
        _box(axes, other, at_s, view, facecolor="white", edgecolor=OTHER, linewidth=1.6,
             hatch="//////")  # fmt: skip
    if actor:
        _way(axes, actor, at_s, view, ACTOR, 1.5)
        _stretches(axes, actor, found, view)
        _box(axes, actor, at_s, view, nose="white", facecolor=ACTOR, edgecolor=INK, linewidth=1.2)
    _numbers(axes, scene, found, chosen, view)
    _labels(axes, actor, other, rest, at_s, view)
    (x, y), (width, height) = view.center_m, view.size_m
    axes.set_xlim(x - width / 2, x + width / 2)
    axes.set_ylim(y - height / 2, y + height / 2)
    axes.set_aspect("equal")
    whose = actor.name if actor else "the fixed frame"
    axes.set_xlabel(f"ahead of {whose}, m" if actor else "x, m", fontsize=8)
    axes.set_ylabel("to the left, m" if actor else "y, m", fontsize=8)
    axes.tick_params(labelsize=8, colors=INK)
    _overview(axes, scene, found, actor, view)


def _map(axes: Axes, scene: Scene, view: View) -> None:
    for area in scene.areas_m:
        axes.add_patch(Polygon(view.seen(area), facecolor="#f4f4f4", edgecolor="none", zorder=0))
    for lane in scene.lanes:
        for line in (lane.left_m, lane.right_m):
            axes.plot(*view.seen(line).T, color="#b0b0b0", linewidth=0.8, zorder=1)


def _way(axes: Axes, body: Body, at_s: float, view: View, color: str, width: float) -> None:
    seen = view.seen(body.path_m)
    for part, style in ((body.times_s <= at_s, "-"), (body.times_s >= at_s, ":")):
        axes.plot(*seen[part].T, linestyle=style, color=color, linewidth=width, zorder=2)


def _box(
    axes: Axes, body: Body, at_s: float, view: View, *, nose: str = INK, **style: object
) -> None:
    corners = body.corners(at_s)
    if corners is None:
        return
    seen = view.seen(corners)
    if not body.box_known:
        style |= {"linestyle": "--"}
    axes.add_patch(Polygon(seen, zorder=4, **style))  # type: ignore[arg-type]
    # Which way it looks: from the centre to the middle of its front.
    forward = np.array([seen.mean(axis=0), (seen[0] + seen[3]) / 2])
    axes.plot(*forward.T, color=nose, linewidth=1.1, zorder=5)


def _stretches(axes: Axes, actor: Body, found: Sequence[Event], view: View) -> None:
    for event in found:
        if event.end_s > event.start_s and event.row.get("actor_id") in (None, actor.name):
            within = (actor.times_s >= event.start_s) & (actor.times_s <= event.end_s)
            seen = view.seen(actor.path_m[within])
            axes.plot(*seen.T, color=ACTOR, linewidth=7, alpha=0.25, solid_capstyle="butt",
                      zorder=2)  # fmt: skip


def _numbers(axes: Axes, scene: Scene, found: Sequence[Event], chosen: Event | None,
             view: View) -> None:  # fmt: skip
    for event in _few(found, chosen):
        place = place_of(scene, event)
        if place is None or not view.holds(seen := view.seen(place[None, :])):
            continue
        [(x, y)] = seen
        axes.plot(x, y, "o", markersize=4, markerfacecolor="white", markeredgecolor=INK, zorder=6)
        axes.annotate(str(event.number), (x, y), (0, -14), textcoords="offset points", ha="center",
                      va="center", fontsize=8, zorder=7, bbox=_badge(event is chosen),
                      color="white" if event is chosen else INK)  # fmt: skip


def _few(found: Sequence[Event], chosen: Event | None) -> list[Event]:
    """Return the events that get a number: all of them, or else the chosen one alone."""
    if len(found) <= _NUMBERS:
        return list(found)
    return [chosen] if chosen else []


def _badge(chosen: bool) -> dict[str, object]:
    return {
        "boxstyle": "round,pad=0.25",
        "facecolor": INK if chosen else "white",
        "edgecolor": INK,
        "linewidth": 0.8,
    }


def _labels(axes: Axes, actor: Body | None, other: Body | None, rest: Sequence[Body], at_s: float,
            view: View) -> None:  # fmt: skip
    near = []
    for body in rest:
        pose = body.at(at_s)
        if pose and view.holds(seen := view.seen(np.array([pose[:2]]))):
            near.append((float(np.hypot(*(seen[0] - view.center_m))), body))
    nearest = [body for _, body in sorted(near, key=lambda pair: pair[0])[:_LABELS]]
    placed: list[tuple[float, float]] = []
    named = [(actor, ACTOR), (other, OTHER), *((body, GREY) for body in nearest)]
    for named_body, color in named:
        corners = named_body.corners(at_s) if named_body else None
        if named_body is None or corners is None:
            continue
        top = view.seen(corners).max(axis=0)[1]
        x = view.seen(corners).mean(axis=0)[0]
        # Those that the picture is about always have their name.
        apart = color != GREY or all(
            abs(x - there[0]) > _LABEL[0] * view.size_m[0]
            or abs(top - there[1]) > _LABEL[1] * view.size_m[1]
            for there in placed
        )
        if apart and view.holds(np.array([[x, top]])):
            placed.append((x, top))
            axes.annotate(label(named_body), (x, top), (0, 4), textcoords="offset points",
                          ha="center", va="bottom", fontsize=8, color=color, zorder=7,
                          weight="bold" if color != GREY else "normal")  # fmt: skip


def label(body: Body) -> str:
    """Return what is written beside a body: names of tracks can be long, their ends differ most."""
    name = body.name if len(body.name) <= 10 else f"…{body.name[-6:]}"
    return name if body.category in (body.name, "") else f"{body.category.lower()} {name}"


def _overview(axes: Axes, scene: Scene, found: Sequence[Event], actor: Body | None,
              view: View) -> None:  # fmt: skip
    """Draw the whole way small, in a corner, where the view shows but a part of it."""
    if actor is None:
        return
    path = view.seen(actor.path_m)
    if np.ptp(path, axis=0).max() < _OVERVIEW * view.size_m[0]:
        return
    small = axes.inset_axes((0.765, 0.6, 0.23, 0.38))
    small.set_facecolor("white")
    small.plot(*path.T, color=ACTOR, linewidth=1)
    marked = [place for event in found if (place := place_of(scene, event)) is not None]
    if marked:
        small.plot(*view.seen(np.array(marked)).T, "o", color=INK, markersize=2.5)
    corner = np.array(view.center_m) - np.array(view.size_m) / 2
    small.add_patch(Rectangle((corner[0], corner[1]), *view.size_m, facecolor="none",
                              edgecolor=INK, linewidth=0.9))  # fmt: skip
    small.set_aspect("equal", adjustable="datalim")
    small.set_xticks([])
    small.set_yticks([])
    across_m = np.hypot(*np.ptp(path, axis=0))
    small.text(0.03, 0.95, f"whole way, {across_m:,.0f} m across", transform=small.transAxes,
               fontsize=7, color=INK, va="top")  # fmt: skip
