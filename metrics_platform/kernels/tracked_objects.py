"""Which boxes of `tracks` are compared, after the rules of nuScenes."""

import numpy as np
import polars as pl

from metrics_platform.kernels.assignment import Floats, Integers
from metrics_platform.kernels.clear_mot import CONVENTIONS
from metrics_platform.kernels.tracked_boxes import (
    PER_UNIT,
    Side,
    Tracked,
    between,
    box_columns,
    compared,
    equal,
    in_units,
    numbered,
    units_of,
)
from metrics_platform.kernels.tracking import EPSILON, Pairs

# nuscenes-devkit counts with motmetrics.
CONVENTION = CONVENTIONS["motmetrics_1"]
# Whatever an object is called.
ALL = "all"
# An object as far away as this is as unlike as can be: TrackEval's rule that half of it matches.
REACH = 2.0


def tracked_objects(
    tracks: pl.DataFrame, max_distance_m: float, *, both: bool = True, by_category: bool = True
) -> Tracked:
    """Return what is compared: each source of a log with its annotation.

    Whatever a box is called, with the category `all`; and by category, as both sides name it.
    Similarity is 1 - distance / (2 · `max_distance_m`), so 0.5 is at that distance.

    Args:
        tracks: Rows of the signal.
        max_distance_m: Centres farther apart than this, in the plane, are never the same object.
        both: Whether only moments count at which both sides have a box of any category.
        by_category: Otherwise only `all`.
    """
    known = numbered(tracks)
    category, names = known.category, [*known.categories]
    if ALL not in names:
        names.append(ALL)
    every = names.index(ALL)

    def in_both(rows: Integers, source: Integers) -> tuple[Integers, Integers]:
        """Put boxes into the unit of all, and into that of what they are called."""
        own = np.flatnonzero((category[rows] != every) & by_category)
        unit = np.concatenate([np.full(len(rows), every), category[rows[own]]])
        unit += np.concatenate([source, source[own]]) * len(names)
        return np.concatenate([rows, rows[own]]), unit

    boxes, objects = np.flatnonzero(~known.annotated), np.flatnonzero(known.annotated)
    annotated = (known.image if both else known.log)[objects]
    boxes = boxes[np.isin((known.image if both else known.log)[boxes], annotated)]
    judged = np.unique(known.of_source(boxes))
    at, source = equal(known.log[objects], judged // max(len(known.sources), 1))
    objects, object_unit = in_both(objects[at], source)
    boxes, box_unit = in_both(boxes, np.searchsorted(judged, known.of_source(boxes)))
    units = np.unique(np.concatenate([object_unit, box_unit]))
    if both:
        seen = np.isin(
            object_unit // len(names) * PER_UNIT + known.image[objects],
            box_unit // len(names) * PER_UNIT + known.image[boxes],
        )
        objects, object_unit = objects[seen], object_unit[seen]
    truth = in_units(known, objects, np.searchsorted(units, object_unit))
    found = in_units(known, boxes, np.searchsorted(units, box_unit))
    in_source = judged[units // len(names)] * len(names) + units % len(names)
    pairs = _pairs(truth, found, box_columns(tracks, ("x_m", "y_m")), max_distance_m)
    return compared(units_of(known, in_source, names), truth, found, pairs)


def _pairs(truth: Side, found: Side, places: Floats, max_distance_m: float) -> Pairs:
    """Return the boxes of an image that are nearer than the reach.

    Looked for in columns of that width along x, so that a crowded scene is not compared with
    itself.
    """
    reach_m = REACH * max_distance_m
    frames, image = np.unique(found.frame, return_inverse=True)
    columns = np.floor(places[0] / reach_m).astype(np.int64)
    columns -= columns.min(initial=0) - 1
    width = columns.max(initial=0) + 2
    cells = image * width + columns[found.row]
    order = np.argsort(cells, kind="stable")
    common = np.flatnonzero(np.isin(truth.frame, frames))
    cell = np.searchsorted(frames, truth.frame[common]) * width + columns[truth.row[common]]
    at, other = between(cell - 1, cell + 1, cells[order])
    objects, others = common[at], order[other]
    x_m, y_m = places[:, truth.row[objects]] - places[:, found.row[others]]
    distance_m = np.sqrt(x_m * x_m + y_m * y_m)
    alike = np.flatnonzero(1 - distance_m / reach_m > EPSILON)
    alike = alike[np.lexsort((others[alike], objects[alike]))]
    near = distance_m[alike] < max_distance_m
    return Pairs(
        truth=objects[alike],
        found=others[alike],
        similarity=1 - distance_m[alike] / reach_m,
        can_match=near,
        can_identify=near,
    )
