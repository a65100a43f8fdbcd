"""The road of a synthetic log."""

from dataclasses import dataclass

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing.maps import SHOULDER_M, LaneLine, Layout, maps
from metrics_platform.testing.scenarios import LANE_WIDTH_M
from metrics_platform.testing.synthetic_frames import Frames


@dataclass(frozen=True)
class Road:
    """A straight road, along which the ego starts in the rightmost lane.

    What is known of it exactly: lanes are side by side, all of one width, with a shoulder of
    `SHOULDER_M` on either side, all of which is drivable. They come in pieces of 50 m, of which
    none lies in an intersection, from 30 m behind the ego to 30 m or more beyond where it gets.

    Attributes:
        lanes: In the ego's direction.
        oncoming: Lanes of those who come towards it, on the left of these.
        lane_width_m: Of each.
        speed_limit_mps: On all of it; None where the map doesn't say.
    """

    lanes: int = 2
    oncoming: int = 1
    lane_width_m: float = LANE_WIDTH_M
    speed_limit_mps: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no road."""
        if self.lanes < 1 or self.oncoming < 0 or not self.lane_width_m > 0:
            raise ConfigurationError(f"{self}: a road takes a lane, and a width greater than 0")
        if self.speed_limit_mps is not None and not self.speed_limit_mps > 0:
            raise ConfigurationError(f"{self}: a speed limit is greater than 0, or None")

    def frames(self, frames: Frames, *, offset_m: float = 0.0) -> Frames:
        """Return `lanes`, `lane_points` and `drivable_areas` of the logs that have ego poses.

        Args:
            frames: With `ego_poses`.
            offset_m: How far to the left of its lane's centre the ego starts.
        """
        names = [f"lane_{number}" for number in range(self.lanes)]
        lines = []
        for number in range(self.lanes + self.oncoming):
            centre_m = number * self.lane_width_m - offset_m
            if number < self.lanes:
                left = names[number + 1] if number + 1 < self.lanes else None
                right = names[number - 1] if number else None
                lines.append(LaneLine(names[number], centre_m, True, left=left, right=right))
            else:
                lines.append(LaneLine(f"oncoming_{number - self.lanes}", centre_m, False))
        return maps(frames, Layout(lines, self.lane_width_m, (self.speed_limit_mps,)))

    def margin_m(self, width_m: float, offset_m: float) -> float:
        """Return how far a vehicle of that width is from the nearest bound of its lane."""
        return (self.lane_width_m - width_m) / 2 - abs(offset_m)

    def off_area(self, width_m: float, offset_m: float) -> bool:
        """Tell whether such a vehicle reaches beyond the shoulder on its right."""
        return self.margin_m(width_m, offset_m) + SHOULDER_M < 0
