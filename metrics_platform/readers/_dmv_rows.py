"""From the cells of California's reports to the rows of signals, and what is odd about them."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._dmv_columns import (
    CAUSE,
    COUNT,
    DATE,
    INITIATOR,
    PERMIT,
    PLACE,
    TOTAL,
    VEHICLE,
    edges_ns,
    months_of,
)
from metrics_platform.signals.reported_distances import MILE_M

# Years of two digits first: to `%Y`, 24 is a year of its own.
_DATE_FORMATS = ("%m/%d/%y", "%m/%d/%Y", "%Y-%m-%d", "%Y.%m.%d")
# Of these years one can write reports; nanoseconds have no room for others.
_YEARS = (2000, 2099)
# The choices that the report's form gives.
_INITIATORS = {
    "av system": "system",
    "test driver": "driver",
    "remote operator": "remote_operator",
    "passenger": "passenger",
}
_SHOWN = 3
# A total beside months that are rounded to 0.1 miles each is off by less.
_ROUNDING_MILES = 0.6


def distances_of(mileage: pl.DataFrame, operators: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Return rows of `reported_distances`; a note for what is odd goes to `notes`."""
    months = months_of(mileage.columns)
    edges = {month: edges_ns(month) for month in months}
    named = mileage.filter((pl.col(PERMIT) != "") | (pl.col(VEHICLE) != ""))
    if sums := len(mileage) - len(named):
        notes.append(f"{sums} rows of distances name neither permit nor vehicle, and are left out")
    spans = [(month, *edges[month], "month") for month in months]
    columns = months
    if TOTAL in mileage.columns:
        columns = [*months, TOTAL]
        spans.append((TOTAL, edges[months[0]][0], edges[months[-1]][1], "total"))
    periods = pl.DataFrame(
        spans, schema=["column", "timestamp_ns", "end_ns", "period"], orient="row"
    )
    cells = (
        named.select(PERMIT, VEHICLE, *columns)
        .unpivot(columns, index=[PERMIT, VEHICLE], variable_name="column", value_name="cell")
        # Null where another file of the folder has this month.
        .drop_nulls("cell")
        .with_columns(pl.col("cell").str.replace_all(",", ""))
        .with_columns(miles=pl.col("cell").cast(pl.Float64, strict=False))
    )
    if blank := len(cells.filter(cell="")):
        notes.append(f"{blank} distances are blank, and taken to be unknown")
    cells = cells.filter(pl.col("cell") != "")
    readable = (pl.col("miles").is_finite() & (pl.col("miles") >= 0)).fill_null(value=False)
    odd = cells.filter(~readable)
    if len(odd):
        notes.append(f"{len(odd)} distances are no numbers and left out: {_shown(odd['cell'])}")
    rows = (
        cells.filter(readable)
        .join(periods, on="column")
        .group_by(PERMIT, VEHICLE, "timestamp_ns", "end_ns", "period", maintain_order=True)
        .agg(pl.len(), distance_m=pl.col("miles").sum() * MILE_M)
    )
    if repeated := rows.filter(pl.col("len") > 1)[VEHICLE].n_unique():
        notes.append(f"{repeated} vehicles have several rows under one permit, which are added up")
    notes += _differing_totals(rows)
    return rows.drop("len").join(operators, on=PERMIT).sort("timestamp_ns", maintain_order=True)


def interventions_of(
    disengagements: pl.DataFrame, operators: pl.DataFrame, distances: pl.DataFrame, notes: list[str]
) -> pl.DataFrame:
    """Return rows of `interventions`; a note for what is odd goes to `notes`.

    Args:
        disengagements: Cells.
        operators: Name by permit.
        distances: Rows of `reported_distances`, none if nobody reported any.
        notes: Gets what is odd.

    Raises:
        UnreadableLogError: There are rows, and not one date in either report can be read.
    """
    days = pl.coalesce(pl.col(DATE).str.to_date(form, strict=False) for form in _DATE_FORMATS)
    known = pl.when(days.dt.year().is_between(*_YEARS)).then(days)
    dates = known.cast(pl.Datetime("ns")).dt.epoch("ns")
    who = pl.col(INITIATOR).str.to_lowercase()
    absent = [pl.lit("").alias(n) for n in (PLACE, VEHICLE) if n not in disengagements.columns]
    rows = disengagements.with_columns(absent).select(
        PERMIT,
        DATE,
        timestamp_ns=dates,
        intervention_id=pl.int_range(pl.len()).cast(pl.String).str.zfill(5),
        kind=pl.lit("disengagement"),
        initiator=_or_null(who.replace(_INITIATORS)),
        cause=_or_null(pl.col(CAUSE)),
        place=_or_null(pl.col(PLACE).str.to_lowercase()),
        vehicle=_or_null(pl.col(VEHICLE)),
    )
    begins_ns, ends_ns = distances["timestamp_ns"].min(), distances["end_ns"].max()
    undated = rows.filter(pl.col("timestamp_ns").is_null())
    first_ns = rows["timestamp_ns"].min() if begins_ns is None else begins_ns
    if len(undated):
        if first_ns is None:
            raise UnreadableLogError(f"no date can be read: {_shown(undated[DATE])}")
        notes.append(
            f"{len(undated)} disengagements have no readable date and stand on the first day of "
            f"the report: {_shown(undated[DATE])}"
        )
    months_ns = (pl.lit(begins_ns, pl.Int64), pl.lit(ends_ns, pl.Int64))
    outside = rows.filter(~pl.col("timestamp_ns").is_between(*months_ns, closed="left"))
    if len(outside):
        notes.append(
            f"{len(outside)} disengagements are dated outside of the months of the report: "
            f"{_shown(outside[DATE])}"
        )
    formal = pl.col("initiator").is_in(list(_INITIATORS.values()))
    others = rows.filter(~formal.fill_null(value=False))
    if len(others):
        notes.append(
            f"{len(others)} disengagements were initiated by somebody whom the form doesn't "
            f"name: {_shown(others['initiator'])}"
        )
    return (
        rows.with_columns(pl.col("timestamp_ns").fill_null(first_ns))
        .join(operators, on=PERMIT, maintain_order="left")
        .drop(PERMIT, DATE)
        .sort("timestamp_ns", maintain_order=True)
    )


def differing_counts(mileage: pl.DataFrame, disengagements: pl.DataFrame) -> list[str]:
    """Return a note on the permits whose count beside the mileage isn't that of the events."""
    said = mileage.group_by(PERMIT).agg(
        said=pl.col(COUNT).str.replace_all(",", "").cast(pl.Int64, strict=False).sum()
    )
    found = disengagements.group_by(PERMIT).agg(found=pl.len().cast(pl.Int64))
    differ = (
        said.join(found, on=PERMIT, how="full", coalesce=True)
        .with_columns(pl.col("said", "found").fill_null(0))
        .filter(pl.col("said") != pl.col("found"))
        .sort(PERMIT)
    )
    return [
        f"permit {permit}: {said} disengagements beside the mileage, {found} described"
        for permit, said, found in differ.select(PERMIT, "said", "found").iter_rows()
    ]


def _differing_totals(rows: pl.DataFrame) -> list[str]:
    of = pl.col("period") == "total"
    miles = pl.col("distance_m") / MILE_M
    vehicles = rows.group_by(PERMIT, VEHICLE).agg(
        total=pl.when(of.any()).then(miles.filter(of).sum()), months=miles.filter(~of).sum()
    )
    off = vehicles.select((pl.col("total") - pl.col("months")).abs()).to_series()
    far = vehicles.filter(off > _ROUNDING_MILES).sort(PERMIT, VEHICLE)
    return [
        f"{permit} {vehicle}: {total:.2f} miles in total, {months:.2f} in the months"
        for permit, vehicle, total, months in far.iter_rows()
    ]


def _or_null(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _shown(values: pl.Series) -> str:
    distinct: Sequence[str] = values.unique(maintain_order=True).fill_null("nobody").to_list()
    return ", ".join(map(repr, distinct[:_SHOWN])) + (", …" if len(distinct) > _SHOWN else "")
