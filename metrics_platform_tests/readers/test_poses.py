"""Rigid motion between and beyond its samples."""

import numpy as np
import pytest

from metrics_platform.readers._poses import Poses, at

SECOND = 1_000_000_000
LINE = Poses(
    np.array([0, 1, 3]) * SECOND,
    np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [5.0, 0.0, 0.0]]),
    np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)),
)


@pytest.mark.parametrize(
    ("at_s", "hold_last", "x_m"),
    [
        pytest.param(0.5, False, 0.5, id="between"),
        pytest.param(2.0, False, np.nan, id="in a gap"),
        pytest.param(4.0, False, np.nan, id="after the last"),
        pytest.param(-1.0, True, np.nan, id="held, before the first"),
        pytest.param(2.0, True, 3.0, id="held, in a gap"),
        pytest.param(3.0, True, 5.0, id="held, the last"),
        pytest.param(9.0, True, 5.0, id="held, after the last"),
    ],
)
def test_a_pose_is_known_between_samples(at_s: float, hold_last: bool, x_m: float) -> None:
    found = at(LINE, np.array([int(at_s * SECOND)]), hold_last=hold_last)
    np.testing.assert_allclose(found.position_m[0, 0], x_m)
