"""What to call a number, and how to convert it, where its name says no unit that is used here."""

import re

from metrics_platform.core.frames import (
    UNITS,
    MetricFrame,
    columns_without_unit,
    polars_schema,
)

_PER_DEGREE = "multiply by pi / 180 (.radians())"
# Last words of a name, to the suffix in its place and how to convert. They are never anything else.
_OTHER_UNITS = {
    **dict.fromkeys(("kmh", "kph", "kmph", "km_h", "km_per_h"), ("_mps", "divide by 3.6")),
    "mph": ("_mps", "multiply by 0.44704"),
    **dict.fromkeys(("knots", "kn"), ("_mps", "multiply by 0.514444")),
    **dict.fromkeys(("m_s", "m_per_s", "meters_per_second", "ms1"), ("_mps", "")),
    **dict.fromkeys(("m_s2", "ms2", "mpss", "m_per_s2"), ("_mps2", "")),
    **dict.fromkeys(("km", "kilometers", "kilometres"), ("_m", "multiply by 1000")),
    "cm": ("_m", "divide by 100"),
    "mm": ("_m", "divide by 1000"),
    **dict.fromkeys(("ft", "feet"), ("_m", "multiply by 0.3048")),
    **dict.fromkeys(("mi", "miles"), ("_m", "multiply by 1609.344")),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), ("_m", "")),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), ("_s", "divide by 1000")),
    **dict.fromkeys(("us", "usec", "micros", "microseconds"), ("_s", "divide by 1e6")),
    **dict.fromkeys(("nanos", "nanoseconds"), ("_ns", "")),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), ("_s", "")),
    **dict.fromkeys(("mins", "minutes"), ("_s", "multiply by 60")),
    **dict.fromkeys(("h", "hr", "hrs", "hours"), ("_s", "multiply by 3600")),
    **dict.fromkeys(("deg", "degree", "degrees"), ("_rad", _PER_DEGREE)),
    **dict.fromkeys(("degps", "dps", "deg_s", "deg_per_s"), ("_radps", _PER_DEGREE)),
    **dict.fromkeys(("radian", "radians"), ("_rad", "")),
    **dict.fromkeys(("rad_s", "rad_per_s"), ("_radps", "")),
    **dict.fromkeys(("percent", "pct"), ("_ratio", "divide by 100")),
    "khz": ("_hz", "multiply by 1000"),
    **dict.fromkeys(("pixel", "pixels"), ("_px", "")),
}
# Words for what is measured, to the suffix that it has in SI.
_DIMENSIONS = {
    **dict.fromkeys(("speed", "velocity"), "_mps"),
    **dict.fromkeys(("acceleration", "deceleration", "accel", "decel"), "_mps2"),
    "jerk": "_mps3",
    **dict.fromkeys(("distance", "gap", "length", "width", "height", "position"), "_m"),
    **dict.fromkeys(("x", "y", "z", "offset", "clearance", "headway"), "_m"),
    **dict.fromkeys(("duration", "time", "delay", "latency", "ttc", "pet", "period"), "_s"),
    **dict.fromkeys(("timestamp", "start", "end"), "_ns"),
    **dict.fromkeys(("heading", "yaw", "angle", "pitch", "roll"), "_rad"),
    "frequency": "_hz",
    **dict.fromkeys(("count", "number", "n", "num", "events"), "_count"),
    **dict.fromkeys(("index", "id", "idx", "rank"), "_index"),
    **dict.fromkeys(("share", "fraction", "rate", "probability", "confidence"), "_ratio"),
}


def columns_of_other_units(rows: type[MetricFrame]) -> list[str]:
    """Return the numeric columns of `rows` whose name ends with a unit that is not used here."""
    numeric = [name for name, dtype in polars_schema(rows).items() if dtype.is_numeric()]
    return [name for name in numeric if _other_unit(name)]


def unit_advice(column: str) -> str:
    """Return in a sentence what to call a numeric column that says no unit, and what to convert."""
    if word := _other_unit(column):
        suffix, conversion = _OTHER_UNITS[word]
        stem = column[: -len(word)].rstrip("_") or "value"
        # Seconds since an epoch are no duration: they are whole nanoseconds.
        instant = f" (a moment: {stem}_ns, whole nanoseconds)" if suffix == "_s" else ""
        unit = UNITS[suffix]
        how = f"is in {unit} here: {conversion} and" if conversion else f"has {unit} as {suffix}:"
        return f"{column!r} {how} call it {stem + suffix!r}{instant}"
    for word in reversed(column.split("_")):
        if suffix := _DIMENSIONS.get(word, ""):
            return f"{column!r} says no unit: in {UNITS[suffix]} it is called {column + suffix!r}"
    return f"{column!r} says no unit: end its name with one of {', '.join(UNITS)}"


def without_unit(rows: type[MetricFrame]) -> list[str]:
    """Return the advice for every numeric column whose name says no unit, or one not used here."""
    asked = {*columns_without_unit(rows), *columns_of_other_units(rows)}
    return [unit_advice(name) for name in polars_schema(rows) if name in asked]


def _other_unit(column: str) -> str:
    found = _LAST_WORDS.search(column)
    # `rate_per_km` is in 1/km.
    if found is None or any(column.endswith(unit) for unit in UNITS if len(unit) > len(found[0])):
        return ""
    return found[1]


# The longest first: `speed_km_h` is no hours.
_LAST_WORDS = re.compile(rf"(?:^|_)({'|'.join(sorted(_OTHER_UNITS, key=len, reverse=True))})$")
