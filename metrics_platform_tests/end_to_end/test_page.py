"""The page of a log, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from metrics_platform.cli import run as command
from metrics_platform_tests.end_to_end.conftest import opened_browser

pytestmark = pytest.mark.xdist_group("end_to_end")


def test_time_moves_the_boxes_and_the_marker(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    command.run("time_to_collision", synthetic=["cut_in"], plot=path)
    with opened_browser() as page:
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url))
        page.goto(path.as_uri())
        ego = page.locator("#plan .main").last
        slider = page.get_by_label("Time since the start of the recording, s")

        expect(page.get_by_role("heading", name="time_to_collision")).to_be_visible()
        expect(page.locator("#clock")).to_have_text("5.00 s")
        # In the axes of the ego at the worst moment.
        expect(ego).to_have_attribute("transform", "translate(0,0)")
        expect(page.locator(".value").first).to_have_text("5.000")
        before = page.locator("#now").bounding_box()

        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowLeft")

        expect(page.locator("#clock")).to_have_text("4.00 s")
        moved = ego.get_attribute("transform")
        assert moved is not None
        assert float(moved.removeprefix("translate(").partition(",")[0]) == pytest.approx(-15.0)
        after = page.locator("#now").bounding_box()
        assert before is not None
        assert after is not None
        assert after["x"] < before["x"]

        page.locator("#charts .event").first.click()
        expect(page.locator("#clock")).to_have_text("5.00 s")
        page.get_by_role("button", name="Play").click()
        expect(page.locator("#clock")).not_to_have_text("5.00 s")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("cell", name="cut_in")).to_be_visible()
        assert faults == [path.as_uri()]
