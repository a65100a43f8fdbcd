"""How far a detection is off the object that it found, as expressions of Polars.

Columns of the object have the prefix `true_`.
"""

import math

import polars as pl

from metrics_platform.kernels.detection_rules import DetectionRules
from metrics_platform.kernels.geometry import wrapped

CENTRE = ("x_m", "y_m", "z_m")


def distance_m(rules: DetectionRules) -> pl.Expr:
    """Return the distance of the centres."""
    squares = [(pl.col(axis) - pl.col(f"true_{axis}")) ** 2 for axis in CENTRE[: rules.dimensions]]
    return sum(squares[1:], squares[0]).sqrt()


def length(x: str, y: str, less: str | None = None) -> pl.Expr:
    """Return the length of a vector, or of its difference from that of the prefix `less`."""
    dx, dy = (pl.col(x), pl.col(y))
    if less is not None:
        dx, dy = dx - pl.col(f"{less}{x}"), dy - pl.col(f"{less}{y}")
    return (dx * dx + dy * dy).sqrt()


def scale_error_ratio(rules: DetectionRules) -> pl.Expr:
    """Return 1 less the IoU of both with one centre and heading; 1 if neither has a volume."""
    sizes = [(pl.col(name), pl.col(f"true_{name}")) for name in ("length_m", "width_m", "height_m")]

    def product(factors: list[pl.Expr]) -> pl.Expr:
        return factors[0] * factors[1] * factors[2]

    common = product([pl.min_horizontal(pair) for pair in sizes])
    if rules.union_of_extremes:
        union = product([pl.max_horizontal(pair) for pair in sizes])
    else:
        union = product([own for own, _ in sizes]) + product([true for _, true in sizes]) - common
    return pl.when(union > 0).then((1 - common / union).clip(0, 1)).otherwise(1.0)


def heading_error_rad(rules: DetectionRules) -> pl.Expr:
    """Return the angle between both headings, of half a turn at most."""
    difference = pl.col("heading_rad") - pl.col("true_heading_rad")
    whole = wrapped(difference).abs()
    half = pl.min_horizontal(whole, math.pi - whole)
    return pl.when(pl.col("class_name").is_in(list(rules.half_turn))).then(half).otherwise(whole)
