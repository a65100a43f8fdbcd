"""Making one of the road users the ego, where the metadata say which one."""

from dataclasses import replace

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.kernels.geometry import in_axes_of
from metrics_platform.readers.contents import LogContents

# What `actor_pairs` and `lane_positions` call it.
EGO = "ego"
_SHOWN_IDS = 8


def with_ego_track(contents: LogContents) -> LogContents:
    """Return `contents` with the track that `ego_track_id` names as the ego, if it names one.

    The track becomes `ego_poses`, and is none of the `tracks` any more; its `lane_positions` are
    those of the ego. The ego's origin is then the centre of its box, whatever offset else is told;
    its size is the one that is told, else the median of the track's boxes. Its velocities are the
    track's, along its own axes; it has no yaw rate.

    Raises:
        UnreadableLogError: No road user has this id, more than one source has it, or the
            recording has an ego of its own.
    """
    metadata, name = contents.metadata, contents.metadata.ego_track_id
    if name is None:
        return contents
    where = f"ego_track_id is {name!r}"
    if contents.has_ego and "ego_poses" in contents.signals:
        raise UnreadableLogError(f"{where}, but the recording has an ego of its own")
    tracks = contents.signals.get("tracks", pl.DataFrame({"track_id": []}, {"track_id": pl.String}))
    track = tracks.filter(pl.col("track_id") == name)
    if track.is_empty():
        raise UnreadableLogError(f"{where}, but the recording has {_known(tracks)}")
    if (sources := track["source"].unique().sort()).len() > 1:
        raise UnreadableLogError(f"{where}, which is in several sources: {', '.join(sources)}")
    others = tracks.filter(pl.col("track_id") != name)
    signals = {**contents.signals, "ego_poses": _poses(track), "tracks": others}
    if "lane_positions" in signals:
        renamed = pl.col("track_id").replace(name, EGO)
        signals["lane_positions"] = signals["lane_positions"].with_columns(track_id=renamed)
    return replace(
        contents,
        signals=signals,
        missing={key: why for key, why in contents.missing.items() if key != "ego_poses"},
        metadata=replace(
            metadata,
            ego_length_m=metadata.ego_length_m or _size(track, "length_m"),
            ego_width_m=metadata.ego_width_m or _size(track, "width_m"),
            ego_center_offset_m=0.0,
            has_ego=True,
        ),
        has_ego=True,
        notes=(*contents.notes, f"the ego is the road user {name}"),
    )


def _poses(track: pl.DataFrame) -> pl.DataFrame:
    # A reader may leave out what is never known.
    velocity_x, velocity_y = (
        pl.col(name) if name in track.columns else pl.lit(None, pl.Float64)
        for name in ("velocity_x_mps", "velocity_y_mps")
    )
    forward, left = in_axes_of(pl.col("heading_rad"), velocity_x, velocity_y)
    return track.select(
        "timestamp_ns",
        "x_m",
        "y_m",
        "z_m",
        "heading_rad",
        longitudinal_velocity_mps=forward,
        lateral_velocity_mps=left,
        yaw_rate_radps=pl.lit(None, pl.Float64),
    )


def _size(track: pl.DataFrame, name: str) -> float | None:
    """Return the median size; None where boxes have none, as points don't."""
    value = track[name].median()
    return value if isinstance(value, float) and value > 0 else None


def _known(tracks: pl.DataFrame) -> str:
    names = tracks["track_id"].unique().sort().to_list()
    more = ", …" if len(names) > _SHOWN_IDS else ""
    return f"the road users {', '.join(names[:_SHOWN_IDS])}{more}" if names else "no road user"
