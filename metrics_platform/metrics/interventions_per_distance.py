"""How often somebody steps in, over the way driven, and how sure that is."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.rates import CONFIDENCE, poisson_interval
from metrics_platform.signals.drive_modes import AUTONOMOUS, UNKNOWN_MODE
from metrics_platform.signals.interventions import INTERVENTION_KINDS
from metrics_platform.signals.reported_distances import MILE_M

ANY = "any"
# What California and others who took it over have reported.
REPORTED_KIND = "disengagement"
_UNITS = ("log_id", "operator")


class InterventionsPerDistance(MetricFrame):
    """One row per log_id, operator, kind: interventions of a kind, and `any` for all of them."""

    operator: str = Field(nullable=True, description="Who reported; null of a recorded drive.")
    kind: str = Field(isin=[ANY, *INTERVENTION_KINDS], description="What was done.")
    intervention_count: int = Field(ge=0, description="While the distance was driven.")
    other_count: int = Field(
        ge=0, description="In another or an unknown mode, or outside the recorded drive."
    )
    distance_m: float = Field(ge=0, description="Driven in the modes that count.")
    rate_per_km: float = Field(ge=0, nullable=True, description="Null without a distance.")
    rate_low_per_km: float = Field(ge=0, nullable=True, description="Of the 95 % interval.")
    rate_high_per_km: float = Field(ge=0, nullable=True, description="Of the 95 % interval.")
    distance_each_m: float = Field(
        ge=0, nullable=True, description="Distance per intervention; null without one."
    )

    class Config:
        unique = ["log_id", "operator", "kind"]


def _total(name: str, kind: str) -> pl.Expr:
    return pl.col(name).filter(kind=kind).sum()


def _ratio(of: pl.Expr, to: pl.Expr) -> pl.Expr:
    """Return the one over the other, null where there is nothing of either."""
    return pl.when((of > 0) & (to > 0)).then(of / to)


def _rate(events: pl.Expr, distance: pl.Expr) -> pl.Expr:
    """Return events over distance, null without a distance: 0 events are a rate of 0."""
    return pl.when(distance > 0).then(events / distance)


_COUNT = _total("intervention_count", ANY)
_DISTANCE_M = _total("distance_m", ANY)


@metric(
    version="1.0.0",
    rows=InterventionsPerDistance,
    owner="safety",
    summary={
        "interventions": _COUNT,
        "other_interventions": _total("other_count", ANY),
        "distance_m": _DISTANCE_M,
        "interventions_per_1000_km": _rate(_COUNT, _DISTANCE_M / 1e6),
        "interventions_per_1000_miles": _rate(_COUNT, _DISTANCE_M / (1_000 * MILE_M)),
        "miles_per_disengagement": _ratio(
            _DISTANCE_M / MILE_M, _total("intervention_count", "disengagement")
        ),
    },
    optional=["mode_stretches", "reported_distances"],
)
def interventions_per_distance(
    intervention_moments: pl.LazyFrame,
    recordings: pl.LazyFrame,
    mode_stretches: pl.LazyFrame,
    reported_distances: pl.LazyFrame,
    *,
    modes: tuple[str, ...] = (AUTONOMOUS,),
) -> Rows:
    """Divide interventions by the distance of them; one row per log_id, operator, kind.

    Of a recorded drive both count only in `modes`: what happened in another mode, in one that
    nobody knows, or before or after the recorded drive has no distance to be divided by. It is
    in `other_count`. A log abstains of which no mode is known at all. Of a report everything
    counts, operator by operator; where it gives a total of a vehicle, that is its distance, else
    the sum of the months.

    Rates of one log are rough: `pooled` gives those of a release or a fleet. The interval holds
    for events that come independently at one constant rate, and says nothing of how far logs
    differ.

    Formula: rate = n / d; its interval is [χ²(0.025; 2n) / 2d, χ²(0.975; 2n + 2) / 2d],
    quantiles of the χ² distribution; at n = 0 the lower end is 0, at d = 0 all three are null.

    Source: Garwood (1936), "Fiducial limits for the Poisson distribution". Kalra & Paddock (2016),
    "Driving to Safety" (RAND RR-1478), on what such rates can show.

    Reference: California's report of 2024: 3,912,657.536 miles and 1,773 disengagements; 9,793.3
    miles per disengagement of Waymo, 27,996.2 of Zoox, 536.6 of Apple. Garwood's interval as
    tabulated: 0 events up to 3.689, 10 events 4.795 to 18.390.

    Args:
        intervention_moments: Interventions, and the mode before each.
        recordings: To tell which logs have no distance.
        mode_stretches: Optional; distance by mode.
        reported_distances: Optional; it wins where a log has both.
        modes: Of which distance and interventions count; California asks for autonomous mode.
    """
    reported = _reported(reported_distances)
    reporting = reported.select("log_id").unique()
    stretches = mode_stretches.join(reporting, on="log_id", how="anti")
    known = stretches.filter(pl.col("mode") != UNKNOWN_MODE).select("log_id").unique()
    driven = (
        stretches.join(known, on="log_id", how="semi")
        .group_by("log_id")
        .agg(distance_m=pl.col("distance_m").filter(pl.col("mode").is_in(modes)).sum())
        .select("log_id", "distance_m", operator=pl.lit(None, pl.String), from_report=False)
    )
    distances = pl.concat([driven, reported.with_columns(from_report=True)], how="diagonal")
    logs = distances.select("log_id", "from_report").unique()
    events = intervention_moments.join(logs, on="log_id").with_columns(
        operator=pl.when("from_report").then("operator"),
        counts=pl.col("from_report")
        | (pl.col("within_drive").fill_null(value=False) & pl.col("mode_before").is_in(modes)),
    )
    parts = [_of_all_kinds(distances, events), _counted(events)]
    rows = pooled(pl.concat(parts, how="diagonal"), _UNITS)
    lacking = recordings.select("log_id").join(logs, on="log_id", how="anti")
    reason = "no drive mode is known, so neither is what was driven autonomously"
    return Rows(
        rows.select(polars_schema(InterventionsPerDistance).names()),
        lacking.with_columns(reason=pl.lit(reason)),
    )


def pooled(
    rows: pl.LazyFrame, by: Sequence[str], *, confidence: float = CONFIDENCE
) -> pl.LazyFrame:
    """Return count, distance, rate and interval by kind over several logs or operators.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart besides the kind; everything is one fleet if empty.
        confidence: Of the interval.
    """
    low, high = poisson_interval("intervention_count", confidence)
    distance_km = pl.col("distance_m") / 1_000
    return (
        rows.group_by(*by, "kind")
        .agg(
            pl.col("intervention_count", "other_count").sum(),
            # Summed up in one order, whatever that of the rows.
            pl.col("distance_m").sort().sum(),
        )
        .with_columns(
            rate_per_km=_rate(pl.col("intervention_count"), distance_km),
            rate_low_per_km=_rate(low, distance_km),
            rate_high_per_km=_rate(high, distance_km),
            distance_each_m=_ratio(pl.col("distance_m"), pl.col("intervention_count")),
        )
    )


def _reported(distances: pl.LazyFrame) -> pl.LazyFrame:
    """Return `log_id`, `operator` and what it drove in all; totals win over months."""
    total = pl.col("period") == "total"
    distance = (
        pl.when(total.any())
        .then(pl.col("distance_m").filter(total).sum())
        .otherwise(pl.col("distance_m").sum())
    )
    vehicles = distances.group_by("log_id", "operator", "permit", "vehicle").agg(distance)
    return vehicles.group_by(_UNITS).agg(pl.col("distance_m").sort().sum())


def _of_all_kinds(distances: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """Return every operator with every kind: no event of a kind is a result, too.

    But a report says nothing of kinds that nobody has to report.
    """
    # Who reports interventions and no distance is an operator, too.
    names = [*_UNITS, "from_report"]
    units = pl.concat([distances, events.select(names)], how="diagonal")
    kinds = pl.LazyFrame({"kind": [ANY, *INTERVENTION_KINDS]})
    told = events.select("log_id", "kind", told=True).unique()
    expected = ~pl.col("from_report") | pl.col("kind").is_in([ANY, REPORTED_KIND])
    return (
        units.join(kinds, how="cross")
        .join(told, on=["log_id", "kind"], how="left")
        .filter(expected | pl.col("told"))
        .select(*_UNITS, "kind", "distance_m")
    )


def _counted(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return each event as a count of 1 of its kind, and of any."""
    each = events.select(
        *_UNITS,
        "kind",
        intervention_count=pl.col("counts").cast(pl.Int64),
        other_count=(~pl.col("counts")).cast(pl.Int64),
    )
    return pl.concat([each, each.with_columns(kind=pl.lit(ANY))])
