"""Other road users from scenes of boxes in an MCAP recording."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from metrics_platform.readers._mcap_fields import columns, stamps
from metrics_platform.readers._mcap_poses import EgoMotion
from metrics_platform.readers._mcap_transforms import FrameTree
from metrics_platform.readers._poses import (
    Poses,
    Times,
    at,
    composed,
    heading_rad,
    normalised,
    rotated,
    still,
)
from metrics_platform.readers.config import ReaderConfig

SCENE_SCHEMAS = frozenset({"foxglove.SceneUpdate"})

# Keys of an entity's metadata, the more telling first.
_CATEGORY_KEYS = ("category", "class", "label", "type", "classification")
_SCORE_KEYS = ("score", "confidence", "probability")
_VELOCITY_KEYS = ("velocity_x_mps", "velocity_y_mps")
_UNKNOWN_CATEGORY = "unknown"


def tracks(
    scenes: Mapping[str, pl.DataFrame],
    motion: EgoMotion | None,
    tree: FrameTree,
    config: ReaderConfig,
) -> tuple[pl.DataFrame, list[str], str | None]:
    """Return the boxes of all sources in the fixed frame, notes, and why there are none.

    An entity's first cube is its box; its id names the track; its timestamp is when it was seen.
    Entities in the frame of the poses are taken as they are, those in the vehicle's are moved by
    the pose at that instant, others by the recorded transforms.

    Args:
        scenes: Source to messages.
        motion: Of the vehicle, where it is known.
        tree: Recorded transforms.
        config: Names of fixed frames and of the vehicle's.
    """
    parts, notes = [], []
    total, lost = 0, set()
    for source, messages in scenes.items():
        entities = _entities(messages, config)
        boxes = entities.filter(pl.col("cube").is_not_null())
        if other := len(entities) - len(boxes):
            notes.append(f"tracks: {other} of {len(entities)} {source} entities have no cube")
        total += len(boxes)
        for (frame,), part in boxes.partition_by(
            "frame_id", as_dict=True, maintain_order=True
        ).items():
            placed = _placed(part, str(frame), motion, tree, config)
            if placed is None:
                lost.add(f"{len(part)} {source} boxes in the frame {frame!r}")
            else:
                parts.append(placed.with_columns(source=pl.lit(source)))
    if lost:
        notes.append(f"tracks: nothing ties {', '.join(sorted(lost))} to a fixed frame")
    if total and not parts:
        return _NO_ROWS, notes, notes[-1]
    rows = pl.concat([_NO_ROWS, *(part.select(_NO_ROWS.columns) for part in parts)])
    # Frames were taken apart: back into the order of the recording.
    rows = rows.sort("order", maintain_order=True)
    outside = rows["x_m"].is_nan() & rows["box_is_finite"]
    if unplaced := int(outside.sum()):
        notes.append(f"tracks: {unplaced} of {total} boxes lie outside the recorded poses")
    return rows.filter(~outside).drop("order", "box_is_finite"), notes, None


_NO_ROWS = pl.DataFrame(
    schema={
        "order": pl.UInt32,
        "box_is_finite": pl.Boolean,
        "timestamp_ns": pl.Int64,
        "source": pl.String,
        "track_id": pl.String,
        "category": pl.String,
        "x_m": pl.Float64,
        "y_m": pl.Float64,
        "z_m": pl.Float64,
        "heading_rad": pl.Float64,
        "length_m": pl.Float64,
        "width_m": pl.Float64,
        "height_m": pl.Float64,
        "velocity_x_mps": pl.Float64,
        "velocity_y_mps": pl.Float64,
        "score": pl.Float64,
    }
)


def _entities(messages: pl.DataFrame, config: ReaderConfig) -> pl.DataFrame:
    if not len(messages):
        return pl.DataFrame(schema={"cube": pl.Null, "frame_id": pl.String})
    exploded = (
        messages.select("log_time_ns", "entities")
        .explode("entities", empty_as_null=False)
        .unnest("entities")
    )
    return (
        stamps(exploded, "timestamp")
        .with_row_index("order")
        .with_columns(cube=pl.col("cubes").list.first())
        .filter(~pl.col("id").is_in(config.vehicle_frames))
    )


def _placed(
    boxes: pl.DataFrame,
    frame: str,
    motion: EgoMotion | None,
    tree: FrameTree,
    config: ReaderConfig,
) -> pl.DataFrame | None:
    times = boxes["timestamp_ns"].fill_null(0).to_numpy()
    outer = _frame_at(frame, times, motion, tree, config)
    if outer is None:
        return None
    position_m = columns(boxes, "cube.pose.position", "xyz")
    quaternion = normalised(columns(boxes, "cube.pose.orientation", "xyzw"))
    box = composed(outer, Poses(times, position_m, quaternion))
    size_m = columns(boxes, "cube.size", "xyz")
    velocity = boxes.select(_number(key) for key in _VELOCITY_KEYS).fill_null(float("nan"))
    flat = np.column_stack([velocity.to_numpy(), np.zeros(len(boxes))])
    velocity_mps = rotated(outer.quaternion, flat)
    category = pl.coalesce(_text(key) for key in _CATEGORY_KEYS).fill_null(_UNKNOWN_CATEGORY)
    score = pl.coalesce(_number(key) for key in _SCORE_KEYS)
    return boxes.select(
        "order", "timestamp_ns", track_id="id", category=category, score=score,
        box_is_finite=pl.Series(np.isfinite(position_m).all(axis=1)),
        x_m=pl.Series(box.position_m[:, 0]),
        y_m=pl.Series(box.position_m[:, 1]),
        z_m=pl.Series(box.position_m[:, 2]),
        heading_rad=pl.Series(heading_rad(box.quaternion)),
        length_m=pl.Series(size_m[:, 0]),
        width_m=pl.Series(size_m[:, 1]),
        height_m=pl.Series(size_m[:, 2]),
        velocity_x_mps=pl.Series(velocity_mps[:, 0]),
        velocity_y_mps=pl.Series(velocity_mps[:, 1]),
    )  # fmt: skip


def _frame_at(
    frame: str, times: Times, motion: EgoMotion | None, tree: FrameTree, config: ReaderConfig
) -> Poses | None:
    """Return the poses of `frame` in the fixed frame; None where nothing ties the two."""
    name = frame.strip("/")
    if motion is None or not len(motion.poses):
        return still(times) if name in config.fixed_frames else None
    if name == motion.fixed_frame:
        return still(times)
    if name in motion.body_frames:
        return at(motion.poses, times)
    for body in sorted(motion.body_frames):
        if (mounted := tree.lookup(body, name, times)) is not None:
            return composed(at(motion.poses, times), mounted)
    return tree.lookup(motion.fixed_frame, name, times)


def _text(key: str) -> pl.Expr:
    matching = pl.col("metadata").list.eval(
        pl.element().struct.field("value").filter(pl.element().struct.field("key") == key)
    )
    value = matching.list.first()
    return pl.when(value != "").then(value).alias(key)


def _number(key: str) -> pl.Expr:
    return _text(key).cast(pl.Float64, strict=False).alias(key)
