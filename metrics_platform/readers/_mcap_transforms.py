"""The tree of coordinate frames that a recording's transforms make up."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.readers._mcap_fields import columns, field, has_field, stamps
from metrics_platform.readers._poses import Poses, Times, at, composed, inverted, still, tidy
from metrics_platform.readers.config import ReaderConfig

# Schema to the path of its list of transforms; None where the message is one itself.
TRANSFORM_SCHEMAS: Mapping[str, str | None] = {
    "tf2_msgs/msg/TFMessage": "transforms",
    "foxglove.FrameTransforms": "transforms",
    "foxglove.FrameTransform": None,
}


@dataclass(frozen=True)
class FrameTree:
    """Pose of each child frame in its parent frame, over time.

    Attributes:
        links: (parent, child) to poses of the child; one that was sent once holds always.
    """

    links: Mapping[tuple[str, str], Poses]

    @classmethod
    def of(cls, messages: Sequence[pl.DataFrame], config: ReaderConfig) -> "FrameTree":
        """Return the tree that the messages of all transform topics make up."""
        links: dict[tuple[str, str], list[Poses]] = {}
        for table in messages:
            for key, poses in _links(table).items():
                links.setdefault(key, []).append(poses)
        return cls({key: _joined(parts) for key, parts in links.items()})

    def motion(self, fixed: str, body: str) -> Poses | None:
        """Return the poses of `body` in `fixed`, at the times of the chain's most frequent link.

        None where no chain ties the two, or every link of it stands still. Before all links are
        known, they are NaN.
        """
        chain = self._chain(fixed, body)
        moving = [poses for poses, _ in chain or () if len(poses) > 1]
        if not chain or not moving:
            return None
        return self._composed(chain, max(moving, key=len).timestamp_ns)

    def lookup(self, fixed: str, body: str, timestamp_ns: Times) -> Poses | None:
        """Return the poses of `body` in `fixed` at given times; None where no chain ties them."""
        chain = self._chain(fixed, body)
        return None if chain is None else self._composed(chain, timestamp_ns)

    def _composed(self, chain: Sequence[tuple[Poses, bool]], times: Times) -> Poses:
        total = still(times)
        for poses, forward in chain:
            link = _at(poses, times)
            total = composed(total, link if forward else inverted(link))
        return total

    def _chain(self, fixed: str, body: str) -> Sequence[tuple[Poses, bool]] | None:
        """Return the links from `fixed` to `body`, each with whether it is taken downwards."""
        paths: dict[str, list[tuple[Poses, bool]]] = {fixed: []}
        queue = deque([fixed])
        while queue:
            here = queue.popleft()
            for (parent, child), poses in self.links.items():
                for start, end, forward in ((parent, child, True), (child, parent, False)):
                    if start == here and end not in paths:
                        paths[end] = [*paths[here], (poses, forward)]
                        queue.append(end)
        return paths.get(body)


def _at(poses: Poses, times: Times) -> Poses:
    if len(poses) == 1:
        # Sent once, it is a mounting: true before it was sent, too.
        rows = np.zeros(len(times), dtype=np.int64)
        return Poses(times, poses.position_m[rows], poses.quaternion[rows])
    # Interpolated over any gap, as tf2 does; a correction (map to odom) is sent when it changes, so
    # the last one holds.
    return at(poses, times, hold_last=True)


def _links(messages: pl.DataFrame) -> dict[tuple[str, str], Poses]:
    if not len(messages):
        return {}
    if has_field(messages, "transforms"):
        messages = (
            messages.select("log_time_ns", "transforms")
            .explode("transforms", empty_as_null=False)
            .unnest("transforms")
        )
    ros = has_field(messages, "header")
    stamp, parent = ("header.stamp", "header.frame_id") if ros else ("timestamp", "parent_frame_id")
    prefix = "transform." if ros else ""
    # A static transform has stamp 0, and is then true at any time.
    named = stamps(messages, stamp).with_columns(
        pl.col("timestamp_ns").fill_null(0), parent=field(parent).str.strip_chars("/"),
        child=pl.col("child_frame_id").str.strip_chars("/"),
    )  # fmt: skip
    return {
        (str(parent_frame), str(child_frame)): tidy(
            part["timestamp_ns"].to_numpy(),
            columns(part, f"{prefix}translation", "xyz"),
            columns(part, f"{prefix}rotation", "xyzw"),
        )
        for (parent_frame, child_frame), part in named.partition_by(
            "parent", "child", as_dict=True
        ).items()
    }


def _joined(parts: Sequence[Poses]) -> Poses:
    return tidy(
        np.concatenate([part.timestamp_ns for part in parts]),
        np.concatenate([part.position_m for part in parts]),
        np.concatenate([part.quaternion for part in parts]),
    )
