"""KITTI's rules of 2017, written out object by object: slow, and with shapely's areas.

After evaluate_object.cpp of the object development kit: cleanData, computeStatistics,
getThresholds, eval_class.
"""

import math
from collections.abc import Iterable
from typing import Any

from shapely import Polygon

Box = dict[str, Any]
MIN_HEIGHT = {"easy": 40, "moderate": 25, "hard": 25}
MAX_OCCLUSION = {"easy": 0, "moderate": 1, "hard": 2}
MAX_TRUNCATION = {"easy": 0.15, "moderate": 0.3, "hard": 0.5}
MIN_OVERLAP = {"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5}
_PLACE = ("x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m")
NEIGHBOUR = {"car": "van", "pedestrian": "person_sitting", "cyclist": ""}


def average_precisions(
    frames: Iterable[tuple[list[Box], list[Box]]], class_name: str, view: str, difficulty: str
) -> tuple[float, float]:
    """Return AP at 40 and at 11 recalls of frames of (objects, detections)."""
    prepared = []
    wanted = 0
    for objects, detections in frames:
        ignored_gt = [_object(box, class_name, difficulty) for box in objects]
        ignored_det = [_detection(box, class_name, difficulty) for box in detections]
        overlaps = [
            [
                0.0 if gt == -1 or det == -1 else _overlap(own, other, view)
                for gt, own in zip(ignored_gt, objects, strict=True)
            ]
            for det, other in zip(ignored_det, detections, strict=True)
        ]
        scores = [box["score"] for box in detections]
        wanted += ignored_gt.count(0)
        prepared.append((ignored_gt, ignored_det, overlaps, scores))
    minimum = MIN_OVERLAP[class_name]
    found = [s for frame in prepared for s in _statistics(*frame, minimum, None)[2]]
    precision = [0.0] * 41
    for i, threshold in enumerate(_thresholds(found, wanted)):
        counts = [_statistics(*frame, minimum, threshold) for frame in prepared]
        tp, fp = sum(c[0] for c in counts), sum(c[1] for c in counts)
        precision[i] = tp / (tp + fp)
    precision = [max(precision[i:]) for i in range(41)]
    return sum(precision[1:]) / 40, sum(precision[::4]) / 11


def _object(box: Box, class_name: str, difficulty: str) -> int:
    name = box["category"].lower()
    hard = (
        (box["occlusion_index"] or 0) > MAX_OCCLUSION[difficulty]
        or (box["truncation_index"] or 0) > MAX_TRUNCATION[difficulty]
        or box["height_px"] < MIN_HEIGHT[difficulty]
    )
    if name == class_name and not hard:
        return 0
    return 1 if name in (class_name, NEIGHBOUR[class_name]) else -1


def _detection(box: Box, class_name: str, difficulty: str) -> int:
    if box["height_px"] < MIN_HEIGHT[difficulty]:
        return 1
    return 0 if box["category"].lower() == class_name else -1


def _statistics(
    ignored_gt: list[int],
    ignored_det: list[int],
    overlaps: list[list[float]],
    scores: list[float],
    minimum: float,
    threshold: float | None,
) -> tuple[int, int, list[float]]:
    """Return TP, FP and the scores of TP; without a threshold as recalls are looked for."""
    assigned = [False] * len(scores)
    tp = 0
    found = []
    for i, ignored in enumerate(ignored_gt):
        if ignored == -1:
            continue
        index, best, chose_ignored = -1, -math.inf if threshold is None else 0.0, False
        for j, score in enumerate(scores):
            if ignored_det[j] == -1 or assigned[j]:
                continue
            if threshold is not None and score < threshold:
                continue
            overlap = overlaps[j][i]
            if overlap <= minimum:
                continue
            if threshold is None:
                if score > best:
                    index, best = j, score
            elif ignored_det[j] == 0 and (overlap > best or chose_ignored):
                index, best, chose_ignored = j, overlap, False
            elif ignored_det[j] == 1 and index == -1:
                index, chose_ignored = j, True
        if index == -1:
            continue
        assigned[index] = True
        if ignored == 0 and ignored_det[index] == 0:
            tp += 1
            found.append(scores[index])
    fp = sum(
        not assigned[j] and ignored_det[j] == 0 and (threshold is None or scores[j] >= threshold)
        for j in range(len(scores))
    )
    return tp, fp, found


def _thresholds(found: list[float], wanted: int) -> list[float]:
    found = sorted(found, reverse=True)
    recall = 0.0
    chosen = []
    for i, score in enumerate(found):
        left = (i + 1) / wanted
        right = (i + 2) / wanted if i < len(found) - 1 else left
        if right - recall < recall - left and i < len(found) - 1:
            continue
        chosen.append(score)
        recall += 1 / 40
    return chosen


def _overlap(own: Box, other: Box, view: str) -> float:
    if any(box[name] is None for box in (own, other) for name in _PLACE):
        return 0.0
    reach = sum(math.hypot(box["length_m"], box["width_m"]) / 2 for box in (own, other))
    if math.dist((own["x_m"], own["y_m"]), (other["x_m"], other["y_m"])) > reach:
        return 0.0
    shapes = [_ground(own), _ground(other)]
    shared = shapes[0].intersection(shapes[1]).area
    sizes = [shape.area for shape in shapes]
    if view == "space":
        top = min(box["z_m"] + box["height_m"] / 2 for box in (own, other))
        bottom = max(box["z_m"] - box["height_m"] / 2 for box in (own, other))
        shared *= max(0.0, top - bottom)
        sizes = [size * box["height_m"] for size, box in zip(sizes, (own, other), strict=True)]
    return float(shared / (sum(sizes) - shared))


def _ground(box: Box) -> Polygon:
    cos, sin = math.cos(box["heading_rad"]) / 2, math.sin(box["heading_rad"]) / 2
    length, width = box["length_m"], box["width_m"]
    corners = [(length, width), (-length, width), (-length, -width), (length, -width)]
    return Polygon(
        [(box["x_m"] + a * cos - b * sin, box["y_m"] + a * sin + b * cos) for a, b in corners]
    )
