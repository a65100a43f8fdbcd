"""Rigid motion for many samples at once.

In numpy: rotations of thousands of rows by quaternions are array kernels, not frame queries.
Quaternions are Hamilton's, columns x, y, z, w, and rotate from the body into the frame.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

# Between poses further apart than this nothing is interpolated: a vehicle may have turned.
MAX_GAP_NS = 1_000_000_000


@dataclass(frozen=True)
class Poses:
    """A moving frame: one row per timestamp, strictly increasing.

    Attributes:
        timestamp_ns: Shape (n,).
        position_m: Shape (n, 3).
        quaternion: Shape (n, 4), of unit length.
    """

    timestamp_ns: Times
    position_m: Array
    quaternion: Array

    def __len__(self) -> int:
        return len(self.timestamp_ns)


def tidy(timestamp_ns: Times, position_m: Array, quaternion: Array) -> Poses:
    """Return the poses in the order of time, without those that repeat a time or aren't finite."""
    unit = normalised(quaternion)
    usable = np.isfinite(position_m).all(axis=1) & np.isfinite(unit).all(axis=1)
    times, first = np.unique(timestamp_ns[usable], return_index=True)
    return Poses(times, position_m[usable][first], unit[usable][first])


def finite_or_nan(values: Array) -> Array:
    """Return the values with infinity as NaN, which passes through rotations silently."""
    return np.where(np.isfinite(values), values, np.nan)


def normalised(quaternion: Array) -> Array:
    """Return unit quaternions; NaN for one of length 0, which senders use for "unset"."""
    length = np.linalg.norm(quaternion, axis=1, keepdims=True)
    return quaternion / np.where(length > 0, length, np.nan)


def rotated(quaternion: Array, vector: Array) -> Array:
    """Return each `vector` rotated by its quaternion (v + 2w(u x v) + 2u x (u x v))."""
    axis, scalar = quaternion[:, :3], quaternion[:, 3:]
    twice = 2.0 * np.cross(axis, vector)
    return vector + scalar * twice + np.cross(axis, twice)


def still(timestamp_ns: Times) -> Poses:
    """Return a frame that is always where its parent is."""
    count = len(timestamp_ns)
    return Poses(timestamp_ns, np.zeros((count, 3)), np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)))


def multiplied(left: Array, right: Array) -> Array:
    """Return the quaternions that rotate by `right` first, then by `left`."""
    axis = (
        left[:, 3:] * right[:, :3]
        + right[:, 3:] * left[:, :3]
        + np.cross(left[:, :3], right[:, :3])
    )
    scalar = left[:, 3] * right[:, 3] - np.sum(left[:, :3] * right[:, :3], axis=1)
    return np.column_stack([axis, scalar])


def inverted(poses: Poses) -> Poses:
    """Return the parent as seen from the child."""
    conjugate = poses.quaternion * np.array([-1.0, -1.0, -1.0, 1.0])
    return Poses(poses.timestamp_ns, -rotated(conjugate, poses.position_m), conjugate)


def composed(outer: Poses, inner: Poses) -> Poses:
    """Return `inner`, given in the frame of `outer`, in the frame that `outer` is given in."""
    position_m = outer.position_m + rotated(outer.quaternion, inner.position_m)
    return Poses(inner.timestamp_ns, position_m, multiplied(outer.quaternion, inner.quaternion))


def heading_rad(quaternion: Array) -> Array:
    """Return the direction of the body's x axis in the horizontal plane, in (-pi, pi]."""
    x, y, z, w = quaternion.T
    heading: Array = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return heading


def at(poses: Poses, timestamp_ns: Times, *, hold_last: bool = False) -> Poses:
    """Return the poses at other times: linear in position, along the great arc in rotation.

    Outside of what was recorded, and within gaps longer than `MAX_GAP_NS`, they are NaN.

    Args:
        poses: At least one.
        timestamp_ns: Any order.
        hold_last: No gap is too long, and after the last pose it stays.
    """
    times = poses.timestamp_ns
    after = np.searchsorted(times, timestamp_ns, side="left").clip(0, len(times) - 1)
    exact = times[after] == timestamp_ns
    before = np.where(exact, after, (after - 1).clip(0))
    span = times[after] - times[before]
    # Differences of int64 first: a float64 cannot hold nanoseconds since 1970.
    weight = np.where(span > 0, (timestamp_ns - times[before]) / np.where(span > 0, span, 1), 0.0)
    inside = (timestamp_ns >= times[0]) & (timestamp_ns <= times[-1])
    known = inside & (span <= MAX_GAP_NS)
    if hold_last:
        known = timestamp_ns >= times[0]
        weight = weight.clip(max=1.0)
    weight = np.where(known, weight, np.nan)[:, None]
    position_m = poses.position_m[before] * (1 - weight) + poses.position_m[after] * weight
    quaternion = _slerp(poses.quaternion[before], poses.quaternion[after], weight)
    return Poses(timestamp_ns, position_m, quaternion)


def _slerp(start: Array, end: Array, weight: Array) -> Array:
    """Interpolate on the shorter arc (Shoemake, SIGGRAPH 1985)."""
    cosine = np.sum(start * end, axis=1, keepdims=True)
    end = np.where(cosine < 0, -end, end)
    angle = np.arccos(np.abs(cosine).clip(max=1.0))
    # Nearly parallel: the arc is its chord, and the sines would divide 0 by 0.
    straight = angle < 1e-6
    sine = np.where(straight, 1.0, np.sin(angle))
    left = np.where(straight, 1 - weight, np.sin((1 - weight) * angle) / sine)
    right = np.where(straight, weight, np.sin(weight * angle) / sine)
    return normalised(left * start + right * end)
