"""Rows of `lead_vehicles`, of which a test says only what it is about."""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.lead_vehicles import LeadVehicles
from metrics_platform_tests.metrics.builders import STEP_NS


def leads_of(gaps_m: list[float], **columns: object) -> pl.DataFrame:
    """Return moments 0.1 s apart in which `a` follows `b`; it drives at 10 m/s, b at 5."""
    usual: dict[str, object] = {
        "log_id": "log",
        "timestamp_ns": [i * STEP_NS for i in range(len(gaps_m))],
        "source": "simulation",
        "actor_id": "a",
        "other_id": "b",
        "other_category": "car",
        "along": "lane",
        "lead_index": 0,
        "gap_m": gaps_m,
        "actor_speed_mps": 10.0,
        "other_speed_mps": 5.0,
        "relative_x_m": [gap + 5 for gap in gaps_m],
        "relative_y_m": 0.0,
        "distance_m": [max(gap, 0.0) for gap in gaps_m],
    }
    values = {**usual, **columns}
    data = {n: v if isinstance(v, list) else [v] * len(gaps_m) for n, v in values.items()}
    return pl.DataFrame(data, schema=polars_schema(LeadVehicles), strict=False)
