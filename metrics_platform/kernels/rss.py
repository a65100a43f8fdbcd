"""Safe distances of Responsibility-Sensitive Safety (RSS), as Polars expressions over rows.

Source: Shalev-Shwartz, Shammah & Shashua (2017), "On a Formal Model of Safe and Scalable
Self-driving Cars", definitions 1, 2 and 6. Speeds are in m/s, the distances returned in metres.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """What one may assume of a road user.

    Attributes:
        response_s: Until it reacts.
        accelerates_mps2: At most, meanwhile.
        brakes_mps2: At least, from then on.
        brakes_in_lane_mps2: The same, of who keeps to its lane when another comes towards it.
        brakes_at_most_mps2: When it is the one in front.
        sideways_accelerates_mps2: At most, until it reacts.
        sideways_brakes_mps2: At least, from then on.
    """

    response_s: float
    accelerates_mps2: float
    brakes_mps2: float
    brakes_in_lane_mps2: float
    brakes_at_most_mps2: float
    sideways_accelerates_mps2: float
    sideways_brakes_mps2: float


def safe_distance_same_direction(
    rear: pl.Expr, front: pl.Expr, follower: Dynamics, leader: Dynamics
) -> pl.Expr:
    """Return the longitudinal distance that is safe behind somebody (definition 1).

    Args:
        rear: Speed of the one behind, at least 0.
        front: Speed of the one in front, at least 0.
        follower: The one behind.
        leader: The one in front.
    """
    stops = front * front / (2 * leader.brakes_at_most_mps2)
    return (_way_to_stop(rear, follower, follower.brakes_mps2) - stops).clip(lower_bound=0.0)


def safe_distance_opposite(
    correct: pl.Expr, oncoming: pl.Expr, keeps: Dynamics, comes: Dynamics
) -> pl.Expr:
    """Return the longitudinal distance that is safe between two that approach (definition 2).

    Args:
        correct: Speed of the one that is in its own lane, at least 0.
        oncoming: Speed of the other, at least 0.
        keeps: The one that is in its own lane.
        comes: The other.
    """
    own = _way_to_stop(correct, keeps, keeps.brakes_in_lane_mps2)
    return own + _way_to_stop(oncoming, comes, comes.brakes_mps2)


def safe_distance_lateral(
    towards: pl.Expr, other_towards: pl.Expr, one: Dynamics, other: Dynamics, margin_m: float
) -> pl.Expr:
    """Return the lateral distance that is safe (definition 6).

    Args:
        towards: Lateral speed of one towards the other; negative away from it.
        other_towards: The same of the other.
        one: The first.
        other: The second.
        margin_m: Of lateral fluctuation.
    """
    nearer = _way_sideways(towards, one) + _way_sideways(other_towards, other)
    return margin_m + nearer.clip(lower_bound=0.0)


def _way_to_stop(speed: pl.Expr, of: Dynamics, brakes_mps2: float) -> pl.Expr:
    faster = speed + of.response_s * of.accelerates_mps2
    return (speed + faster) / 2 * of.response_s + faster * faster / (2 * brakes_mps2)


def _way_sideways(towards: pl.Expr, of: Dynamics) -> pl.Expr:
    faster = towards + of.response_s * of.sideways_accelerates_mps2
    # Who still moves away after the response time has no need to brake.
    nearing = faster.clip(lower_bound=0.0)
    return (towards + faster) / 2 * of.response_s + nearing * nearing / (
        2 * of.sideways_brakes_mps2
    )
