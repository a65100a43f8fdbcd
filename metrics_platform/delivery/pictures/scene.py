"""What stands and moves in a log, as arrays: what both the picture and the page draw."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Frames = Mapping[str, pl.DataFrame]

# A box is drawn only near moments at which it was seen.
SEEN_WITHIN_S = 0.5
_PREFERRED_SOURCES = ("annotation", "simulation")
# Where nobody said how large somebody is, so that there is something to see: length and width.
_CAR, _SMALL = (4.5, 1.8), (0.6, 0.6)
_CARS = ("car", "vehicle", "truck", "bus", "van", "ego")
_LEAST_BOX_M = 0.05
# Who never drives faster is no car.
_SLOW_MPS = 3.0


@dataclass(frozen=True)
class Body:
    """The ego or another road user.

    Attributes:
        name: `ego`, or the track's.
        category: As the source names it.
        times_s: Since the start of the recording, rising.
        path_m: Centres of its box at these times: x and y in the fixed frame.
        heading_rad: Without jumps by a whole turn.
        length_m: Of its box.
        width_m: Of its box.
        box_known: Whether these are its own, and not those of a usual one.
    """

    name: str
    category: str
    times_s: Floats
    path_m: Floats
    heading_rad: Floats
    length_m: float
    width_m: float
    box_known: bool = True

    def at(self, time_s: float) -> tuple[float, float, float] | None:
        """Return x, y and heading at a moment; None where it wasn't seen then."""
        after = int(np.searchsorted(self.times_s, time_s))
        near = self.times_s[max(after - 1, 0) : after + 1]
        if not len(near) or np.abs(near - time_s).min() > SEEN_WITHIN_S:
            return None
        x, y, heading = (
            float(np.interp(time_s, self.times_s, values))
            for values in (*self.path_m.T, self.heading_rad)
        )
        return x, y, heading

    def corners(self, time_s: float) -> Floats | None:
        """Return the corners of its box at a moment, front left first, anticlockwise."""
        if (pose := self.at(time_s)) is None:
            return None
        x, y, heading = pose
        cos, sin = np.cos(heading), np.sin(heading)
        ahead, left = self.length_m / 2, self.width_m / 2
        local = np.array([(ahead, left), (-ahead, left), (-ahead, -left), (ahead, -left)])
        corners: Floats = local @ np.array([(cos, sin), (-sin, cos)]) + (x, y)
        return corners


@dataclass(frozen=True)
class Lane:
    """Lines of one lane, points of x and y each."""

    left_m: Floats
    right_m: Floats


@dataclass(frozen=True)
class Scene:
    """One log.

    Attributes:
        log_id: Its name.
        start_ns: Of the recording: all seconds are counted from here.
        duration_s: Of the recording.
        ego: None in a recording of traffic as a whole, and where no pose is known.
        others: Road users as `source` has them.
        source: Of the others; empty without any.
        other_sources: Which have tracks, too.
        lanes: Of the map.
        areas_m: Corners of what is drivable.
    """

    log_id: str
    start_ns: int
    duration_s: float
    ego: Body | None = None
    others: list[Body] = field(default_factory=list)
    source: str = ""
    other_sources: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    areas_m: list[Floats] = field(default_factory=list)

    @property
    def bodies(self) -> list[Body]:
        """All that moves, the ego first."""
        return [*([self.ego] if self.ego else []), *self.others]

    def body(self, name: object) -> Body | None:
        """Return the body of a name, None where there is none."""
        return next((body for body in self.bodies if body.name == name), None)


def scene_of(frames: Frames, log_id: str, source: str | None = None) -> Scene:
    """Return what is known of one log.

    Args:
        frames: Signals by name; of them `recordings`, `ego_poses`, `tracks`, `lane_points` and
            `drivable_areas` are looked at, as far as they are there.
        log_id: Which.
        source: Whose tracks; annotations if None, or of whom there are most.
    """
    recording = _of(frames, "recordings", log_id)
    poses, tracks = _of(frames, "ego_poses", log_id), _of(frames, "tracks", log_id)
    stamps = [frame["timestamp_ns"] for frame in (poses, tracks) if len(frame)]
    if len(recording):
        start_ns, end_ns = recording["start_ns"][0], recording["end_ns"][0]
    elif stamps:
        start_ns, end_ns = min(s.min() for s in stamps), max(s.max() for s in stamps)  # type: ignore[type-var]
    else:
        start_ns, end_ns = 0, 0
    sources = _sources(tracks)
    shown = source if source in sources else next(iter(sources), "")
    return Scene(
        log_id=log_id,
        start_ns=start_ns,
        duration_s=(end_ns - start_ns) * 1e-9,
        ego=_ego(poses, recording, start_ns),
        others=_others(tracks, shown, start_ns),
        source=shown,
        other_sources=[name for name in sources if name != shown],
        lanes=[
            Lane(_points(lane, "left_x_m", "left_y_m"), _points(lane, "right_x_m", "right_y_m"))
            for lane in _parts(_of(frames, "lane_points", log_id), "lane_id")
        ],
        areas_m=[
            _points(area, "x_m", "y_m")
            for area in _parts(_of(frames, "drivable_areas", log_id), "area_id")
        ],
    )


def _of(frames: Frames, name: str, log_id: str) -> pl.DataFrame:
    frame = frames.get(name)
    return pl.DataFrame() if frame is None else frame.filter(pl.col("log_id") == log_id)


def _sources(tracks: pl.DataFrame) -> list[str]:
    if tracks.is_empty():
        return []
    counted = tracks.group_by("source").len().sort("len", "source", descending=[True, False])
    names = counted["source"].to_list()
    return sorted(names, key=lambda name: name not in _PREFERRED_SOURCES)


def _ego(poses: pl.DataFrame, recording: pl.DataFrame, start_ns: int) -> Body | None:
    if poses.is_empty():
        return None
    sizes = ("ego_length_m", "ego_width_m", "ego_center_offset_m")
    known = recording.row(0, named=True) if len(recording) else {}
    length, width, offset = (known.get(name) for name in sizes)
    times_s, origins_m = _seconds(poses, start_ns), _points(poses, "x_m", "y_m")
    usual = _SMALL if _speed(times_s, origins_m) < _SLOW_MPS else _CAR
    heading = np.unwrap(poses["heading_rad"].to_numpy())
    ahead = np.column_stack([np.cos(heading), np.sin(heading)]) * (offset or 0.0)
    return Body(
        name="ego",
        category="ego",
        times_s=times_s,
        path_m=origins_m + ahead,
        heading_rad=heading,
        length_m=usual[0] if length is None else length,
        width_m=usual[1] if width is None else width,
        box_known=length is not None and width is not None,
    )


def _speed(times_s: Floats, path_m: Floats) -> float:
    """Return a speed that is hardly ever exceeded, in metres per second; 0 of a single pose."""
    steps_s = np.diff(times_s)
    moved = np.hypot(*np.diff(path_m, axis=0).T)[steps_s > 0] / steps_s[steps_s > 0]
    return float(np.percentile(moved, 95)) if len(moved) else 0.0


def _others(tracks: pl.DataFrame, source: str, start_ns: int) -> list[Body]:
    if tracks.is_empty():
        return []
    ordered = tracks.filter(pl.col("source") == source).sort("track_id", "timestamp_ns")
    return [_road_user(track, start_ns) for track in _parts(ordered, "track_id")]


def _road_user(track: pl.DataFrame, start_ns: int) -> Body:
    category = track["category"][0]
    length, width = (float(np.median(track[name].to_numpy())) for name in ("length_m", "width_m"))
    known = min(length, width) > _LEAST_BOX_M
    usual = _CAR if any(word in category.lower() for word in _CARS) else _SMALL
    return Body(
        name=track["track_id"][0],
        category=category,
        times_s=_seconds(track, start_ns),
        path_m=_points(track, "x_m", "y_m"),
        heading_rad=np.unwrap(track["heading_rad"].to_numpy()),
        length_m=length if known else usual[0],
        width_m=width if known else usual[1],
        box_known=known,
    )


def _seconds(frame: pl.DataFrame, start_ns: int) -> Floats:
    seconds: Floats = (frame["timestamp_ns"] - start_ns).to_numpy() * 1e-9
    return seconds


def _points(frame: pl.DataFrame, x: str, y: str) -> Floats:
    points: Floats = frame.select(x, y).to_numpy()
    return points


def _parts(frame: pl.DataFrame, by: str) -> list[pl.DataFrame]:
    return frame.partition_by(by, maintain_order=True) if len(frame) else []
