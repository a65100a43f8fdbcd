"""The Dagster UI as a person sees it, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from metrics_platform_tests.end_to_end.conftest import RunningPlatform

pytestmark = pytest.mark.xdist_group("end_to_end")


def test_a_fresh_instance_opens_without_a_pop_up(page: Page, platform: RunningPlatform) -> None:
    page.goto(platform.url)

    expect(page.get_by_role("link", name="Lineage")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_lineage_goes_from_log_to_signals_to_metrics(page: Page, platform: RunningPlatform) -> None:
    query = "view=lineage&lineageScope=upstream&lineageDepth=5"
    page.goto(f"{platform.url}/assets/log/hard_brakes?{query}")

    left = []
    for name in ("uploads", "ego_poses", "ego_states", "hard_brakes"):
        # The last one: the asset that the page is about stands in its heading too.
        node = page.get_by_text(name, exact=True).last
        expect(node).to_be_visible()
        box = node.bounding_box()
        assert box is not None
        left.append(box["x"])
    assert left == sorted(left)
    for group in ("recordings", "signals", "metrics_planning"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()


def test_the_checks_tab_shows_the_checks(page: Page, platform: RunningPlatform) -> None:
    page.goto(f"{platform.url}/assets/log/hard_brakes?view=checks")

    for name in ("contract", "coverage", "value_range", "up_to_date"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("stored rows keep the contract")).first).to_be_visible()


def test_the_asset_page_tells_what_a_column_is(page: Page, platform: RunningPlatform) -> None:
    page.goto(f"{platform.url}/assets/log/hard_brakes")

    expect(page.get_by_text("peak_deceleration_mps2").first).to_be_visible()
    expect(page.get_by_text("planning").first).to_be_visible()
    expect(page.get_by_text(re.compile("Open hard_brakes.py"))).to_be_visible()


def test_materializing_one_log_by_clicking_ends_green(
    page: Page, platform: RunningPlatform
) -> None:
    log_id = platform.fleet.without_tracks
    page.goto(f"{platform.url}/assets/log/hard_brakes?view=partitions&partition={log_id}")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 partition", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Launch 1 run").click()
    expect(dialog).to_have_count(0)

    page.goto(f"{platform.url}/runs")
    expect(page.get_by_text("Manually launched")).to_have_count(1)
    expect(page.get_by_text(f"partition: {log_id}").first).to_be_visible()
    # The sensor's run and ours.
    expect(page.get_by_text("Success", exact=True)).to_have_count(2)
    page.goto(f"{platform.url}/assets/log/hard_brakes?view=events&partition={log_id}")
    expect(page.get_by_text("1 of 1 logs").first).to_be_visible()
