"""What metric authors import in their own tests.

    log = SyntheticLog(Ego(speed_mps=15), Road(lanes=3), [CutIn(gap_m=15, closing_mps=3)])
    made = compute_on(log.frames(), "time_to_collision")
    assert made.summary["min_ttc_s"].item() == approx(log.answers["time_to_collision"]["min_ttc_s"])

A log is put together from words: the ego and its road, situations, what is recorded besides, and
what goes wrong. Each word's docstring says what is known of it exactly, and `SyntheticLog.known`
has the answers with their tolerances.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from metrics_platform.testing.answers import Answer
from metrics_platform.testing.camera import CameraErrors
from metrics_platform.testing.cars_ahead import CutIn, Follow, ParkedCar
from metrics_platform.testing.conformance import assert_conforms
from metrics_platform.testing.crossings import Intersection, OncomingWalker, PedestrianCrossing
from metrics_platform.testing.detector_errors import DetectorErrors
from metrics_platform.testing.families import named_log
from metrics_platform.testing.faults import ClockFault, Dropout, SensorNoise
from metrics_platform.testing.golden import assert_golden
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.on_paper import by_hand
from metrics_platform.testing.predictor import Predictor
from metrics_platform.testing.recorded import Expert, Timings
from metrics_platform.testing.recorded_mission import Mission
from metrics_platform.testing.roads import Road
from metrics_platform.testing.situations import Ego, HardBrake
from metrics_platform.testing.synthetic import scenario, synthetic_logs
from metrics_platform.testing.synthetic_log import SyntheticLog, together

if TYPE_CHECKING:
    from metrics_platform.testing.memory_store import MemoryStore
    from metrics_platform.testing.strategies import frames_of, recordings_of

__all__ = [
    "Answer",
    "CameraErrors",
    "ClockFault",
    "CutIn",
    "DetectorErrors",
    "Dropout",
    "Ego",
    "Expert",
    "Follow",
    "HardBrake",
    "Intersection",
    "MemoryStore",
    "Mission",
    "OncomingWalker",
    "ParkedCar",
    "PedestrianCrossing",
    "Predictor",
    "Road",
    "SensorNoise",
    "SyntheticLog",
    "Timings",
    "assert_conforms",
    "assert_golden",
    "by_hand",
    "compute_on",
    "frames_of",
    "named_log",
    "recordings_of",
    "scenario",
    "synthetic_logs",
    "together",
]

# Hypothesis and the store's packages are loaded by who uses them: they take longer than all else.
_WHEN_USED = {
    "MemoryStore": "memory_store",
    "frames_of": "strategies",
    "recordings_of": "strategies",
}


def __getattr__(name: str) -> object:
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHEN_USED[name]}"), name)
