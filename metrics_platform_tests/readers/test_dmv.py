"""California's reports, the real one of 2024 and small ones with everything wrong with them."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import dmv
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents
from metrics_platform.readers.formats import formats
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform.signals.reported_distances import MILE_M
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
MILEAGE = (
    "Manufacturer,Permit Number,VIN NUMBER,Annual Total of Disengagements,DEC 2023,JAN 2024,"
    "ANNUAL TOTAL,,\n"
)
EVENTS = (
    'Manufacturer,Permit Number,DATE,VIN NUMBER,"DRIVER PRESENT\n(Yes or No)",'
    '"DISENGAGEMENT INITIATED BY\n(AV System, Test Driver)","DISENGAGEMENT\nLOCATION\n(Street)",'
    "DESCRIPTION OF FACTS CAUSING DISENGAGEMENT\n"
)


@pytest.fixture(scope="session")
def of_2024() -> ReadBatch:
    return read_logs({"2024": data_path("dmv")}, CONFIG)


def day_ns(year: int, month: int, day: int) -> int:
    return round(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000_000


def report(folder: Path, *rows: str, events: tuple[str, ...] | None = ()) -> LogContents:
    (folder / "a.csv").write_text(MILEAGE + "\n".join(rows))
    if events is not None:
        (folder / "b.csv").write_text(EVENTS + "\n".join(events))
    assert dmv.recognises(folder)
    return dmv.read(folder, CONFIG)


def test_the_report_of_2024(of_2024: ReadBatch) -> None:
    assert not of_2024.failures
    distances = of_2024.signals["reported_distances"].rows
    totals = distances.filter(period="total")
    assert len(totals) == 2_819
    assert float(totals["distance_m"].sum()) / MILE_M == pytest.approx(3_912_657.536, abs=1e-3)
    assert totals["permit"].n_unique() == totals["operator"].n_unique() == 20
    # The months are rounded by themselves, and their sum is another one.
    months = distances.filter(period="month")
    # 16 cells are blank.
    assert len(months) == 2_819 * 12 - 16
    assert float(months["distance_m"].sum()) / MILE_M == pytest.approx(3_912_657.635, abs=1e-3)
    events = of_2024.signals["interventions"].rows
    assert len(events) == 1_773
    assert events["operator"].n_unique() == 16
    assert events["kind"].unique().to_list() == ["disengagement"]
    counts = dict(events.group_by("initiator").len().iter_rows())
    assert counts == {"driver": 1_606, "system": 164, "operator": 3}
    assert dict(events.group_by("place").len().iter_rows())["street"] == 960
    assert events["cause"].null_count() == 0
    assert not events["cause"].str.contains("\x92|\ufffd").any()


def test_what_is_odd_about_the_report_of_2024_is_noted(of_2024: ReadBatch) -> None:
    recording = of_2024.signals["recordings"].rows.row(0, named=True)
    notes = recording["notes"].split("\n")
    assert recording["format"] == "dmv"
    assert recording["place"] == "California"
    assert recording["start_ns"] == day_ns(2023, 12, 1)
    assert "2024-vehicle-disengagement.csv: 10834 of 12607 rows are blank" in notes
    assert "2024-vehicle-disengagement.csv is not UTF-8, and is read as Windows-1252" in notes
    assert any("3 disengagements were initiated by somebody" in note for note in notes)
    assert "16 distances are blank, and taken to be unknown" in notes
    # No date is lost, also those that one operator writes with dots.
    assert not any("no readable date" in note for note in notes)
    counts_differ = [note for note in notes if "beside the mileage" in note]
    assert counts_differ == []


def test_only_this_reader_recognises_the_folder() -> None:
    path = data_path("dmv")
    assert [name for name, reader in formats().items() if reader.recognises(path)] == ["dmv"]


def test_cells_are_miles_and_days(tmp_path: Path) -> None:
    contents = report(
        tmp_path,
        'A Inc.,P1,V1,1,"1,000.5",0.0,"1,000.5",,',
        "A Inc.,P1,V2,0,,2,2,,",
        ",,,,,,,,",
        events=(
            'A incorporated,P1,1/31/2024,V1,Yes,TEST DRIVER,STREET,"It said\n""stop""."',
            ",,,,,,,",
        ),
    )
    months = contents.signals["reported_distances"].filter(period="month")
    assert months.select("vehicle", "timestamp_ns", "end_ns", "distance_m").rows() == [
        ("V1", day_ns(2023, 12, 1), day_ns(2024, 1, 1), pytest.approx(1000.5 * 1609.344)),
        ("V1", day_ns(2024, 1, 1), day_ns(2024, 2, 1), 0.0),
        ("V2", day_ns(2024, 1, 1), day_ns(2024, 2, 1), pytest.approx(2 * 1609.344)),
    ]
    totals = contents.signals["reported_distances"].filter(period="total")
    assert totals["end_ns"].unique().to_list() == [day_ns(2024, 2, 1)]
    event = contents.signals["interventions"].row(0, named=True)
    assert event["timestamp_ns"] == day_ns(2024, 1, 31)
    # Told apart by the permit, named as in the mileage.
    assert (event["operator"], event["vehicle"]) == ("A Inc.", "V1")
    assert (event["initiator"], event["place"]) == ("driver", "street")
    assert event["cause"] == 'It said\n"stop".'
    assert any("goes by several names: A Inc.; A incorporated" in n for n in contents.notes)


@pytest.mark.parametrize(
    ("rows", "events", "note"),
    [
        pytest.param(
            ("A,P1,V1,0,n/a,5,5,,",), (), "1 distances are no numbers and left out: 'n/a'",
            id="no_number",
        ),
        pytest.param(
            ("A,P1,V1,0,-3,5,5,,",), (), "1 distances are no numbers and left out: '-3'",
            id="negative",
        ),
        pytest.param(
            ("A,P1,V1,0,1,2,3,,", "A,P1,V1,0,1,2,3,,"), (),
            "1 vehicles have several rows under one permit", id="twice",
        ),
        pytest.param(
            ("A,P1,V1,0,1,2,9,,",), (), "P1 V1: 9.00 miles in total, 3.00 in the months",
            id="total",
        ),
        pytest.param(
            ("A,P1,V1,2,1,2,3,,",), ("A,P1,1/2/2024,V1,Yes,Test Driver,Street,x",),
            "permit P1: 2 disengagements beside the mileage, 1 described", id="count",
        ),
        pytest.param(
            ("A,P1,V1,1,1,2,3,,",), ("A,P1,last week,V1,Yes,Test Driver,Street,x",),
            "1 disengagements have no readable date.*'last week'", id="date",
        ),
        pytest.param(
            ("A,P1,V1,1,1,2,3,,",), ("A,P1,1/5/224,V1,Yes,Test Driver,Street,x",),
            "1 disengagements have no readable date.*'1/5/224'", id="year",
        ),
        pytest.param(
            ("A,P1,V1,1,1,2,3,,", "Total,,,1,1,2,3,,"),
            ("A,P1,1/5/2024,V1,Yes,Test Driver,Street,x",),
            "1 rows of distances name neither permit nor vehicle", id="sums",
        ),
        pytest.param(
            ("A,P1,V1,1,1,2,3,,",), ("A,P1,2/1/2024,V1,Yes,Test Driver,Street,x",),
            "1 disengagements are dated outside of the months.*'2/1/2024'", id="other_month",
        ),
        pytest.param(
            ("A,P1,V1,1,1,2,3,,",), ("A,P1,1/1/2024,V1,Yes,,Street,x",),
            "1 disengagements were initiated by somebody.*'nobody'", id="initiator",
        ),
    ],
)  # fmt: skip
def test_odd_rows_are_noted_and_not_lost(
    tmp_path: Path, rows: tuple[str, ...], events: tuple[str, ...], note: str
) -> None:
    contents = report(tmp_path, *rows, events=events)
    noted = pl.Series(contents.notes, dtype=pl.String)
    assert noted.str.contains(note).sum() == 1, contents.notes
    assert len(contents.signals["interventions"]) == len(events)
    assert contents.signals["interventions"]["timestamp_ns"].null_count() == 0


def test_several_rows_of_a_vehicle_are_added_up(tmp_path: Path) -> None:
    contents = report(tmp_path, "A,P1,V1,0,1,2,3,,", "A,P1,V1,0,10,20,30,,")
    totals = contents.signals["reported_distances"].filter(period="total")
    assert totals["distance_m"].to_list() == [pytest.approx(33 * 1609.344)]


@pytest.mark.parametrize("date", ["1/5/2024", "01/05/24", "2024-01-05", "2024.01.05"])
def test_a_date_is_one_day_however_it_is_written(tmp_path: Path, date: str) -> None:
    contents = report(tmp_path, events=(f"A,P1,{date},V1,Yes,Test Driver,Street,x",))
    assert contents.signals["interventions"]["timestamp_ns"].to_list() == [day_ns(2024, 1, 5)]


def test_the_sum_of_all_vehicles_is_none_of_them(tmp_path: Path) -> None:
    contents = report(tmp_path, "A,P1,V1,0,1,2,3,,", "Total,,,0,1,2,3,,")
    assert contents.signals["reported_distances"]["vehicle"].unique().to_list() == ["V1"]


def test_a_copy_of_a_file_counts_once(tmp_path: Path) -> None:
    row = "A,P1,V1,0,1,2,3,,"
    once = report(tmp_path, row).signals["reported_distances"]
    (tmp_path / "a (1).csv").write_bytes((tmp_path / "a.csv").read_bytes())
    twice = dmv.read(tmp_path, CONFIG)
    assert twice.signals["reported_distances"].equals(once)
    assert twice.notes == ("a.csv is the copy of another file, and not read",)


def test_a_permit_goes_by_the_name_that_is_given(tmp_path: Path) -> None:
    contents = report(tmp_path, ",P1,V1,0,1,2,3,,", "A,P1,V2,0,1,2,3,,")
    assert contents.signals["reported_distances"]["operator"].unique().to_list() == ["A"]


def test_files_of_other_months_go_together(tmp_path: Path) -> None:
    head = "Manufacturer,Permit Number,VIN NUMBER"
    (tmp_path / "a.csv").write_text(f"{head},DEC 2023,ANNUAL TOTAL\nA,P1,V1,1,1\n")
    (tmp_path / "b.csv").write_text(f"{head},JAN 2024,ANNUAL TOTAL\nB,P2,V2,2,2\n")
    contents = dmv.read(tmp_path, CONFIG)
    months = contents.signals["reported_distances"].filter(period="month")
    assert months.select("operator", "timestamp_ns").rows() == [
        ("A", day_ns(2023, 12, 1)),
        ("B", day_ns(2024, 1, 1)),
    ]
    assert contents.notes == ()


def test_a_report_without_totals_has_months(tmp_path: Path) -> None:
    text = "Manufacturer,Permit Number,VIN NUMBER,December 2018,Jan-19\nA,P1,V1,1,2\n"
    (tmp_path / "a.csv").write_text(text)
    distances = dmv.read(tmp_path, CONFIG).signals["reported_distances"]
    assert distances.select("period", "timestamp_ns").rows() == [
        ("month", day_ns(2018, 12, 1)),
        ("month", day_ns(2019, 1, 1)),
    ]


def test_mileage_alone_says_nothing_of_disengagements(tmp_path: Path) -> None:
    report(tmp_path, "A,P1,V1,0,1,2,3,,", events=None)
    (tmp_path / "readme.csv").write_text("something,else\n")
    batch = read_logs({"log": tmp_path}, CONFIG)
    assert batch.signals["interventions"].outcomes["log"].status is Status.ABSTAINED
    assert "readme.csv is no report" in batch.signals["recordings"].rows["notes"].item()


def test_disengagements_alone_say_nothing_of_distances(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(EVENTS + "A,P1,1/2/2024,V1,Yes,Passenger,Street,x\n")
    batch = read_logs({"log": tmp_path}, CONFIG)
    assert batch.signals["reported_distances"].outcomes["log"].status is Status.ABSTAINED
    assert batch.signals["interventions"].rows["initiator"].to_list() == ["passenger"]


def test_a_report_that_lists_no_disengagement_had_none(tmp_path: Path) -> None:
    report(tmp_path, "A,P1,V1,0,1,2,3,,")
    outcome = read_logs({"log": tmp_path}, CONFIG).signals["interventions"].outcomes["log"]
    assert outcome.status is Status.COMPUTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "Manufacturer,Permit Number,DEC 2023\nA,P1,5\n", "has no column vehicle", id="column"
        ),
        pytest.param(
            EVENTS + "A,P1,soon,V1,Yes,Passenger,Street,x\n", "no date can be read", id="dates"
        ),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UnreadableLogError, match=message):
        dmv.read(tmp_path, CONFIG)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", '"open\n'], ids=["empty", "other", "quote"])
def test_other_folders_are_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert not dmv.recognises(tmp_path)
    assert not dmv.recognises(tmp_path / "a.csv")
    assert not dmv.recognises(tmp_path / "nothing")
