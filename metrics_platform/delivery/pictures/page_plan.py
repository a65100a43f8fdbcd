"""The scene from above as a vector picture whose boxes a script moves."""

from typing import Any

import numpy as np

from metrics_platform.delivery.pictures import svg
from metrics_platform.delivery.pictures.drawn import Drawn
from metrics_platform.delivery.pictures.plan import ACTOR, GREY, INK, OTHER, label
from metrics_platform.delivery.pictures.scene import SEEN_WITHIN_S, Body, Floats
from metrics_platform.delivery.pictures.view import View, actor_of, other_of, place_of

# Of all road users together: beyond it the page gets heavy, and nothing is seen better.
_POINTS = 60_000
_LEAST_POINTS = 50
_NUMBERED = 200


def plan_of(shown: Drawn, view: View) -> tuple[str, list[dict[str, Any]]]:
    """Return the picture's content, and what the script needs to move each body.

    Everything is in the axes of `view`, in metres, y down.

    Returns:
        The content, and of each body the moments `t` in s, `x`, `y`, heading `h` in degrees,
        and `gap`, the longest time between two moments over which it is known, in s.
    """
    scene = shown.scene
    actor, other = actor_of(scene, shown.chosen), other_of(scene, shown.chosen)
    rest = [body for body in scene.bodies if body not in (actor, other)]
    ordered = [
        *rest,
        *([other] if other and other is not actor else []),
        *([actor] if actor else []),
    ]
    most = max(_LEAST_POINTS, _POINTS // max(len(ordered), 1))
    parts = [svg.polygon(view.seen(a), fill="#f1f1f1") for a in scene.areas_m]
    parts += [
        svg.path(view.seen(line), stroke="#b0b0b0", class_="thin")
        for lane in scene.lanes
        for line in (lane.left_m, lane.right_m)
    ]
    moving = []
    boxes = []
    for body in ordered:
        color = ACTOR if body is actor else OTHER if body is other else GREY
        kept = _kept(body, most)
        seen = view.seen(body.path_m[kept])
        width = "way" if body in (actor, other) else "thin"
        parts.append(svg.path(seen, stroke=color, class_=width))
        if body is actor:
            parts += _stretches(shown, body, view)
        boxes.append(_box(body, color, filled=body is actor, hatched=body is other))
        steps = np.diff(body.times_s[kept])
        moving.append(
            {
                "t": _rounded(body.times_s[kept], 3),
                "x": _rounded(seen[:, 0], 2),
                "y": _rounded(-seen[:, 1], 2),
                "h": _rounded(-np.degrees(body.heading_rad[kept] - view.heading_rad), 1),
                "gap": round(max(2 * SEEN_WITHIN_S, 2.5 * _usual(steps)), 3),
                "actor": body is actor,
            }
        )
    return "".join([*parts, *boxes, *_numbers(shown, view)]), moving


def _usual(steps: Floats) -> float:
    return float(np.median(steps)) if len(steps) else 0.0


def _kept(body: Body, most: int) -> Any:
    """Return the places of at most so many samples, spread evenly, first and last among them."""
    count = len(body.times_s)
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _rounded(values: Floats, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _box(body: Body, color: str, *, filled: bool, hatched: bool) -> str:
    ahead, left = body.length_m / 2, body.width_m / 2
    fill = color if filled else "url(#hatch)" if hatched else "white"
    edge = svg.tag(
        "rect", x=-ahead, y=-left, width=2 * ahead, height=2 * left, fill=fill,
        stroke=INK if filled else color, class_="box" if body.box_known else "box guessed",
    )  # fmt: skip
    nose = svg.tag("line", x1=0, y1=0, x2=ahead, y2=0, stroke="white" if filled else INK,
                   class_="thin")  # fmt: skip
    name = svg.text(
        label(body),
        0.0,
        0.0,
        class_="name",
        fill=color,
        text_anchor="middle",
        data_half=1.15 * left,
    )
    weight = "main" if filled or hatched else "rest"
    return svg.tag("g", svg.tag("g", edge + nose) + name, class_=f"body {weight}")


def _stretches(shown: Drawn, actor: Body, view: View) -> list[str]:
    found = []
    for event in shown.found:
        if event.end_s > event.start_s and event.row.get("actor_id") in (None, actor.name):
            within = (actor.times_s >= event.start_s) & (actor.times_s <= event.end_s)
            seen = view.seen(actor.path_m[within])
            found.append(svg.path(seen, stroke=ACTOR, class_="stretch"))
    return found


def _numbers(shown: Drawn, view: View) -> list[str]:
    found = []
    events = shown.found if len(shown.found) <= _NUMBERED else [shown.chosen]
    for event in events:
        if event is None or (place := place_of(shown.scene, event)) is None:
            continue
        [(x, y)] = view.seen(place[None, :])
        dot = svg.tag("circle", r=0.25, fill="white", stroke=INK, class_="thin")
        name = svg.text(event.number, 0.0, 0.0, class_="number", text_anchor="middle")
        found.append(
            svg.tag(
                "g",
                dot + name,
                transform=f"translate({svg.number(float(x))},{svg.number(-float(y))})",
                class_="event",
                data_t=round(event.at_s, 3),
            )
        )
    return found
