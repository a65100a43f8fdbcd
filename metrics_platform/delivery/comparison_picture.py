"""A small picture of how two versions of a metric differ, to stand in a text."""

import base64
import io

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from metrics_platform.core.frames import unit

_INCHES = (7.2, 2.7)
_DPI = 100
_BINS = 24
# Of the bars, to the largest difference.
_LEAST_SPREAD = 0.2
_INK = "#222222"
_GREY = "#8a8a8a"
# Differences that are no more than the last bits.
_SAME = 1e-9
# A few shades are enough for lines and letters, and a third of the bytes.
_SHADES = 16


def comparison_picture(before: pl.DataFrame, after: pl.DataFrame, scalars: list[str]) -> str | None:
    """Return Markdown with the summary scalar that changed in most logs, before against after.

    Left, a mark per log: a cross where it changed, a dot where it did not. Right, how the
    differences are distributed. No colour is needed to tell them apart. About ten kB.
    Logs without two finite numbers are left out.

    Args:
        before: `log_id` and scalars of the older version, one row per log.
        after: Of the newer one.
        scalars: Numbers or flags that both have.

    Returns:
        None where no scalar has another value.
    """
    both = before.join(after, on="log_id", suffix=":now")
    drawn: tuple[int, str, npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None
    for name in scalars:
        pair = both.select(
            was=pl.col(name).cast(pl.Float64), now=pl.col(f"{name}:now").cast(pl.Float64)
        ).filter(pl.all_horizontal(pl.all().is_finite()))
        was, now = pair["was"].to_numpy(), pair["now"].to_numpy()
        count = int(_changed(was, now).sum())
        if count and (drawn is None or count > drawn[0]):
            drawn = count, name, was, now
    if drawn is None:
        return None
    count, name, was, now = drawn
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_pairs(left, was, now)
    _draw_differences(right, now - was, _changed(was, now))
    of = unit(name)
    label = f"{name} [{of}]" if of else name
    left.set(xlabel=f"{label}, before", ylabel="after")
    right.set(xlabel="after less before", ylabel="logs that changed")
    for axes in (left, right):
        axes.tick_params(labelsize=7)
        axes.xaxis.label.set_size(8)
        axes.yaxis.label.set_size(8)
        axes.spines[["top", "right"]].set_visible(False)
    encoded = base64.b64encode(_png(figure)).decode()
    return f"![{name}, before against after](data:image/png;base64,{encoded})"


def _changed(was: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return ~np.isclose(was, now, rtol=_SAME, atol=0.0)


def _draw_pairs(axes: Axes, was: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> None:
    changed = _changed(was, now)
    axes.axline((was[0], was[0]), slope=1, color=_GREY, linewidth=0.8, linestyle="--", zorder=1)
    axes.plot(was[~changed], now[~changed], ".", color=_GREY, markersize=4, label="equal")
    axes.plot(was[changed], now[changed], "x", color=_INK, markersize=5, label="changed")
    axes.legend(fontsize=7, frameon=False, handletextpad=0.2)


def _draw_differences(
    axes: Axes, differences: npt.NDArray[np.float64], changed: npt.NDArray[np.bool_]
) -> None:
    axes.axvline(0, color=_GREY, linewidth=0.8, linestyle="--")
    found = differences[changed]
    # Bars of one number each need some width, and numpy refuses to make none.
    least = _LEAST_SPREAD * np.abs(found).max()
    middle, half = (found.min() + found.max()) / 2, max(float(np.ptp(found)), float(least)) / 2
    span = (middle - half, middle + half)
    axes.hist(found, bins=_BINS, range=span, color="white", edgecolor=_INK, hatch="////")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    grey = Image.open(drawn).convert("L")
    png = io.BytesIO()
    grey.quantize(_SHADES).save(png, "PNG", optimize=True)
    return png.getvalue()
