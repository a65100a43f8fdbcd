"""What there is to draw of one log: the same for the picture and for the page."""

from dataclasses import dataclass

import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.delivery.pictures.curves import Numbers, numbers_of
from metrics_platform.delivery.pictures.moments import Event, Focus, events, focus
from metrics_platform.delivery.pictures.scene import Frames, Scene, scene_of


@dataclass(frozen=True)
class Drawn:
    """What there is to draw of one log.

    Attributes:
        scene: What stands and moves.
        found: Rows that have a time.
        chosen: That of most interest, if it has a time.
        at_s: The moment that is shown, since the start of the recording.
        numbers: Over time.
        rows: All of the log.
        focus: What is so interesting about the moment.
    """

    scene: Scene
    found: list[Event]
    chosen: Event | None
    at_s: float
    numbers: Numbers
    rows: pl.DataFrame
    focus: Focus


def drawn(
    frames: Frames,
    rows: pl.DataFrame,
    definition: Definition,
    at_ns: int | None = None,
    log_id: str | None = None,
) -> Drawn:
    """Return what `picture` and `page` draw; arguments as there."""
    chosen_log = log_id or _log_of(frames, rows, definition)
    of_log = rows.filter(pl.col("log_id") == chosen_log)
    looked_at = focus(of_log, definition) or Focus(chosen_log)
    if at_ns is not None:
        looked_at = Focus(chosen_log, _nearest(of_log, frames, at_ns), at_ns, "as asked")
    scene = scene_of(frames, chosen_log, looked_at.row.get("source"))
    found = events(of_log, scene.start_ns)
    chosen = next((event for event in found if event.row == looked_at.row), None)
    if looked_at.at_ns is not None:
        at_s = (looked_at.at_ns - scene.start_ns) * 1e-9
    else:
        at_s = chosen.at_s if chosen else scene.duration_s / 2
    numbers = numbers_of(frames, scene, found, definition, looked_at.row)
    return Drawn(scene, found, chosen, at_s, numbers, of_log, looked_at)


def time_limits(shown: Drawn) -> tuple[float, float]:
    """Return the time axis: the recording, and whatever was told to be outside of it."""
    starts = [0.0, *(event.start_s for event in shown.found)]
    ends = [shown.scene.duration_s, *(event.end_s for event in shown.found)]
    room = 0.01 * (max(ends) - min(starts)) or 0.5
    return min(starts) - room, max(ends) + room


def _log_of(frames: Frames, rows: pl.DataFrame, definition: Definition) -> str:
    if (found := focus(rows, definition)) is not None:
        return found.log_id
    logs = [frame["log_id"] for frame in frames.values() if len(frame)]
    return str(logs[0][0]) if logs else ""


def _nearest(rows: pl.DataFrame, frames: Frames, at_ns: int) -> dict[str, object]:
    found = events(rows, 0)
    away = [(max(e.start_s - at_ns * 1e-9, at_ns * 1e-9 - e.end_s, 0), e.number) for e in found]
    return dict(found[min(away)[1] - 1].row) if found else {}
