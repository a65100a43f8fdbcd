"""How large SUMO's vehicles are: what the route files say, else SUMO's defaults."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from metrics_platform.readers._sumo_xml import Attributes, number, walk


@dataclass(frozen=True)
class Size:
    """Length, width and height of a vehicle in metres."""

    length_m: float
    width_m: float
    height_m: float


# Of a passenger car, and of whatever class has no size of its own.
DEFAULT = Size(5.0, 1.8, 1.5)

# By vClass: "Vehicle Type Parameter Defaults" of SUMO's documentation, first line of each.
_BY_CLASS: Mapping[str, Size] = {
    "pedestrian": Size(0.215, 0.478, 1.719),
    "bicycle": Size(1.6, 0.65, 1.7),
    "moped": Size(2.1, 0.8, 1.7),
    "motorcycle": Size(2.2, 0.9, 1.5),
    "truck": Size(7.1, 2.4, 2.4),
    "trailer": Size(16.5, 2.55, 4.0),
    "bus": Size(12.0, 2.5, 3.4),
    "coach": Size(14.0, 2.6, 4.0),
    "delivery": Size(6.5, 2.16, 2.86),
    "emergency": Size(6.5, 2.16, 2.86),
    "tram": Size(22.0, 2.4, 3.2),
    "rail_urban": Size(109.5, 3.0, 3.6),
    "rail": Size(135.0, 2.84, 3.75),
    "rail_electric": Size(200.0, 2.95, 3.89),
    "rail_fast": Size(200.0, 2.95, 3.89),
    "ship": Size(17.0, 4.0, 4.0),
}

# The types that exist without being declared.
_BUILT_IN: Mapping[str, str] = {
    "DEFAULT_VEHTYPE": "passenger",
    "DEFAULT_TAXITYPE": "taxi",
    "DEFAULT_PEDTYPE": "pedestrian",
    "DEFAULT_BIKETYPE": "bicycle",
    "DEFAULT_RAILTYPE": "rail",
}


def declared_sizes(files: Iterable[Path]) -> dict[str, Size]:
    """Return the size of every vehicle type, by its id: SUMO's own and those in route files.

    Raises:
        UnreadableLogError: A file is damaged.
    """
    sizes = {name: _BY_CLASS.get(kind, DEFAULT) for name, kind in _BUILT_IN.items()}

    def start(name: str, given: Attributes) -> None:
        if name == "vType" and "id" in given:
            usual = _BY_CLASS.get(given.get("vClass", "passenger"), DEFAULT)
            sizes[given["id"]] = Size(
                *(
                    number(given, key, file.name) if key in given else getattr(usual, f"{key}_m")
                    for key in ("length", "width", "height")
                )
            )

    for file in files:
        walk(file, start)
    return sizes
