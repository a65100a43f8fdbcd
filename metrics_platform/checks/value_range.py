"""Are the numbers ones that a person would believe?"""

import polars as pl

from metrics_platform.checks.finding import Finding
from metrics_platform.core import Definition

_EXAMPLES = 20


def value_range(definition: Definition, summary: pl.DataFrame) -> Finding:
    """Pass where every summary scalar lies within what `definition` calls plausible.

    A warning and not an error: an unlikely number may be true, and the log is worth a look.

    Args:
        definition: Its `plausible` names the bounds.
        summary: `log_id` and the summary scalars, one row per computed log. A scalar that no log
            has may be left out.
    """
    parts = []
    for name, (least, greatest) in definition.plausible.items():
        if name not in summary.columns:
            continue
        value = pl.col(name)
        outside = pl.lit(False)
        if least is not None:
            outside |= value < least
        if greatest is not None:
            outside |= value > greatest
        parts.append(
            summary.filter(outside).select(
                "log_id",
                scalar=pl.lit(name),
                value=value.cast(pl.Float64),
                plausible=pl.lit(f"{_shown(least)} … {_shown(greatest)}"),
            )
        )
    outside_rows = pl.concat(parts) if parts else pl.DataFrame(schema={"log_id": pl.String})
    count = len(outside_rows)
    return Finding(
        passed=count == 0,
        description=f"{count} implausible values in {len(summary)} logs",
        severity="warning",
        facts={"implausible": count, "logs": len(summary)},
        examples=outside_rows.sort("log_id").head(_EXAMPLES) if count else None,
    )


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
