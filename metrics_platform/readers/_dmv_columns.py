"""What the columns of California's reports are called: years differ in blanks and line breaks."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

MILEAGE, DISENGAGEMENTS = "mileage", "disengagements"
OPERATOR, PERMIT, VEHICLE = "operator", "permit", "vehicle"
COUNT, TOTAL = "count", "total"
DATE, INITIATOR, PLACE, CAUSE = "date", "initiator", "place", "cause"

# How the name of a column begins, once its blanks are single and its letters small.
_NAMES = {
    "manufacturer": OPERATOR,
    "permit number": PERMIT,
    "vin number": VEHICLE,
    "annual total of disengagements": COUNT,
    "annual total": TOTAL,
    "date": DATE,
    "disengagement initiated by": INITIATOR,
    "disengagement location": PLACE,
    "description of facts": CAUSE,
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# DEC 2023, July 2024, Dec-23
_MONTH = re.compile(rf"({'|'.join(_MONTHS)})[a-z]*[ .'-]*(?:20)?(\d\d)")


def columns_of(header: Sequence[str]) -> list[str]:
    """Return our name of each column: of a month, `2024-07`; empty where we don't need it."""
    names: list[str] = []
    for cell in header:
        plain = " ".join(cell.split()).lower()
        month = _MONTH.fullmatch(plain)
        name = next((ours for theirs, ours in _NAMES.items() if plain.startswith(theirs)), "")
        if month:
            name = f"20{month[2]}-{_MONTHS.index(month[1]) + 1:02}"
        # The first counts where one comes twice.
        names.append("" if name in names else name)
    return names


def months_of(columns: Sequence[str]) -> list[str]:
    """Return those of our names that are months, in order."""
    return sorted(name for name in columns if name[:1] == "2")


def kind_of(header: Sequence[str]) -> str | None:
    """Say which report has such a header: of mileage, of disengagements or none."""
    names = columns_of(header)
    if PERMIT in names and months_of(names):
        return MILEAGE
    if {PERMIT, INITIATOR, CAUSE} <= set(names):
        return DISENGAGEMENTS
    return None


def edges_ns(month: str) -> tuple[int, int]:
    """Return the first moment of a month and that of the next, in UTC."""
    year, number = int(month[:4]), int(month[5:])
    edges = (datetime(year, number, 1, tzinfo=UTC),
             datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC))  # fmt: skip
    first, after = (round(edge.timestamp()) * 1_000_000_000 for edge in edges)
    return first, after
