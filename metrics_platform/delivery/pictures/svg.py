"""Pieces of a vector picture, as text; y goes down in it, so it is turned over here."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from metrics_platform.delivery.pictures.scene import Floats

# Digits after the point: a centimetre in the plan, a tenth of a pixel in charts.
_DIGITS = 2


def tag(name: str, content: str = "", /, **attributes: object) -> str:
    """Return an element; `_` in names of attributes is written as `-`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def text(content: object, x: float, y: float, **attributes: object) -> str:
    """Return a piece of writing."""
    return tag("text", escape(str(content)), x=x, y=y, **attributes)


def number(value: object) -> str:
    """Return a value as short as it may be."""
    if isinstance(value, float):
        return f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
    return str(value)


def path(points: Floats, **attributes: object) -> str:
    """Return a line through points of shape (n, 2); it breaks where one isn't finite."""
    parts, pen = [], "M"
    for x, y in points:
        if np.isfinite(x) and np.isfinite(y):
            parts.append(f"{pen}{number(float(x))} {number(float(-y))}")
            pen = "L"
        else:
            pen = "M"
    return tag("path", d="".join(parts), fill="none", **attributes) if parts else ""


def polygon(points: Floats, **attributes: object) -> str:
    """Return an area with corners of shape (n, 2)."""
    corners = " ".join(f"{number(float(x))},{number(float(-y))}" for x, y in points)
    return tag("polygon", points=corners, **attributes)


def mark(shape: str, x: float, y: float, radius: float = 4.0, **attributes: object) -> str:
    """Return a mark as matplotlib names it: `o`, `s`, `^` or `D`; here y goes down."""
    r = radius
    outlines: dict[str, Sequence[tuple[float, float]]] = {
        "s": ((-r, -r), (r, -r), (r, r), (-r, r)),
        "^": ((0, -1.2 * r), (1.1 * r, 0.9 * r), (-1.1 * r, 0.9 * r)),
        "D": ((0, -1.3 * r), (1.3 * r, 0), (0, 1.3 * r), (-1.3 * r, 0)),
    }
    if shape not in outlines:
        return tag("circle", cx=x, cy=y, r=r, **attributes)
    corners = " ".join(f"{number(x + dx)},{number(y + dy)}" for dx, dy in outlines[shape])
    return tag("polygon", points=corners, **attributes)


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of texts."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
