"""Drive modes, interventions, deliveries and reports of synthetic logs, with known answers.

    frames = synthetic_logs(10)
    frames |= missions(frames)

Every log has one of these plots, which `plots` tells; shares are of the time from its first sample
to its last.

    autonomous  autonomous from 1 s before the log; remote assistance from 0.4 to 0.6 of it; an
                emergency stop a minute after its end, which is no part of the drive
    silent      neither modes nor interventions
    manual      manual throughout; one takeover at 0.5, which no autonomous drive is to blame for
    report      no modes either, but what operators reported of months: A's one vehicle drove 100 km
                and 50 km, 150.2 km in total as it says, with two disengagements; B's drove 30 km
                in one month, gives no total and had none; C had one, and reports no distance
    handover    nothing known until 0.25, then autonomous, which is said twice; the driver takes
                over at 0.5 and hands back at 0.75
    delivery    of every delivery mission: autonomous, but driven from afar from 0.2 to 0.3;
                remote assistance meanwhile, an emergency stop at 0.6; three deliveries, of which
                one is completed at 0.5, one fails at 0.9 and one is still under way; it waits at
                the kerb twice, for 0.1 and for 0.05, and stops once, for 0.05
"""

from collections.abc import Mapping, Sequence

import polars as pl

from metrics_platform.core.frames import MetricFrame, polars_schema
from metrics_platform.signals.deliveries import Deliveries
from metrics_platform.signals.drive_modes import DriveModes
from metrics_platform.signals.interventions import Interventions
from metrics_platform.signals.mission_phases import MissionPhases
from metrics_platform.signals.reported_distances import ReportedDistances
from metrics_platform.testing.synthetic_frames import Frames

_Acts = Mapping[str, Sequence[tuple[object, ...]]]

PLOTS = ("autonomous", "silent", "manual", "report", "handover")
_REPORT = "report"
_DELIVERY = "delivery"
_SECOND_NS = 1_000_000_000
_MONTH_NS = 30 * 86_400 * _SECOND_NS

# Share of the log, seconds on top, mode.
_MODES: _Acts = {
    "autonomous": [(0.0, -1, "autonomous")],
    "manual": [(0.0, 0, "manual")],
    "handover": [
        (0.25, 0, "autonomous"),
        (0.35, 0, "autonomous"),
        (0.5, 0, "manual"),
        (0.75, 0, "autonomous"),
    ],
    _DELIVERY: [(0.0, 0, "autonomous"), (0.2, 0, "remote"), (0.3, 0, "autonomous")],
}
# Share of the log, seconds on top, kind, who, why, share at its end, operator.
_INTERVENTIONS: _Acts = {
    "autonomous": [
        (0.4, 0, "remote_assistance", "system", "blocked lane", 0.6, None),
        (1.0, 60, "emergency_stop", "remote_operator", "in the depot", None, None),
    ],
    "manual": [(0.5, 0, "takeover", "driver", None, None, None)],
    _REPORT: [
        (0.0, 86_400, "disengagement", "driver", "rain", None, "A"),
        (0.0, 172_800, "disengagement", "system", "lost its way", None, "A"),
        (0.0, 86_400, "disengagement", "driver", None, None, "C"),
    ],
    "handover": [(0.5, 0, "disengagement", "driver", "cut in", 0.75, None)],
    _DELIVERY: [
        (0.2, 0, "remote_assistance", "system", "crossing", 0.3, None),
        (0.6, 0, "emergency_stop", "passenger", "somebody pressed the button", None, None),
    ],
}
# Share of the log at the start and at the end, outcome, why.
_DELIVERIES: _Acts = {
    _DELIVERY: [
        (0.0, 0.5, "completed", None),
        (0.5, 0.9, "failed", "nobody answers"),
        (0.9, None, None, None),
    ]
}
_PHASES: _Acts = {
    _DELIVERY: [
        (0.0, "driving"),
        (0.1, "kerb_wait"),
        (0.2, "crossing"),
        (0.3, "driving"),
        (0.35, "driving"),
        (0.6, "stop"),
        (0.65, "driving"),
        (0.8, "kerb_wait"),
        (0.85, "driving"),
    ]
}
# Operator, permit, vehicle, month, period, kilometres.
_REPORTED = [
    ("A", "P1", "a1", 0, "month", 100.0),
    ("A", "P1", "a1", 1, "month", 50.0),
    ("A", "P1", "a1", 0, "total", 150.2),
    ("B", "P2", "b1", 1, "month", 30.0),
]


def plots(frames: Frames) -> pl.DataFrame:
    """Return `log_id`, `start_ns`, `end_ns` and `plot`, one row per log."""
    usual = pl.lit(pl.Series(PLOTS)).gather(pl.int_range(pl.len()) % len(PLOTS))
    mission = pl.col("mission").fill_null("")
    plot = pl.when(mission == _DELIVERY).then(pl.lit(_DELIVERY)).otherwise(usual)
    logs = frames["recordings"].sort("log_id")
    return logs.select("log_id", "start_ns", "end_ns", plot=plot)


def missions(frames: Frames) -> Frames:
    """Return drive modes, interventions, deliveries, phases and reports of the logs in `frames`."""
    logs = plots(frames)
    modes = _joined(logs, _MODES, ["share", "plus_s", "mode"])
    interventions = _joined(
        logs, _INTERVENTIONS, ["share", "plus_s", "kind", "initiator", "cause", "end", "operator"]
    )
    deliveries = _joined(logs, _DELIVERIES, ["share", "end", "outcome", "reason"])
    phases = _joined(logs, _PHASES, ["share", "phase"])
    number = pl.int_range(pl.len()).over("log_id").cast(pl.String)
    later_ns = pl.col("plus_s") * _SECOND_NS
    return {
        "drive_modes": _rows(DriveModes, modes, timestamp_ns=_at("share") + later_ns),
        "interventions": _rows(
            Interventions,
            interventions,
            timestamp_ns=_at("share") + later_ns,
            end_ns=_at("end"),
            intervention_id=number,
        ),
        "deliveries": _rows(
            Deliveries,
            deliveries,
            timestamp_ns=_at("share"),
            end_ns=_at("end"),
            delivery_id=number,
        ),
        "mission_phases": _rows(MissionPhases, phases, timestamp_ns=_at("share")),
        "reported_distances": _reported(logs),
    }


def _joined(logs: pl.DataFrame, acts: _Acts, names: list[str]) -> pl.DataFrame:
    rows = [(plot, *act) for plot, found in acts.items() for act in found]
    return logs.join(
        pl.DataFrame(rows, schema=["plot", *names], orient="row"),
        on="plot",
        maintain_order="left_right",
    )


def _at(share: str) -> pl.Expr:
    way_ns = (pl.col("end_ns") - pl.col("start_ns")) * pl.col(share)
    return pl.col("start_ns") + way_ns.round().cast(pl.Int64)


def _rows(model: type[MetricFrame], acts: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    """Return rows of `model`; in a log of one moment the first of all rows at it."""
    schema = polars_schema(model)
    made = acts.with_columns(**columns)
    absent = [pl.lit(None).alias(name) for name in schema if name not in made.columns]
    key = list(model.to_schema().unique or [])
    return (
        made.with_columns(absent)
        .select(schema.names())
        .cast(schema)
        .unique(key, keep="first", maintain_order=True)
        .sort(key)
    )


def _reported(logs: pl.DataFrame) -> pl.DataFrame:
    names = ["operator", "permit", "vehicle", "month", "period", "distance_km"]
    reports = pl.DataFrame(_REPORTED, schema=names, orient="row")
    months = pl.when(period="total").then(2).otherwise(1)
    from_ns = pl.col("start_ns") + pl.col("month") * _MONTH_NS
    return _rows(
        ReportedDistances,
        logs.filter(plot=_REPORT).join(reports, how="cross"),
        timestamp_ns=from_ns,
        end_ns=from_ns + months * _MONTH_NS,
        distance_m=pl.col("distance_km") * 1_000,
    )
