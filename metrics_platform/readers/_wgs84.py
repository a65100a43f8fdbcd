"""From earth-centred coordinates to a flat frame around a place.

Source: NIMA TR8350.2, "Department of Defense World Geodetic System 1984", third edition.
"""

import numpy as np

from metrics_platform.readers._poses import Array

_SEMI_MAJOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY_SQUARED = _FLATTENING * (2 - _FLATTENING)


def east_north_up(position_m: Array, origin: Array) -> tuple[Array, Array]:
    """Return positions as metres east, north and up of `origin`, and the rotation for it.

    Args:
        position_m: Shape (n, 3), ECEF.
        origin: Shape (3,), ECEF.

    Returns:
        Shape (n, 3), and the matrix that takes ECEF directions to east, north, up.
    """
    latitude, longitude = _geodetic_rad(origin)
    sin_lat, cos_lat = np.sin(latitude), np.cos(latitude)
    sin_lon, cos_lon = np.sin(longitude), np.cos(longitude)
    rotation = np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )
    return (position_m - origin) @ rotation.T, rotation


def _geodetic_rad(position_m: Array) -> tuple[float, float]:
    """Return latitude and longitude; a few fixed-point steps reach 1e-12 rad near the ground."""
    x, y, z = position_m
    horizontal = np.hypot(x, y)
    latitude = np.arctan2(z, horizontal * (1 - _ECCENTRICITY_SQUARED))
    for _ in range(5):
        curvature_m = _SEMI_MAJOR_M / np.sqrt(1 - _ECCENTRICITY_SQUARED * np.sin(latitude) ** 2)
        latitude = np.arctan2(
            z + _ECCENTRICITY_SQUARED * curvature_m * np.sin(latitude), horizontal
        )
    return float(latitude), float(np.arctan2(y, x))
