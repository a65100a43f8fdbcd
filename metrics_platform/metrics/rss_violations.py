"""Whether the distance to others would be safe whatever they do within reason."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.rss import (
    Dynamics,
    safe_distance_lateral,
    safe_distance_opposite,
    safe_distance_same_direction,
)
from metrics_platform.signals.actor_pairs import ENCOUNTER, Encounter, worst_moments

_RELATIONS = ("follows", "leads", "oncoming", "parting")


class _WorstMoment(Encounter):
    """One row per log_id, source, actor_id, other_id: the worst moment of a dangerous situation."""

    relation: str = Field(
        isin=list(_RELATIONS), description="Of the actor to the other at that moment."
    )
    margin_ratio: float = Field(
        ge=0, le=1, description="The greater of both distances over what is safe; least is worst."
    )
    longitudinal_distance_m: float = Field(ge=0, description="Between the boxes; 0 side by side.")
    safe_longitudinal_distance_m: float = Field(ge=0, description="At that moment.")
    lateral_distance_m: float = Field(ge=0, description="Between the boxes; 0 in line.")
    safe_lateral_distance_m: float = Field(ge=0, description="At that moment.")


class RssViolations(_WorstMoment):
    """One row per log_id, source, actor_id, other_id: the worst moment of a dangerous situation.

    Only encounters in which both the longitudinal and the lateral distance were unsafe at once.
    """

    start_ns: int = Field(description="First dangerous moment, on the recording's clock.")
    duration_s: float = Field(ge=0, description="Time in danger, in all.")


@metric(
    version="1.0.0",
    rows=RssViolations,
    owner="safety",
    summary={
        "rss_violations": pl.len(),
        # Those in which the actor is the one who has to brake.
        "own_rss_violations": pl.col("relation").is_in(["follows", "oncoming"]).sum(),
        "dangerous_s": pl.col("duration_s").sum(),
        "min_margin_ratio": pl.col("margin_ratio").min(),
    },
)
def rss_violations(
    actor_pairs: pl.LazyFrame,
    *,
    response_s: float = 1.0,
    other_response_s: float = 2.0,
    accelerates_mps2: float = 3.5,
    brakes_mps2: float = 4.0,
    brakes_in_lane_mps2: float = 3.0,
    brakes_at_most_mps2: float = 8.0,
    sideways_accelerates_mps2: float = 0.2,
    sideways_brakes_mps2: float = 0.8,
    lateral_margin_m: float = 0.1,
    crossing_mps: float = 2.23,
    standstill_mps: float = 0.1,
    max_gap_s: float = 0.5,
) -> pl.LazyFrame:
    """Find dangerous situations by RSS; one row per log_id, source, actor_id, other_id.

    A situation is dangerous while neither the longitudinal nor the lateral distance is safe.
    Without a map, lengthwise and sideways are those of the actor's own box, and the other's box is
    taken as large as it reaches along them; who comes towards the actor is taken to be in the wrong
    lane. That is exact on straight roads. In bends it errs both ways: who is ahead in the actor's
    lane seems to be beside it, and who comes in another one to be ahead. Whoever drives across is
    left out: there RSS goes by lanes and priority, which its lateral distance would take for a
    swerve; so is whose velocity is unknown. Who stands may start, to RSS: a car that waits less
    than 3.28 m behind another at a red light is in danger, too.

    Of equally bad moments the earliest counts. An encounter is in danger between two dangerous
    moments that are at most `max_gap_s` apart.

    The actor `follows` who is ahead of it on its way and not coming, `leads` who is behind it and
    not moving away, and is `parting` from who is behind and does; whoever is ahead and comes is
    `oncoming`. Of those that it follows and of oncoming ones, which `own_rss_violations` counts,
    RSS has the actor brake. One that reverses looks backwards.

    Formula: with t the response time and way(v, b) = v·t + a·t²/2 + (v + a·t)²/2b: same direction
    [way(v_rear, b_min) - v_front²/2b_max]+; opposite way(v, b_correct) + way(v_other, b_min);
    lateral margin + [way(w) + way(w_other)]+, of the speeds w towards one another, without the
    last term where w + a·t < 0. Dangerous: both distances ≤ safe.

    Source: Shalev-Shwartz, Shammah & Shashua (2017), "On a Formal Model of Safe and Scalable
    Self-driving Cars"; IEEE 2846-2022 asks for the same assumptions, and gives
    no values.

    Reference: Intel's ad-rss-lib 5.0: the safe distances of 2,000 random pairs agree to 1e-12 m,
    and so do those of its unit tests, but for one case: of two that move apart sideways it lets the
    margin go as well, as [margin + …]+. It brakes sideways only who moves towards the other, as
    here; the paper writes that term without a condition. It takes the axes of the lanes.

    Args:
        actor_pairs: Road users near the actor.
        response_s: Response time of the actor. This and the next eight are what ad-rss-lib
            proposes in its discussion of parameters.
        other_response_s: Of everybody else: a human's.
        accelerates_mps2: Greatest acceleration of everybody.
        brakes_mps2: Least braking of everybody.
        brakes_in_lane_mps2: Least braking of the actor when somebody comes towards it.
        brakes_at_most_mps2: Greatest braking of the one in front.
        sideways_accelerates_mps2: Greatest lateral acceleration of everybody.
        sideways_brakes_mps2: Least lateral braking of everybody.
        lateral_margin_m: Of lateral fluctuation.
        crossing_mps: Whoever moves sideways faster drives across: the fastest pedestrian in Euro
            NCAP's tests runs at 8 km/h.
        standstill_mps: Who drives against the actor's way, but not faster, stands; the speed below
            which CARLA's `ActorBlockedTest` takes a vehicle to stand.
        max_gap_s: Five times the step of the recordings that the field publishes (10 Hz).
    """
    actor, other = (
        Dynamics(
            response_s=seconds,
            accelerates_mps2=accelerates_mps2,
            brakes_mps2=brakes_mps2,
            brakes_in_lane_mps2=brakes_in_lane_mps2,
            brakes_at_most_mps2=brakes_at_most_mps2,
            sideways_accelerates_mps2=sideways_accelerates_mps2,
            sideways_brakes_mps2=sideways_brakes_mps2,
        )
        for seconds in (response_s, other_response_s)
    )
    longitudinal, lateral = pl.col("longitudinal_distance_m"), pl.col("lateral_distance_m")
    safe_ahead = pl.col("safe_longitudinal_distance_m")
    safe_aside = pl.col("safe_lateral_distance_m")
    along, across = (
        turn(pl.col("relative_heading_rad")).abs() for turn in (pl.Expr.cos, pl.Expr.sin)
    )
    length, width = pl.col("other_length_m") / 2, pl.col("other_width_m") / 2
    # However it is turned: most pairs are too far apart sideways, whatever else is.
    reach = (length * length + width * width).sqrt()
    needed_aside = _safe_aside(actor, other, lateral_margin_m)
    # Piece by piece, since intermediate values stay in the cache; row by row, and so repeatable.
    beside = actor_pairs.filter(
        (pl.col("other_velocity_y_mps").abs() <= crossing_mps)
        & (_apart_sideways(reach) <= needed_aside)
    ).collect(engine="streaming")
    dangerous = (
        beside.lazy()
        .with_columns(
            safe_longitudinal_distance_m=_safe_ahead(actor, other, standstill_mps),
            safe_lateral_distance_m=needed_aside,
        )
        .filter(_apart_lengthwise(reach) <= safe_ahead)
        .with_columns(
            longitudinal_distance_m=_apart_lengthwise(length * along + width * across),
            lateral_distance_m=_apart_sideways(length * across + width * along),
        )
        .filter((longitudinal <= safe_ahead) & (lateral <= safe_aside))
        .with_columns(
            relation=_relation(standstill_mps),
            margin_ratio=pl.max_horizontal(
                # Side by side or in line there is none left, even where none is needed.
                pl.when(longitudinal > 0).then(longitudinal / safe_ahead).otherwise(0.0),
                pl.when(lateral > 0).then(lateral / safe_aside).otherwise(0.0),
            ),
        )
    )
    since_s = pl.col("timestamp_ns").sort().diff() * 1e-9
    times = dangerous.group_by(ENCOUNTER).agg(
        start_ns=pl.col("timestamp_ns").min(),
        duration_s=since_s.filter(since_s <= max_gap_s).sum(),
    )
    worst = worst_moments(dangerous, _WorstMoment, by="margin_ratio")
    return worst.join(times, on=ENCOUNTER).select(polars_schema(RssViolations).names())


def _apart_lengthwise(reach: pl.Expr) -> pl.Expr:
    """Return the distance along the actor's box to one whose centre is so far from its ends."""
    apart = pl.col("relative_x_m").abs() - pl.col("actor_length_m") / 2 - reach
    return apart.clip(lower_bound=0.0)


def _apart_sideways(reach: pl.Expr) -> pl.Expr:
    """Return the distance across the actor's box to one whose centre is so far from its sides."""
    apart = pl.col("relative_y_m").abs() - pl.col("actor_width_m") / 2 - reach
    return apart.clip(lower_bound=0.0)


def _way(standstill_mps: float) -> pl.Expr:
    """Return 1 where the actor's way leads forward, -1 where it reverses."""
    return pl.when(pl.col("actor_velocity_x_mps") < -standstill_mps).then(-1.0).otherwise(1.0)


def _ahead(standstill_mps: float) -> pl.Expr:
    """Return whether the other is ahead on the actor's way."""
    return pl.col("relative_x_m") * _way(standstill_mps) >= 0


def _against(standstill_mps: float) -> pl.Expr:
    """Return whether the other drives against the actor's way."""
    return pl.col("other_velocity_x_mps") * _way(standstill_mps) < -standstill_mps


def _relation(standstill_mps: float) -> pl.Expr:
    against = _against(standstill_mps)
    return (
        pl.when(_ahead(standstill_mps))
        .then(pl.when(against).then(pl.lit("oncoming")).otherwise(pl.lit("follows")))
        .otherwise(pl.when(against).then(pl.lit("parting")).otherwise(pl.lit("leads")))
    )


def _safe_ahead(actor: Dynamics, other: Dynamics, standstill_mps: float) -> pl.Expr:
    """Return the safe longitudinal distance; none is needed of two that part."""
    own = pl.col("actor_velocity_x_mps").abs()
    theirs = pl.col("other_velocity_x_mps").abs()
    against = pl.when(_against(standstill_mps))
    return (
        pl.when(_ahead(standstill_mps))
        .then(
            against.then(safe_distance_opposite(own, theirs, actor, other)).otherwise(
                safe_distance_same_direction(own, theirs, actor, other)
            )
        )
        .otherwise(
            against.then(0.0).otherwise(safe_distance_same_direction(theirs, own, other, actor))
        )
    )


def _safe_aside(actor: Dynamics, other: Dynamics, margin_m: float) -> pl.Expr:
    left = pl.when(pl.col("relative_y_m") < 0).then(-1.0).otherwise(1.0)
    return safe_distance_lateral(
        left * pl.col("actor_velocity_y_mps"),
        -left * pl.col("other_velocity_y_mps"),
        actor,
        other,
        margin_m,
    )
