"""KITTI's tracking labels: real ones, and lines that cannot be."""

import math
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import kitti_tracking, mot
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.image_boxes import kitti_logs

CONFIG = ReaderConfig()
CAR = "0 7 Car 1 2 -1.5 100.5 50 140.5 80 1.5 1.8 4.2 -3.0 1.6 20.0 -1.5707963267948966"
REGION = "3 -1 DontCare -1 -1 -10 1 2 30 40 -1000 -1000 -1000 -10 -1 -1 -1"


def log_of(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def boxes_of(folder: Path, **files: str) -> list[dict[str, object]]:
    contents = kitti_tracking.read(log_of(folder, **files), CONFIG)
    return contents.signals["image_boxes"].to_dicts()


def test_a_label(tmp_path: Path) -> None:
    (box,) = boxes_of(tmp_path, gt=CAR)
    assert box == {
        "tracked": True,
        "track_id": "7",
        "timestamp_ns": 0,
        "source": "annotation",
        "category": "Car",
        "ignored": False,
        "left_px": 100.5,
        "top_px": 50.0,
        "width_px": 40.0,
        "height_px": 30.0,
        "truncation_index": 1,
        "occlusion_index": 2,
        "score": None,
        # 20 m ahead, 3 m to the left, standing 1.6 m below the camera, looking where it looks.
        "x_m": 20.0,
        "y_m": 3.0,
        "z_m": pytest.approx(1.5 / 2 - 1.6),
        "heading_rad": pytest.approx(0.0),
        "length_m": 4.2,
        "width_m": 1.8,
        "height_m": 1.5,
    }


@pytest.mark.parametrize(
    ("rotation_y", "heading"),
    [
        pytest.param(0.0, -math.pi / 2, id="to_the_right"),
        pytest.param(-math.pi, math.pi / 2, id="to_the_left"),
        pytest.param(1.5, -1.5 - math.pi / 2, id="towards_the_camera"),
        pytest.param(2.0, 1.5 * math.pi - 2.0, id="across_pi"),
        pytest.param(-10.0, None, id="unknown"),
    ],
)
def test_headings(tmp_path: Path, rotation_y: float, heading: float | None) -> None:
    line = " ".join([*CAR.split()[:-1], str(rotation_y)])
    (box,) = boxes_of(tmp_path, gt=line)
    assert box["heading_rad"] == (heading if heading is None else pytest.approx(heading))


def test_a_region_has_no_identity_and_no_place(tmp_path: Path) -> None:
    region, again = boxes_of(tmp_path, gt=f"{REGION}\n{REGION}\n")
    assert (region["ignored"], region["tracked"], region["timestamp_ns"]) == (
        True,
        False,
        3 * 10**8,
    )
    assert (region["track_id"], again["track_id"]) == ("line 1", "line 2")
    unknown = (
        "truncation_index",
        "occlusion_index",
        "x_m",
        "y_m",
        "z_m",
        "heading_rad",
        "length_m",
    )
    assert [region[name] for name in unknown] == [None] * len(unknown)


def test_files_are_sources_and_scores_are_kept(tmp_path: Path) -> None:
    boxes = boxes_of(tmp_path, ground_truth=CAR, mine=f"{CAR} 0.25 \n\n", yours=CAR)
    assert [(box["source"], box["score"]) for box in boxes] == [
        ("annotation", None),
        ("mine", 0.25),
        ("yours", None),
    ]


def test_a_box_that_ends_before_it_begins_is_empty(tmp_path: Path) -> None:
    # Cut off at the edge of the image, which it lies beyond.
    folder = log_of(tmp_path, mine=CAR.replace("140.5", "99.0"))
    contents = kitti_tracking.read(folder, CONFIG)
    assert contents.signals["image_boxes"]["width_px"].to_list() == [0.0]
    assert contents.notes == ("1 boxes end before they begin, and are taken for empty",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(
            "1 2 Car 0 0", r"mine.txt, line 2: expected 17 to 18 fields, got '1 2", id="short"
        ),
        pytest.param(f"{CAR} 1 2", "expected 17 to 18 fields", id="long"),
        pytest.param(CAR.replace("50", "fifty"), "expected a number as top", id="word"),
        pytest.param(f"-{CAR}x", "expected a number as rotation_y", id="no_number"),
        pytest.param(CAR.replace("0 7", "0.5 7", 1), "a whole frame", id="half_a_frame"),
        pytest.param(CAR.replace("0 7", "-1 7", 1), "a whole frame", id="before_the_first"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    folder = log_of(tmp_path, gt=CAR, mine=f"{CAR}\n{line}\n")
    with pytest.raises(UnreadableLogError, match=message):
        kitti_tracking.read(folder, CONFIG)


def test_two_annotations_are_one_too_many(tmp_path: Path) -> None:
    folder = log_of(tmp_path, gt=CAR, ground_truth=CAR)
    with pytest.raises(UnreadableLogError, match=r"both the source 'annotation'"):
        kitti_tracking.read(folder, CONFIG)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    folder = log_of(tmp_path, gt=CAR)
    (folder / "mine.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableLogError, match=r"mine.txt is not text"):
        kitti_tracking.read(folder, CONFIG)


@pytest.mark.parametrize(
    ("text", "kitti", "of_mot"),
    [
        pytest.param(CAR, True, False, id="kitti"),
        pytest.param(f"\n{REGION}\n", True, False, id="kitti_after_an_empty_line"),
        pytest.param("1,2,3,4,5,6,1,-1,-1,-1", False, True, id="mot"),
        pytest.param("1.5 2 3 4 5 6 7 8", False, False, id="a_trajectory"),
        pytest.param("Read me first.", False, False, id="prose"),
        pytest.param("", False, False, id="empty"),
    ],
)
def test_it_is_recognised_by_what_is_in_it(
    tmp_path: Path, text: str, kitti: bool, of_mot: bool
) -> None:
    folder = log_of(tmp_path, anything=text)
    assert (kitti_tracking.recognises(folder), mot.recognises(folder)) == (kitti, of_mot)
    file = folder / "anything.txt"
    assert (kitti_tracking.recognises(file), mot.recognises(file)) == (False, False)


def test_the_real_sequences(tmp_path: Path) -> None:
    batch = read_logs(kitti_logs(tmp_path), CONFIG)
    assert not batch.failures
    boxes = batch.signals["image_boxes"].rows
    lines = {
        source: sum(
            len(file.read_text().splitlines())
            for file in data_path("kitti_tracking", folder).glob("*.txt")
        )
        for source, folder in (("annotation", "ground_truth"), ("ciwt", "ciwt"))
    }
    assert dict(boxes.group_by("source").len().rows()) == lines
    assert set(batch.signals["recordings"].rows["format"]) == {"kitti_tracking"}
    tracks = batch.signals["tracks"].outcomes["0002"]
    assert tracks.status is Status.ABSTAINED
    assert "axes of the camera" in (tracks.reason or "")
    cars = boxes.filter(category="Car", source="annotation")
    assert cars["length_m"].median() == pytest.approx(3.9, abs=0.3)
    # Cars stand on the road, 1.65 m below the camera.
    assert (cars["z_m"] - cars["height_m"] / 2).median() == pytest.approx(-1.65, abs=0.4)
    region = boxes.filter(pl.col("category") == "DontCare")
    assert region["ignored"].all()
    assert not region["tracked"].any()
