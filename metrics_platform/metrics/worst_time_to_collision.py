"""How soon the two could have collided if both had done the worst."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.kernels.numbering import gathered
from metrics_platform.kernels.reachability import earliest_contact
from metrics_platform.kernels.smoothing import Floats
from metrics_platform.signals.actor_pairs import ENCOUNTER, PAIR, Encounter, worst_moments

_KEPT = (
    "timestamp_ns", "other_category", "relative_x_m", "relative_y_m", "distance_m",
    "actor_speed_mps", "other_speed_mps",
)  # fmt: skip


class WorstTimeToCollision(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment they were nearest to the worst."""

    min_wttc_s: float = Field(ge=0, description="0 where the circles in the boxes overlap.")


@metric(
    version="1.0.0",
    rows=WorstTimeToCollision,
    owner="safety",
    summary={"min_wttc_s": pl.col("min_wttc_s").min()},
    plausible={"min_wttc_s": (0.0, None)},
)
def worst_time_to_collision(
    actor_pairs: pl.LazyFrame,
    *,
    max_acceleration_mps2: float = 11.5,
    standstill_mps: float = 0.005,
) -> pl.LazyFrame:
    """Find the least worst-time-to-collision; one row per log_id, source, actor_id, other_id.

    From each moment on both may accelerate in any direction, as hard as a tyre lets them: before
    that time no collision is possible, whatever anybody does. It is finite for any two road users,
    and small for all that are near. Whoever stands as long as it is seen stays where it is, and
    two of them have no row; nor have road users of unknown velocity. Of equal times the earliest
    counts.

    Each box is a circle around its centre, of the radius that covers the middle third of its
    length. That of a whole car would reach into the next lane; but where one follows the other, the
    outer thirds of both come too late into contact.

    Formula: min over moments of the least t ≥ 0 with |p + v·t| = r + r' + (a + a')·t²/2, where
    r = √((length / 6)² + (width / 2)²).

    Source: Wachenfeld, Junietz, Wenzel & Winner (2016), "The worst-time-to-collision metric for
    situation identification".

    Reference: CommonRoad-CriMe 0.4.5, of the same definition: equal to its 0.1 s. It takes the
    eigenvalues that numpy finds of the quartic, and the first positive one in their order; ours is
    the least. Static obstacles, which it holds in place, are those here that stand throughout.

    Args:
        actor_pairs: Road users near each actor.
        max_acceleration_mps2: Of everybody who moves at all; of CommonRoad's vehicle model 2, a BMW
            320i, as CriMe takes it.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
    """
    known = actor_pairs.filter(pl.col("other_speed_mps").is_not_null()).select(
        *ENCOUNTER,
        "encounter_index",
        *_KEPT,
        _reach_m=_radius("actor") + _radius("other"),
        velocity_x_mps=pl.col("other_velocity_x_mps") - pl.col("actor_velocity_x_mps"),
        velocity_y_mps=pl.col("other_velocity_y_mps") - pl.col("actor_velocity_y_mps"),
    )
    bounded = known.with_columns(_bound_s=_bound(2 * max_acceleration_mps2))
    timed = bounded.map_batches(
        lambda rows: _timed(rows, max_acceleration_mps2, standstill_mps),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=pl.Schema({**bounded.collect_schema(), "min_wttc_s": pl.Float64()}),
    )
    return worst_moments(timed, WorstTimeToCollision, by="min_wttc_s")


def _radius(who: str) -> pl.Expr:
    third, width = pl.col(f"{who}_length_m") / 3, pl.col(f"{who}_width_m")
    return (third * third + width * width).sqrt() / 2


def _bound(acceleration_mps2: float) -> pl.Expr:
    """Return a time before which no contact is possible: the first step of `earliest_contact`."""
    x, y = pl.col("relative_x_m"), pl.col("relative_y_m")
    velocity_x, velocity_y = pl.col("velocity_x_mps"), pl.col("velocity_y_mps")
    distance = (x * x + y * y).sqrt()
    rate = -(x * velocity_x + y * velocity_y) / distance
    left = distance - pl.col("_reach_m")
    root = (rate * rate + 2 * acceleration_mps2 * left).sqrt() - rate
    # Less a hair, as both are rounded.
    bound = (root / acceleration_mps2 - 1e-9).clip(lower_bound=0.0)
    return pl.when(left > 0).then(bound).otherwise(0.0)


def _timed(pairs: pl.DataFrame, acceleration_mps2: float, standstill_mps: float) -> pl.DataFrame:
    """Return the moments that may be the worst of their encounter, with the exact time of each.

    Most cannot, which a first bound tells: the exact time of the moment whose bound is least rules
    them out, and a tenth is left. In arrays, since encounters are looked up once for all of it.
    """
    _, rows, starts = gathered(pairs, *PAIR)
    if not len(rows):
        return pairs.with_columns(min_wttc_s=pl.lit(0.0))
    encounters = pairs.select(ENCOUNTER)[rows[starts[:-1]]]
    bound = pairs["_bound_s"].to_numpy()[rows]
    speeds = {
        f"{who}_mps": np.maximum.reduceat(pairs[f"{who}_speed_mps"].to_numpy()[rows], starts[:-1])
        for who in ("actor", "other")
    }
    push = acceleration_mps2 * _moving(encounters.with_columns(**speeds), standstill_mps)
    encounter = np.repeat(np.arange(len(encounters)), np.diff(starts))
    least = np.flatnonzero(bound == np.minimum.reduceat(bound, starts[:-1])[encounter])
    # The first of equal bounds.
    likely = least[np.unique(encounter[least], return_index=True)[1]]
    # Two that both stand all the time never meet.
    limit = np.full(len(encounters), -np.inf)
    meets = push > 0
    limit[meets] = _contact(pairs[rows[likely[meets]]], push[meets])
    left = np.flatnonzero(bound <= limit[encounter])
    chosen = pairs[rows[left]]
    return chosen.with_columns(min_wttc_s=pl.Series(_contact(chosen, push[encounter[left]])))


def _moving(encounters: pl.DataFrame, standstill_mps: float) -> Floats:
    """Return how many of the two of each encounter move at any moment at which they are seen."""
    user = ("log_id", "source", "road_user")
    seen = pl.concat(
        encounters.select("log_id", "source", road_user=f"{who}_id", speed=f"{who}_mps")
        for who in ("actor", "other")
    )
    moves = seen.group_by(user).agg(moves=(pl.col("speed") > standstill_mps).any().cast(pl.Float64))
    found = [
        encounters.select("log_id", "source", road_user=f"{who}_id").join(
            moves, on=user, how="left", maintain_order="left"
        )["moves"]
        for who in ("actor", "other")
    ]
    return (found[0] + found[1]).to_numpy()


def _contact(pairs: pl.DataFrame, push: Floats) -> Floats:
    x, y, velocity_x, velocity_y, reach = (
        pairs[name].to_numpy()
        for name in ("relative_x_m", "relative_y_m", "velocity_x_mps", "velocity_y_mps", "_reach_m")
    )
    return earliest_contact(x, y, velocity_x, velocity_y, reach=reach, acceleration=push)
