"""Synthetic logs of which it is known what metrics ought to find."""

import numpy as np

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing import (
    CameraErrors,
    CutIn,
    DetectorErrors,
    Ego,
    Expert,
    Follow,
    HardBrake,
    Intersection,
    Mission,
    OncomingWalker,
    ParkedCar,
    PedestrianCrossing,
    Predictor,
    Road,
    SyntheticLog,
    Timings,
)

EVERYTHING = (Expert(), Timings(deadline_s=0.0452), Mission())
_TOWN = Road(lanes=2, speed_limit_mps=13.9)
# Two pedestrians and a car near a robot that stands nearly still: all of it is judged.
_NEAR = (OncomingWalker(), OncomingWalker(meet_s=4.0, clearance_m=7.0), ParkedCar(gap_m=30.0))
_ROBOT = Ego(speed_mps=1.2, kind="robot")

# Each word by itself with its usual parameters, at its limits, and with others.
LOGS = [
    SyntheticLog(Ego(), _TOWN, recorded=EVERYTHING, log_id="cruise"),
    SyntheticLog(
        Ego(10, offset_m=0.4, velocities=True),
        _TOWN,
        recorded=[Timings(missing_frames=3)],
        log_id="offset",
    ),
    SyntheticLog(Ego(0), _TOWN, [ParkedCar()], recorded=EVERYTHING, log_id="standing"),
    SyntheticLog(Ego(0), _TOWN, [ParkedCar(gap_m=2.5)], log_id="standing_close"),
    SyntheticLog(Ego(), _TOWN, [HardBrake()], recorded=EVERYTHING, log_id="hard_brake"),
    SyntheticLog(Ego(velocities=True), _TOWN, [HardBrake(7.0, 4.0, 1.0)], log_id="brief_brake"),
    SyntheticLog(Ego(), _TOWN, [HardBrake(2.5)], log_id="gentle_brake"),
    SyntheticLog(Ego(12), _TOWN, [HardBrake(6.0, 3.0, 2.0)], log_id="brake_to_stop"),
    SyntheticLog(Ego(), _TOWN, [Follow()], recorded=EVERYTHING, log_id="follow"),
    SyntheticLog(Ego(20), _TOWN, [Follow(0.7)], log_id="follow_close"),
    SyntheticLog(Ego(25), _TOWN, [Follow(3.0)], log_id="follow_far"),
    SyntheticLog(Ego(), Road(lanes=3), [CutIn()], log_id="cut_in"),
    SyntheticLog(Ego(), _TOWN, [CutIn(gap_m=8, closing_mps=4)], log_id="cut_in_close"),
    SyntheticLog(Ego(), _TOWN, [CutIn(gap_m=6, closing_mps=6)], log_id="cut_in_critical"),
    SyntheticLog(
        Ego(), Road(lane_width_m=3.2), [CutIn(30, 1, 4, 2)], log_id="cut_in_beyond_horizon"
    ),
    SyntheticLog(Ego(8), _TOWN, [PedestrianCrossing()], log_id="pedestrian_crossing"),
    SyntheticLog(Ego(8), _TOWN, [PedestrianCrossing(pet_s=0.55)], log_id="pedestrian_near"),
    SyntheticLog(Ego(10), _TOWN, [Intersection()], log_id="intersection"),
    SyntheticLog(Ego(10), _TOWN, [Intersection(5, 2.5, 7)], log_id="intersection_wide"),
    SyntheticLog(_ROBOT, Road(), [OncomingWalker()], recorded=EVERYTHING, log_id="sidewalk"),
    SyntheticLog(_ROBOT, Road(), [OncomingWalker(clearance_m=0.3)], log_id="sidewalk_narrow"),
    SyntheticLog(Ego(5), _TOWN, [ParkedCar(gap_m=60)], log_id="parked_ahead"),
    SyntheticLog(Ego(5), _TOWN, [ParkedCar(gap_m=53.2)], log_id="parked_just_ahead"),
    SyntheticLog(Ego(5), _TOWN, [ParkedCar(gap_m=30)], log_id="crash"),
    SyntheticLog(Ego(6, radius_m=20), _TOWN, recorded=EVERYTHING, log_id="turn"),
    SyntheticLog(Ego(8, radius_m=12, velocities=True), _TOWN, log_id="hard_turn"),
    SyntheticLog(Ego(), _TOWN, [Follow(3.0), CutIn()], log_id="follow_and_cut_in"),
    SyntheticLog(
        Ego(8),
        _TOWN,
        [PedestrianCrossing(arrive_s=4), Intersection(), HardBrake(4.0, 6.5, 1.2)],
        log_id="crossings_and_brake",
    ),
    SyntheticLog(
        Ego(10),
        _TOWN,
        [Follow(1.0), OncomingWalker(clearance_m=3), Intersection(8, 3)],
        faults=[DetectorErrors(0.1, 0.05, 0.08, 0.3)],
        recorded=[Predictor(), Expert()],
        log_id="detector_far",
    ),
    SyntheticLog(
        _ROBOT,
        Road(),
        _NEAR,
        faults=[DetectorErrors(0.15, 0.1, 0.2, 0.7, 0.3)],
        recorded=[Predictor()],
        log_id="detector",
    ),
    SyntheticLog(
        _ROBOT,
        Road(),
        _NEAR,
        faults=[DetectorErrors(0.1, 0.2, 0.3, surest_when_wrong=True)],
        log_id="detector_surest_when_wrong",
    ),
    SyntheticLog(
        _ROBOT,
        Road(),
        _NEAR,
        faults=[DetectorErrors(0.2, 0.1, 0.1, 1.1, 0.2, argoverse=True)],
        log_id="detector_argoverse",
    ),
    SyntheticLog(
        _ROBOT,
        Road(),
        _NEAR,
        faults=[CameraErrors(missed_ratio=0.2, false_ratio=0.1, switch_at_s=4.0)],
        log_id="camera",
    ),
]


def random_logs(count: int, seed: int) -> list[SyntheticLog]:
    """Return logs of words and parameters at random, as far as they go together."""
    rng = np.random.default_rng(seed)
    made: list[SyntheticLog] = []
    while len(made) < count:
        try:
            made.append(_random_log(rng, f"random_{len(made):03}"))
        except ConfigurationError:
            continue
    return made


def _random_log(rng: np.random.Generator, log_id: str) -> SyntheticLog:
    def between(least: float, most: float) -> float:
        return float(rng.uniform(least, most))

    def perhaps(share: float) -> bool:
        return bool(rng.random() < share)

    words = [
        Follow(between(0.3, 4)),
        CutIn(between(3, 40), between(0.5, 8), round(between(2, 8), 1), between(1, 4)),
        PedestrianCrossing(between(3, 8), between(0.1, 3)),
        Intersection(between(2, 8), between(0.1, 4), between(1, 20)),
        OncomingWalker(between(1, 9), between(0.1, 5)),
        ParkedCar(between(1, 200)),
        HardBrake(between(1, 9), between(0.5, 7), between(0.2, 3)),
    ]
    ego = Ego(
        between(0.5, 30),
        "robot" if perhaps(0.3) else "car",
        offset_m=between(-0.4, 0.4),
        velocities=perhaps(0.5),
    )
    chosen = [words[number] for number in rng.permutation(len(words))[: rng.integers(1, 4)]]
    if perhaps(0.1):
        ego, chosen = Ego(between(1, 12), radius_m=between(8, 80)), []
    recorded = (
        Expert(between(-3, 3), between(0, 2)),
        Timings(spread_s=between(0, 0.02), missing_frames=int(rng.integers(4))),
    )
    detector = DetectorErrors(
        between(0, 0.3),
        between(0, 0.3),
        between(0, 0.5),
        between(0, 1.9),
        between(0, 1.5),
        surest_when_wrong=perhaps(0.4),
        argoverse=perhaps(0.4),
        seed=int(rng.integers(99)),
    )
    camera = CameraErrors(between(0, 0.4), between(0, 0.4), between(1, 8))
    log = SyntheticLog(
        ego,
        Road(int(rng.integers(1, 4)), 1, between(2.8, 4), between(5, 30)),
        chosen,
        faults=[fault for fault in (detector, camera) if perhaps(0.2)],
        recorded=[*recorded, *([Mission()] if perhaps(0.5) else [])],
        seconds=float(rng.integers(3, 13)),
        log_id=log_id,
    )
    # A detector may find nobody to detect.
    assert log.known
    return log
