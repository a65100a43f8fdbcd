"""The part of a scene that is worth looking at, turned so that the ego drives to the right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics_platform.delivery.pictures.moments import Event
from metrics_platform.delivery.pictures.scene import Body, Floats, Scene

# So long before and after the moment a way is within sight.
AROUND_S = 4.0
_MARGIN = 0.08
# A robot on a sidewalk needs less room than a car; beyond the greatest, cars are specks.
_LEAST_M, _GREATEST_M = 14.0, 140.0
# Width per height of the picture.
_NARROWEST, _WIDEST = 2.3, 4.0


@dataclass(frozen=True)
class View:
    """A rectangle in axes of its own: x ahead of the one in whose seat we sit, y to the left.

    Attributes:
        origin_m: Of these axes, in the fixed frame.
        heading_rad: Of their x axis, in the fixed frame.
        center_m: Of the rectangle, in its own axes.
        size_m: Its width and height.
    """

    origin_m: tuple[float, float]
    heading_rad: float
    center_m: tuple[float, float]
    size_m: tuple[float, float]

    def seen(self, points: Floats) -> Floats:
        """Return points of the fixed frame, of shape (n, 2), in the axes of the view."""
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        turned: Floats = (points - self.origin_m) @ np.array([(cos, -sin), (sin, cos)])
        return turned

    def holds(self, points: Floats) -> bool:
        """Say whether any of these points, in its axes, lies within it."""
        off = np.abs(points - self.center_m)
        return bool((off <= np.array(self.size_m) / 2).all(axis=1).any())


def actor_of(scene: Scene, event: Event | None) -> Body | None:
    """Return in whose seat we sit: the row's actor, or its track, or the ego."""
    row = event.row if event else {}
    return scene.body(row.get("actor_id")) or scene.ego or other_of(scene, event)


def other_of(scene: Scene, event: Event | None) -> Body | None:
    """Return the road user that a row is about besides the actor."""
    row = event.row if event else {}
    named = (row.get(key) for key in ("other_id", "track_id", "truth_id"))
    return next((body for name in named if name and (body := scene.body(name))), None)


def view_of(scene: Scene, event: Event | None, at_s: float) -> View:
    """Return what to look at.

    Args:
        scene: The log.
        event: The row of most interest.
        at_s: The moment.
    """
    actor, other = actor_of(scene, event), other_of(scene, event)
    pose = actor.at(at_s) if actor else None
    if pose is None:
        bodies = [body.path_m for body in scene.bodies]
        everything = np.concatenate([*bodies, *scene.areas_m, np.zeros((0, 2))])
        return _around(everything, (0.0, 0.0), 0.0)
    origin, heading = pose[:2], pose[2]
    of_interest = [_near(body, at_s) for body in (actor, other) if body]
    of_interest.append(places([event] if event else []))
    # What is far off, however interesting, must not make everything small.
    points = np.concatenate(of_interest)
    within = np.abs(points - np.array(origin)).max(axis=1) <= _GREATEST_M / 2
    return _around(points[within], origin, heading)


def places(found: Iterable[Event | None]) -> Floats:
    """Return where rows say that they are, in the fixed frame, of shape (n, 2)."""
    points = [
        (event.row["x_m"], event.row["y_m"])
        for event in found
        if event and event.row.get("x_m") is not None and event.row.get("y_m") is not None
    ]
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def place_of(scene: Scene, event: Event) -> Floats | None:
    """Return where an event is, in the fixed frame: as its row says, or where its actor was."""
    if len(told := places([event])):
        point: Floats = told[0]
        return point
    actor = actor_of(scene, event)
    pose = actor.at(event.at_s) if actor else None
    return None if pose is None else np.array(pose[:2])


def _near(body: Body, at_s: float) -> Floats:
    path: Floats = body.path_m[np.abs(body.times_s - at_s) <= AROUND_S]
    return path


def _around(points: Floats, origin: Sequence[float], heading: float) -> View:
    view = View((origin[0], origin[1]), heading, (0.0, 0.0), (_LEAST_M, _LEAST_M / _WIDEST))
    if not len(points):
        return view
    seen = view.seen(points)
    low, high = seen.min(axis=0), seen.max(axis=0)
    width, height = (high - low) * (1 + 2 * _MARGIN) + _LEAST_M / 3
    width = max(width, height * _NARROWEST, _LEAST_M)
    height = max(height, width / _WIDEST)
    x, y = (low + high) / 2
    return View(view.origin_m, heading, (float(x), float(y)), (float(width), float(height)))
