"""What area two road users both need where their paths cross."""

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.crossings import Area, Crossings
from metrics_platform.kernels.driven_ways import Paths
from metrics_platform.kernels.smoothing import Floats, Integers


def half_widths(paths: Paths) -> Area:
    """Return the area that reaches half the width of the other before and behind the crossing."""

    def area(found: Crossings) -> tuple[Floats, Floats]:
        half = paths.width[found.step[::-1]] / 2
        return half, half

    return area


def sumo_areas(
    paths: Paths,
    *,
    lane: Integers,
    position: Floats,
    lane_length: Floats,
    lane_width: Floats,
    waits: npt.NDArray[np.bool_],
) -> Area:
    """Return the area that SUMO 1.28 (`MSLink`, `MSDevice_SSM`) takes both to need.

    Before the crossing of the lanes' centre lines it reaches half of b · (2 / sin(angle) - 1), the
    sine being at least 0.2 and all of it no longer than the lane, b the width of the other's lane;
    less half of what the lane is wider than the other. A connection that has a place to wait within
    the junction is taken to need the area from that place on. From where it begins, the area is as
    long as the other is wide, whatever the angle.

    Args:
        paths: All road users.
        lane: Number of the lane of each sample; -1 where unknown.
        position: Of each sample along its lane.
        lane_length: Of each lane.
        lane_width: Of each lane.
        waits: Whether a lane goes on behind a place to wait in a junction.
    """

    def area(found: Crossings) -> tuple[Floats, Floats]:
        after = np.minimum(found.step + 1, len(lane) - 1)
        here, then = lane[found.step], lane[after]
        same = here == then
        way = np.where(same, position[after], position[after] + lane_length[here])
        at = position[found.step] + found.share * (way - position[found.step])
        on = same | (at <= lane_length[here])
        at, here = np.where(on, at, at - lane_length[here]), np.where(on, here, then)
        other = paths.width[found.step[::-1]]
        width = lane_width[here[::-1]]
        size = width * (2 / np.maximum(np.sin(found.angle), 0.2) - 1)
        half = np.minimum(np.minimum(size, lane_length[here]) / 2, at)
        before = np.where(waits[here], at, half) - (width - other) / 2
        unknown = (lane[found.step] < 0).any(axis=0)
        before = np.where(unknown, other / 2, before)
        return before, other - before

    return area
