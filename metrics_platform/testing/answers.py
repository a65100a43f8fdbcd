"""What metrics ought to find in a synthetic log, worked out from its parameters alone.

No metric is run for it: each value is a formula, of which the metric's own docstring has the
source. Where a metric looks at samples, or smooths what it looks at, an answer says how far off it
may be, and why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from metrics_platform.core.definitions import Tolerance

# Coordinates are rounded, and differences of them over 0.1 s are what speeds are made of.
ROUNDING = Tolerance(absolute=1e-6, relative=1e-6)


@dataclass(frozen=True)
class About:
    """A value that a metric meets only so far, and why."""

    value: float | None
    tolerance: Tolerance
    because: str


Value = float | About | None
# Metric to summary scalar to value. What isn't among them, nobody knows by formula.
Known = Mapping[str, Mapping[str, Value]]


@dataclass(frozen=True)
class Answer:
    """One known summary scalar.

    Attributes:
        metric: Its name.
        summary: Name of the scalar.
        value: What it is; None where the metric has nothing to say, such as the least of none.
        tolerance: How far a right metric may be off.
        because: Why it may be off by more than rounding; empty if it may not.
    """

    metric: str
    summary: str
    value: float | None
    tolerance: Tolerance = ROUNDING
    because: str = ""

    def agrees(self, found: float | None) -> bool:
        """Tell whether a metric that found this was right."""
        if self.value is None or found is None:
            return self.value is found
        off = abs(found - self.value)
        return off <= self.tolerance.absolute or off <= self.tolerance.relative * abs(self.value)


def answers_of(known: Known) -> list[Answer]:
    """Return what is known as answers, by metric and name of the scalar."""
    return [
        Answer(metric, summary, value.value, value.tolerance, value.because)
        if isinstance(value, About)
        else Answer(metric, summary, value)
        for metric, summaries in sorted(known.items())
        for summary, value in sorted(summaries.items())
    ]


def merged(*parts: Known) -> Known:
    """Return all that is known in any of the parts; later ones win."""
    whole: dict[str, dict[str, Value]] = {}
    for part in parts:
        for metric, summaries in part.items():
            whole.setdefault(metric, {}).update(summaries)
    return whole


def of_encounters(encounters: Sequence[Known]) -> Known:
    """Return what is known of a log from what is known of each encounter in it.

    A scalar of the log is known if that of every encounter is.
    """
    if not encounters:
        return {}
    whole: dict[str, dict[str, Value]] = {}
    for metric, summaries in _TOGETHER.items():
        for summary, together in summaries.items():
            if not all(summary in known.get(metric, {}) for known in encounters):
                continue
            values = [known[metric][summary] for known in encounters]
            if len(values) == 1 or together is not _only:
                whole.setdefault(metric, {})[summary] = together(values)
    return whole


def _number(value: Value) -> float | None:
    return value.value if isinstance(value, About) else value


def _total(values: Sequence[Value]) -> Value:
    return sum(number for value in values if (number := _number(value)) is not None)


def _extreme(choose: Callable[..., Value]) -> Callable[[Sequence[Value]], Value]:
    def chosen(values: Sequence[Value]) -> Value:
        there = [value for value in values if _number(value) is not None]
        return choose(there, key=_number) if there else None

    return chosen


def _only(values: Sequence[Value]) -> Value:
    """Return the value of the only encounter; of several, those of the others hide it."""
    return values[0]


_least, _most = _extreme(min), _extreme(max)
# How a log's scalar follows from those of its encounters.
_TOGETHER: Mapping[str, Mapping[str, Callable[[Sequence[Value]], Value]]] = {
    "closest_approach": {"distance_m": _least, "encounters": _total, "overlaps": _total},
    "closest_encounter": {"dce_m": _least, "ttce_s": _only},
    "collisions": {
        "collisions": _total,
        "at_fault_collisions": _total,
        "lateral_collisions": _total,
        "max_relative_speed_mps": _most,
    },
    "delta_v": {"max_delta_v_mps": _most},
    "drac": {"max_drac_mps2": _most, "critical_encounters": _total},
    "encroachment_time": {"et_s": _most},
    # Only the next in front counts.
    "lane_headway": {"min_headway_s": _least, "min_gap_m": _least, "short_headways": _only},
    "lead_time_to_collision": {"min_lead_ttc_s": _least, "critical_encounters": _total},
    "near_misses": {
        "near_misses": _total,
        "ttc_near_misses": _total,
        "pet_near_misses": _total,
        "distance_near_misses": _total,
    },
    "post_encroachment_time": {"pet_s": _least, "critical_encounters": _total},
    "required_acceleration": {
        "min_required_longitudinal_mps2": _least,
        "max_required_lateral_mps2": _most,
    },
    "road_user_jerk": {"longitudinal_jerk_mps3": _most, "lateral_jerk_mps3": _most},
    "rss_violations": {
        "rss_violations": _total,
        "own_rss_violations": _total,
        "dangerous_s": _total,
        "min_margin_ratio": _least,
    },
    "time_exposed_ttc": {"max_tet_s": _most, "max_tit_s2": _most, "exposed_encounters": _total},
    "time_headway": {"min_headway_s": _least, "short_headways": _only},
    "time_to_brake": {"min_ttb_s": _least, "too_late_encounters": _total},
    "time_to_collision": {"min_ttc_s": _least, "critical_encounters": _total},
    "worst_time_to_collision": {"min_wttc_s": _least},
}
PAIR_METRICS = frozenset(_TOGETHER)
