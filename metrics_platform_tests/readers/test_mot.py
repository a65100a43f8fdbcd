"""MOTChallenge text: a real sequence, the layouts of the benchmarks, and lines that cannot be."""

from pathlib import Path

import pytest

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import mot
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
LINE = "3,7,101,51,40,80,1,-1,-1,-1"


def boxes_of(folder: Path) -> list[dict[str, object]]:
    return mot.read(folder, CONFIG).signals["image_boxes"].to_dicts()


def test_a_line(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(LINE)
    (box,) = boxes_of(tmp_path)
    assert box == {
        "tracked": True,
        "track_id": "7",
        # The third image at the nominal 25 a second.
        "timestamp_ns": 80_000_000,
        "source": "annotation",
        "category": "pedestrian",
        "ignored": False,
        # The first pixel is 1 in the text.
        "left_px": 100.0,
        "top_px": 50.0,
        "width_px": 40.0,
        "height_px": 80.0,
        "occlusion_ratio": None,
        "score": None,
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("1,2,0,0,9,9,0,1,0.25", ("pedestrian", True, 0.75), id="flagged"),
        pytest.param("1,2,0,0,9,9,1,7,1", ("static_person", False, 0.0), id="of_another_class"),
        pytest.param("1,2,0,0,9,9,1,4.5,6,0", ("pedestrian", False, None), id="place_in_the_world"),
        pytest.param("1,2,0,0,9,9", ("pedestrian", False, None), id="shortest"),
    ],
)
def test_annotations(tmp_path: Path, line: str, expected: tuple[object, ...]) -> None:
    (tmp_path / "gt.txt").write_text(line)
    (box,) = boxes_of(tmp_path)
    assert (box["category"], box["ignored"], box["occlusion_ratio"]) == expected


def test_detections_have_scores_and_no_identity(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,0,0,9,9,0.5,-1,-1,-1\n\n1,-1,5,5,9,9,-1,-1,-1,-1\n")
    first, second = boxes_of(tmp_path)
    assert (first["tracked"], first["track_id"], first["score"]) == (False, "line 1", 0.5)
    assert (second["track_id"], second["score"], second["source"]) == ("line 3", None, "det")


def test_the_layout_of_the_benchmark(tmp_path: Path) -> None:
    for name in ("gt", "det"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text("3, 1, 1, 1, 9, 9, 1\n")
    (tmp_path / "mine.txt").write_text("3,1,1,1,9,9,0,-1,-1,-1,\n".replace(",\n", "\n"))
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-02\nframeRate=30\n")
    boxes = boxes_of(tmp_path)
    assert [box["source"] for box in boxes] == ["annotation", "det", "mine"]
    assert {box["timestamp_ns"] for box in boxes} == {66_666_667}
    # A tracker may be sure of nothing; only an annotation is flagged.
    assert [box["ignored"] for box in boxes] == [False, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "frameRate", id="empty"),
        pytest.param("[Sequence]\nframeRate=fast\n", "frameRate", id="word"),
        pytest.param("[Sequence]\nframeRate=0\n", "above 0, got 0", id="zero"),
    ],
)
def test_a_rate_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gt.txt").write_text(LINE)
    (tmp_path / "seqinfo.ini").write_text(text)
    with pytest.raises(UnreadableLogError, match=message):
        mot.read(tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("1,2,3", r"gt.txt, line 2: expected 6 to 10 fields, got '1,2,3'", id="short"),
        pytest.param("1,2,x,4,5,6", "expected a number as left", id="word"),
        pytest.param("0,2,3,4,5,6", "whole frame from 1", id="frame_0"),
        pytest.param("1,2.5,3,4,5,6", "whole id", id="half_an_id"),
        pytest.param("1,2,3,4,-5,6", "width and height of 0 or more", id="negative_width"),
        pytest.param("1,2,3,4,5,6,1,14,1", "class of 1 to 13", id="unknown_class"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "gt.txt").write_text(f"{LINE}\n{line}\n")
    with pytest.raises(UnreadableLogError, match=message):
        mot.read(tmp_path, CONFIG)


def test_the_real_sequence() -> None:
    batch = read_logs({"TUD": data_path("mot15", "TUD-Campus")}, CONFIG)
    assert not batch.failures
    boxes = batch.signals["image_boxes"].rows
    assert dict(boxes.group_by("source").len().rows()) == {"annotation": 359, "test": 222}
    (row,) = batch.signals["recordings"].rows.to_dicts()
    assert row["format"] == "mot"
    assert row["has_ego"] is False
    assert row["duration_s"] == pytest.approx(70 / 25)
    assert row["notes"] == "no seqinfo.ini: times are those of 25 images a second"
