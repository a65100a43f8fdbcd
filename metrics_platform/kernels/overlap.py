"""Upright boxes in an image, as Polars expressions over rows that hold two of them.

The columns are those of `image_boxes`; those of the other box have the suffix `_other`.
"""

import polars as pl

OTHER = "_other"


def image_iou() -> pl.Expr:
    """Return the area that both boxes share, as a part of what they cover together.

    0 where they don't overlap, and where one of them has no area.

    Source: Jaccard (1912); as in Everingham et al. (2010), "The PASCAL Visual Object Classes".
    """
    shared = _shared()
    united = _area("") + _area(OTHER) - shared
    return pl.when(shared > 0).then(shared / united).otherwise(0.0)


def image_coverage() -> pl.Expr:
    """Return which part of the first box lies within the other; 0 where it has no area."""
    shared = _shared()
    return pl.when(shared > 0).then(shared / _area("")).otherwise(0.0)


def _shared() -> pl.Expr:
    return _common("left_px", "width_px") * _common("top_px", "height_px")


def _common(start: str, size: str) -> pl.Expr:
    own, other = pl.col(start), pl.col(start + OTHER)
    end = pl.min_horizontal(own + pl.col(size), other + pl.col(size + OTHER))
    return (end - pl.max_horizontal(own, other)).clip(lower_bound=0.0)


def _area(suffix: str) -> pl.Expr:
    return pl.col("width_px" + suffix) * pl.col("height_px" + suffix)
