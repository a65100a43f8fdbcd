"""A plot of a summary that is small enough to be kept with every materialization."""

import base64
import io

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

_BINS = 24
_BAR_PX = 7
_HEIGHT_PX = 48
_SCALARS_SHOWN = 2
_SAME_RATIO = 1e-9


def summary_plot(summary: pl.DataFrame) -> str | None:
    """Return Markdown with a histogram over logs for the first scalars of `summary`.

    A few hundred bytes each: Dagster stores the metadata of a ranged run once for every log in it.
    None where there is nothing to plot.
    """
    numeric = [name for name, dtype in summary.schema.items() if dtype.is_numeric()]
    parts = [
        _histogram(name, values)
        for name in numeric[:_SCALARS_SHOWN]
        if len(values := summary[name].cast(pl.Float64).filter(_finite(summary[name])))
    ]
    return "\n\n".join(parts) or None


def _finite(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64).is_finite().fill_null(value=False)


def _histogram(name: str, values: pl.Series) -> str:
    numbers = values.to_numpy()
    if len(numbers) == 1:
        return f"**{name}** {numbers[0]:.4g}"
    scaled = numbers / (np.abs(numbers).max() or 1.0)
    if np.ptp(scaled) <= _SAME_RATIO:
        # Bars within the last bits of a number would tell nothing, and numpy refuses to draw them.
        return f"**{name}** over {len(numbers)} logs: {numbers[0]:.4g}"
    spread = f"{numbers.min():.4g} … {np.median(numbers):.4g} … {numbers.max():.4g}"
    counts, _ = np.histogram(scaled, bins=_BINS)
    image = Image.new("1", (_BINS * _BAR_PX, _HEIGHT_PX), 1)
    draw = ImageDraw.Draw(image)
    for at, count in enumerate(counts):
        if count:
            top = round((_HEIGHT_PX - 2) * (1 - count / counts.max()))
            draw.rectangle((at * _BAR_PX, top, (at + 1) * _BAR_PX - 2, _HEIGHT_PX - 1), fill=0)
    png = io.BytesIO()
    image.save(png, "PNG", optimize=True)
    encoded = base64.b64encode(png.getvalue()).decode()
    picture = f"![least … median … greatest](data:image/png;base64,{encoded})"
    return f"**{name}** over {len(numbers)} logs: {spread}\n\n{picture}"
