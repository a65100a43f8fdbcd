"""The file of a new metric."""

from collections.abc import Sequence

from metrics_platform.authoring.scaffolding.python_text import (
    argument,
    brackets,
    class_name,
    docstring,
    exploded,
    words,
)
from metrics_platform.authoring.scaffolding.skeleton import Grain, Skeleton
from metrics_platform.core.frames import grain

# An event, until the author knows from which value on: within the bounds of all columns there are.
THRESHOLD = 0.5
_INDENT = 4


def metric_source(plan: Skeleton, *, first_party: bool) -> str:
    """Return the source of a metric.

    Args:
        plan: What it computes.
        first_party: It belongs to the platform, whose imports stand in a block of their own.
    """
    title = plan.name.replace("_", " ").capitalize()
    return "\n".join(
        [
            docstring(f"{title}."),
            "",
            *_imports(plan, first_party=first_party),
            "",
            "",
            _schema(plan),
            "",
            "",
            _decorator(plan),
            _signature(plan),
            _description(plan),
            *_body(plan),
            "",
        ]
    )


def _imports(plan: Skeleton, *, first_party: bool) -> list[str]:
    ours = ["from metrics_platform.core import MetricFrame, metric"]
    if plan.grain is Grain.EVENT:
        ours.append("from metrics_platform.kernels.stretches import stretches")
    field = "from pandera.polars import Field"
    block = [field, "", *ours] if first_party else [*ours, field]
    return ["import polars as pl", *block]


def _schema(plan: Skeleton) -> str:
    measure, signal = plan.measure, plan.signal.name
    columns = plan.signal.rows.to_schema().columns
    kind = {"String": "str", "Int64": "int"}
    fields = []
    for name in plan.key[1:]:
        taken = columns[name if plan.grain is Grain.TRACK else str(plan.time)]
        told = {
            Grain.EVENT: "First sample of the event, on the recording's clock.",
            Grain.MOMENT: "On the recording's clock.",
        }.get(plan.grain, f"As in `{signal}`.")
        options = ["nullable=True"] if taken.nullable else []
        fields.append(_field(name, kind[str(taken.dtype.type)], told, options))
    if plan.grain is Grain.EVENT:
        told = "From there to the end of its last sample."
        fields.append(_field("duration_s", "float", told, ["ge=0"]))
    options = ["ge=0"] if measure.bounded else []
    if measure.nullable and plan.grain is not Grain.EVENT:
        options.append("nullable=True")
    within = {Grain.LOG: "in the log", Grain.EVENT: "in the event", Grain.MOMENT: "at the moment"}
    told = f"{measure.told} of `{signal}` {within.get(plan.grain, 'of its rows')}."
    number = "int" if measure.column is None else "float"
    fields.append(_field(measure.name, number, told[0].upper() + told[1:], options))
    for other in plan.others:
        told = f"Rows of `{other.name}` in the log."
        fields.append(_field(f"{other.name}_count", "int", told, ["ge=0"]))
    what = {
        Grain.LOG: f"the {measure.told} of `{signal}`",
        Grain.EVENT: f"a stretch of `{signal}` beyond the threshold",
        Grain.MOMENT: f"the {measure.told} of `{signal}` at that moment",
        Grain.TRACK: f"the {measure.told} of `{signal}` over all its rows",
    }[plan.grain]
    key = brackets("unique = [", words(plan.key), "]", indent=2 * _INDENT)
    return "\n".join(
        [
            f"class {class_name(plan.name)}(MetricFrame):",
            _grain_told(plan, what),
            "",
            *fields,
            "",
            "    class Config:",
            key,
        ]
    )


def _grain_told(plan: Skeleton, what: str) -> str:
    key = ", ".join(plan.key)
    line = docstring(f"One row per {key}: {what}.", indent=_INDENT)
    if "\n" not in line:
        return line
    return docstring(f"One row per {key}.", f"{what[0].upper()}{what[1:]}.", indent=_INDENT)


def _field(name: str, kind: str, told: str, options: Sequence[str]) -> str:
    arguments = [*options, f'description="{told}"']
    return brackets(f"{name}: {kind} = Field(", arguments, ")", indent=_INDENT)


def _decorator(plan: Skeleton) -> str:
    measure = plan.measure
    over_rows = "first" if plan.grain is Grain.LOG else measure.aggregation
    summary = [f'"{measure.name}": pl.col("{measure.name}").{over_rows}()']
    if plan.grain is not Grain.LOG:
        summary.insert(0, f'"{plan.name}_count": pl.len()')
    arguments = [
        'version="1.0.0"',
        f"rows={class_name(plan.name)}",
        f'owner="{plan.owner}"',
        exploded("summary={", summary, "}"),
    ]
    return exploded("@metric(", arguments, ")")


def _signature(plan: Skeleton) -> str:
    takes = [f"{signal.name}: pl.LazyFrame" for signal in (plan.signal, *plan.others)]
    if plan.grain is Grain.EVENT:
        takes += ["*", f"{_threshold(plan)}: {_number(plan)} = {_least_of_event(plan)}"]
    return brackets(f"def {plan.name}(", takes, ") -> pl.LazyFrame:")


def _description(plan: Skeleton) -> str:
    measure, signal = plan.measure, plan.signal.name
    key = ", ".join(plan.key)
    over = {Grain.EVENT: "the event", Grain.LOG: "the log"}.get(plan.grain, "the rows of one key")
    formula = [f"{measure.name} = {measure.told} of `{signal}` over {over}"]
    if plan.grain is Grain.EVENT:
        sign = "≤" if measure.aggregation == "min" else "≥"
        formula.insert(
            0, f"an event is a longest stretch with {measure.name} {sign} `{_threshold(plan)}`"
        )
    formula += [f"{other.name}_count = number of rows of `{other.name}`" for other in plan.others]
    takes = [
        argument(given.name, f"One row per {', '.join(grain(given.rows))}.")
        for given in (plan.signal, *plan.others)
    ]
    if plan.grain is Grain.EVENT:
        takes.append(argument(_threshold(plan), "From here on it is an event."))
    return docstring(
        f"Take the {measure.told} of `{signal}`.",
        f"One row per {key}.",
        f"Formula: {'; '.join(formula)}.",
        "Source: none yet; name the paper, standard or team that defines it so.",
        "Reference: none.",
        "\n".join(["Args:", *takes]),
        indent=_INDENT,
    )


def _body(plan: Skeleton) -> list[str]:
    lines = _stretches(plan) if plan.grain is Grain.EVENT else _grouped(plan)
    for other in plan.others:
        count = f"{other.name}_count"
        counted = f'counted = {other.name}.group_by("log_id").agg('
        # A log with the signal, and without a row in it, has none.
        filled = f'pl.col("{count}").fill_null(0)'
        lines += [
            brackets(counted, [f"{count}=pl.len().cast(pl.Int64)"], ")", indent=_INDENT),
            '    rows = rows.join(counted, on="log_id", how="left")',
            brackets("rows = rows.with_columns(", [filled], ")", indent=_INDENT),
        ]
    return [*lines[:-1], lines[-1].replace("    rows = ", "    return ", 1)]


def _grouped(plan: Skeleton) -> list[str]:
    key = brackets("key = [", words(plan.key), "]", indent=_INDENT)
    taken = [f"{plan.measure.name}={plan.measure.expression}"]
    rows = f"rows = {plan.signal.name}.group_by(key).agg("
    return [key, brackets(rows, taken, ")", indent=_INDENT)]


def _stretches(plan: Skeleton) -> list[str]:
    measure, signal = plan.measure, plan.signal
    over = "max" if measure.column is None else measure.aggregation
    value = measure.name
    if measure.column and list(grain(signal.rows)) == ["log_id", "timestamp_ns"]:
        value = measure.column
        lines = [f'    moments = {signal.name}.sort("log_id", "timestamp_ns")']
    else:
        time = '"timestamp_ns"' if plan.time == "timestamp_ns" else f'timestamp_ns="{plan.time}"'
        by_moment = f'moments = {signal.name}.group_by("log_id", {time}).agg('
        taken = [f"{value}={measure.expression}"]
        lines = [
            brackets(by_moment, taken, ")", indent=_INDENT),
            '    moments = moments.sort("log_id", "timestamp_ns")',
        ]
    if "segment_index" not in signal.rows.to_schema().columns:
        lines += [
            "    # It doesn't tell where the recording has gaps: an event goes across them.",
            "    moments = moments.with_columns(segment_index=0)",
        ]
    sign = "<=" if measure.aggregation == "min" else ">="
    arguments = [
        "moments",
        f'pl.col("{value}") {sign} {_threshold(plan)}',
        "merge_gap_s=0.0",
        "min_duration_s=0.0",
        f'{measure.name}=pl.col("{value}").{over}()',
    ]
    return [*lines, exploded("rows = stretches(", arguments, ")", indent=_INDENT)]


def _threshold(plan: Skeleton) -> str:
    return f"threshold{plan.measure.suffix}"


def _number(plan: Skeleton) -> str:
    return "int" if plan.measure.column is None else "float"


def _least_of_event(plan: Skeleton) -> float:
    return 1 if plan.measure.column is None else THRESHOLD
