"""CommonRoad scenarios: one XML file with traffic and the lanelets that it drives on.

Source: Althoff, Koschi & Manzinger (2017), "CommonRoad: Composable benchmarks for motion planning
on roads"; elements after its XML format, versions 2018b and 2020a.
"""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._commonroad_map import exact, map_signals
from metrics_platform.readers._commonroad_obstacles import tracks
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata

_HEAD_BYTES = 4096
_ROOT = re.compile(rb"<commonRoad[\s>]")
# What stands beside the obstacles and is no road user, or has no exact place.
_NOT_READ = {
    "environmentObstacle": "environment obstacles (buildings and the like)",
    "phantomObstacle": "phantom obstacles",
    "planningProblem": "planning problems",
}


def recognises(path: Path) -> bool:
    """Say whether `path` is an XML file whose root is a CommonRoad scenario."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" and bool(_ROOT.search(head))


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return all obstacles as tracks, and the lanelets; nobody is the ego.

    Time 0 is the scenario's step 0. An obstacle's box is its rectangle, at the place and angle that
    this has in the obstacle's own axes; a circle, a polygon or several shapes get the least box
    along these axes. Static obstacles stand there at every step. Everything is in the plane: z and
    heights are 0. Only exact states are read: where position, orientation or time are regions or
    intervals, the state is left out, and a note says how many; an interval of velocity or
    acceleration is none.

    Raises:
        UnreadableLogError: It is no well-formed XML, or has no usable step size.
    """
    try:
        scenario = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise UnreadableLogError(f"{path.name} is not well-formed XML: {error}") from error
    step_s = exact(scenario.attrib.get("timeStepSize"))
    if step_s is None or step_s <= 0:
        raise UnreadableLogError(
            f"{path.name}: timeStepSize must be a time in seconds, "
            f"got {scenario.attrib.get('timeStepSize')!r}"
        )
    notes = [
        f"{what} are not read: {len(found)} of them"
        for tag, what in _NOT_READ.items()
        if (found := scenario.findall(tag))
    ]
    rows, unread = tracks(scenario, step_s)
    return LogContents(
        signals={"tracks": rows, **map_signals(scenario)},
        missing={
            "ego_poses": "a CommonRoad scenario is one of traffic: `ego_track_id` in its log.json "
            "makes one of its road users the ego",
            "vehicle_speeds": "a CommonRoad scenario has no speed from the wheels",
        },
        metadata=_metadata(scenario),
        has_ego=False,
        notes=(*notes, *unread),
    )


def _metadata(scenario: Element) -> LogMetadata:
    tags = [node.tag for node in scenario.iterfind("scenarioTags/*")]
    # DEU_Gar-1_1_T-1: country, place, and which scenario there.
    place = scenario.attrib.get("benchmarkID", "").removeprefix("C-").partition("-")[0]
    return LogMetadata(
        place=place or None, tags=tuple(tags or scenario.attrib.get("tags", "").split())
    )
