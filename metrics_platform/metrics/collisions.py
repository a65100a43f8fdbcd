"""Whom the actor touched, and whether it could have been avoided."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import BoxPair, box_distance
from metrics_platform.signals.actor_pairs import ENCOUNTER

KINDS = ("stopped_actor", "stopped_other", "active_rear", "active_front", "active_lateral")
# nuplan-devkit's `is_agent_behind`.
BEHIND_RAD = math.radians(150)


class Collisions(MetricFrame):
    """One row per log_id, source, actor_id, other_id, at_ns: a contact, from its first moment."""

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user that is touched.")
    other_category: str = Field(description="As the source names it.")
    at_ns: int = Field(description="First moment of the contact, on the recording's clock.")
    duration_s: float = Field(ge=0, description="To the last moment of it; 0 if seen only once.")
    from_start: bool = Field(
        description="They touch where the pair is first seen: it may have begun earlier, or the "
        "other is no road user at all."
    )
    kind: str = Field(isin=list(KINDS), description="At the first moment; see the metric.")
    at_fault: bool = Field(
        nullable=True, description="Of the actor. Null where only the lanes could tell."
    )
    bearing_rad: float = Field(
        description="Where the actor sees the other; 0 is ahead, left is positive."
    )
    actor_speed_mps: float = Field(ge=0, description="At the first moment.")
    other_speed_mps: float = Field(ge=0, nullable=True, description="At the first moment.")
    relative_speed_mps: float = Field(
        ge=0, nullable=True, description="Of the velocities over ground, at the first moment."
    )

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id", "at_ns"]


@metric(
    version="1.0.0",
    rows=Collisions,
    owner="safety",
    optional=["recordings"],
    summary={
        "collisions": pl.len(),
        "at_fault_collisions": pl.col("at_fault").sum(),
        "lateral_collisions": (pl.col("kind") == "active_lateral").sum(),
        "max_relative_speed_mps": pl.col("relative_speed_mps").max(),
    },
)
def collisions(
    actor_pairs: pl.LazyFrame,
    recordings: pl.LazyFrame,
    *,
    actor_standstill_mps: float = 0.05,
    other_standstill_mps: float = 0.05,
    remembered_s: float = 5.0,
) -> pl.LazyFrame:
    """Find contacts of the boxes; one row per log_id, source, actor_id, other_id, at_ns.

    Boxes that overlap or touch are in contact; so a wreck that stays in contact is one event, and
    so is one that is lost and touched again within `remembered_s`. A contact that is there when the
    recording begins, or the track does, counts, and says so (`from_start`). In a recording of
    traffic both have a row of their own, each with its own fault.

    Its kind is, in this order: `stopped_actor`, who is hit while it stands; `stopped_other`;
    `active_rear`, the other's centre lies behind, more than 150 degrees off the heading as seen
    from the vehicle's origin; `active_front`, its box touches the actor's front edge;
    `active_lateral`, all else. While the actor reverses, its back is its front. At fault, in the
    sense that it could have driven otherwise, is the actor for `stopped_other` and `active_front`,
    and not for `stopped_actor` and `active_rear`. For `active_lateral` nuPlan says so where the ego
    is in several lanes or off the drivable area; without lanes that is unknown: null.

    Formula: distance between the boxes = 0; relative speed = |v_other - v_actor|.

    Source: `no_ego_at_fault_collisions` of nuplan-devkit (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's three cases come out the same; its energy of a collision is half of
    our relative speed, since it takes both to have the same mass and to drive along their headings.
    There a road user can be hit once in a log; CARLA counts it again after 5 s, as we do. Static
    objects always stand in nuPlan; here they do if their velocity says so. Nobody reverses there:
    whom the ego backs into would be behind it, and none of the ego's faults.

    Args:
        actor_pairs: Road users near the actor.
        recordings: Optional; for the origin of the ego, which is its box's centre without them.
        actor_standstill_mps: Not faster, the actor stands; nuplan-devkit's
            `stopped_speed_threshold` of the ego in a collision.
        other_standstill_mps: Not faster, the other stands; the same of a track, which was a tenth
            of it in nuplan-devkit's first releases.
        remembered_s: A contact this long after the last one is another one; `MAX_ID_TIME` of
            CARLA's `CollisionTest`.
    """
    contacts = actor_pairs.filter(pl.col("distance_m") == 0).sort(*ENCOUNTER, "timestamp_ns")
    seen = _first_seen(actor_pairs, contacts)
    time = pl.col("timestamp_ns")
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in ENCOUNTER)
    goes_on = same & ((time - time.shift(1)) * 1e-9 <= remembered_s)
    events = (
        contacts.with_columns(event=(~goes_on).fill_null(value=True).cum_sum())
        .group_by("event", maintain_order=True)
        .agg(pl.all().first(), last_ns=time.last())
    )
    origin = recordings.select("log_id", "ego_center_offset_m", actor_id=pl.lit("ego"))
    return (
        events.join(seen, on=ENCOUNTER)
        .join(origin, on=["log_id", "actor_id"], how="left")
        .with_columns(
            kind=_kind(actor_standstill_mps, other_standstill_mps),
            at_ns=time,
            duration_s=(pl.col("last_ns") - time) * 1e-9,
            from_start=time == pl.col("seen_ns"),
            bearing_rad=pl.arctan2("relative_y_m", "relative_x_m"),
            relative_speed_mps=_relative_speed(),
        )
        .with_columns(at_fault=_at_fault())
        .select(polars_schema(Collisions).names())
    )


def _first_seen(pairs: pl.LazyFrame, contacts: pl.LazyFrame) -> pl.LazyFrame:
    """Return when each pair that has a contact is seen first."""
    touched = contacts.select(ENCOUNTER).unique()
    return (
        pairs.select(*ENCOUNTER, "timestamp_ns")
        # By one name first: of millions of pairs hardly any is left.
        .join(touched.select("other_id").unique(), on="other_id", how="semi")
        .join(touched, on=ENCOUNTER, how="semi")
        .group_by(ENCOUNTER)
        .agg(seen_ns=pl.col("timestamp_ns").min())
    )


def _relative_speed() -> pl.Expr:
    x, y = (pl.col(f"other_velocity_{a}_mps") - pl.col(f"actor_velocity_{a}_mps") for a in "xy")
    return (x * x + y * y).sqrt()


def _kind(actor_standstill_mps: float, other_standstill_mps: float) -> pl.Expr:
    reverses = pl.col("actor_velocity_x_mps") < -actor_standstill_mps
    way = pl.when(reverses).then(-1.0).otherwise(1.0)
    forward = way * pl.col("relative_x_m") + pl.col("ego_center_offset_m").fill_null(0.0)
    behind = pl.arctan2(pl.col("relative_y_m"), forward).abs() > BEHIND_RAD
    # The front edge is a box without length.
    edge = BoxPair(
        x=pl.col("relative_x_m") - way * pl.col("actor_length_m") / 2,
        y=pl.col("relative_y_m"),
        heading=pl.col("relative_heading_rad"),
        length=pl.lit(0.0),
        width=pl.col("actor_width_m"),
        other_length=pl.col("other_length_m"),
        other_width=pl.col("other_width_m"),
    )
    return (
        pl.when(pl.col("actor_speed_mps") <= actor_standstill_mps)
        .then(pl.lit("stopped_actor"))
        .when(pl.col("other_speed_mps") <= other_standstill_mps)
        .then(pl.lit("stopped_other"))
        .when(behind)
        .then(pl.lit("active_rear"))
        .when(box_distance(edge) == 0)
        .then(pl.lit("active_front"))
        .otherwise(pl.lit("active_lateral"))
    )


def _at_fault() -> pl.Expr:
    kind = pl.col("kind")
    return pl.when(kind != "active_lateral").then(kind.is_in(["stopped_other", "active_front"]))
