"""CommonRoad scenarios as frames: an XML file, and which of its cars is the ego."""

import math
import xml.etree.ElementTree as ElementTree

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.tracks import Tracks
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import ego_states_of


def scenario_at_start(name: str, ego: int) -> dict[str, pl.DataFrame]:
    """Return the ego's state and the other obstacles at the first moment."""
    root = ElementTree.parse(data_path("commonroad", f"{name}.xml")).getroot()
    obstacles = [node for node in root if node.tag in ("dynamicObstacle", "staticObstacle")]
    states = {int(node.attrib["id"]): _state(node) for node in obstacles}
    own = states.pop(ego)
    return {
        "ego_states": ego_states_of(
            1,
            x_m=own["x_m"],
            y_m=own["y_m"],
            heading_rad=own["heading_rad"],
            longitudinal_velocity_mps=own["speed"],
            speed_mps=own["speed"],
            ego_length_m=own["length_m"],
            ego_width_m=own["width_m"],
        ),
        "tracks": pl.DataFrame([_track(*item) for item in states.items()], polars_schema(Tracks)),
    }


def _number(node: ElementTree.Element, path: str) -> float:
    found = node.find(path)
    assert found is not None
    assert found.text is not None
    return float(found.text)


def _state(node: ElementTree.Element) -> dict[str, float]:
    return {
        "x_m": _number(node, "initialState/position/point/x"),
        "y_m": _number(node, "initialState/position/point/y"),
        "heading_rad": _number(node, "initialState/orientation/exact"),
        "speed": _number(node, "initialState/velocity/exact"),
        "length_m": _number(node, "shape/rectangle/length"),
        "width_m": _number(node, "shape/rectangle/width"),
    }


def _track(obstacle: int, state: dict[str, float]) -> dict[str, object]:
    speed, heading = state["speed"], state["heading_rad"]
    return {
        "log_id": "log",
        "timestamp_ns": 0,
        "source": "simulation",
        "track_id": str(obstacle),
        "category": "car",
        "z_m": 0.0,
        "height_m": 1.5,
        "velocity_x_mps": speed * math.cos(heading),
        "velocity_y_mps": speed * math.sin(heading),
        **{name: value for name, value in state.items() if name != "speed"},
    }
