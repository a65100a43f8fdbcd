"""The Markdown of `check`, as a renderer of GitHub's dialect takes it."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from metrics_platform.authoring.locking.changes import Change, Report
from metrics_platform.authoring.locking.pull_request import as_markdown
from metrics_platform_tests.authoring.locking.reports import (
    BREAKING,
    FAILING,
    NEW,
    OWING,
    UNCHANGED,
    report,
)

_LIMIT = 65_536


def _html(of: Report) -> str:
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    return str(renderer.render(as_markdown(of)))


def test_every_change_is_a_row_and_its_details_are_folded() -> None:
    html = _html(FAILING)

    overview = html[html.index("<table>") : html.index("</table>")]
    assert overview.count("<tr>") == 5
    assert (
        "<td><code>gaps</code></td>\n<td>Values changed</td>\n<td>12 of 40 logs</td>\n"
        "<td>1.2.3</td>\n<td><strong>1.3.0</strong></td>"
    ) in overview
    assert "<td>1.0.0 → 2.0.0</td>\n<td></td>" in overview
    assert html.count("<details>") == html.count("</details>") == 4
    assert html.index("</table>") < html.index("<details>")
    assert "<details><summary><code>gaps</code>: values changed</summary>" in html
    assert "<td>0.21 m</td>\n<td>3.40%</td>" in html
    assert "<td>summary <code>min_gap_m</code></td>" in html


def test_it_says_what_to_do() -> None:
    html = _html(FAILING)

    assert "<h2>❌ Metrics: 2 versions owed</h2>" in html
    assert (
        "<code>gaps</code>: write <code>version=&quot;1.3.0&quot;</code> in "
        "<code>robots/metrics/gaps.py</code>, a minor step is owed"
    ) in html
    assert "<code>metrics-platform check --bump</code>" in html
    assert "requires speeds &lt;2,&gt;=1" in html
    assert "breaks gaps, which requires &lt;2,&gt;=1" in html


def test_what_an_error_says_stays_in_its_cell() -> None:
    assert "<td><code>stop|1</code></td>\n<td>min_gap_m 2 -&gt; 1.5</td>" in _html(report(OWING))
    assert "<td>computed -&gt; failed: a|b &lt;c&gt; *d*</td>" in _html(report(OWING))


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        (report(UNCHANGED), "✅ Metrics: unchanged"),
        (report(BREAKING, NEW), "✅ Metrics: every change has its version"),
        (report(NEW, outdated=["brakes is new"]), "⚠️ Metrics: <code>metrics.lock</code> is not"),
        (report(UNCHANGED, unmet=["a requires b"]), "❌ Metrics: a required version is missing"),
        (report(OWING), "❌ Metrics: 1 version owed"),
    ],
    ids=["unchanged", "all bumped", "not locked", "unmet", "owed"],
)
def test_the_verdict_comes_first(of: Report, verdict: str) -> None:
    assert _html(of).startswith(f"<h2>{verdict}")


def test_what_is_new_or_only_affected_takes_one_line() -> None:
    html = _html(report(*(replace(NEW, name=f"brakes_{n}") for n in range(20))))

    assert "<table>" not in html
    assert "<code>brakes_11</code> and 8 more" in html


def test_hundreds_of_changes_fit_into_a_comment() -> None:
    many: list[Change] = [replace(OWING, name=f"a_metric_with_a_name_{n}") for n in range(300)]

    markdown = as_markdown(report(*many))

    assert len(markdown.encode()) < _LIMIT
    assert "… and 200 more." in markdown
    assert "`metrics-platform check --json` has all." in markdown
    assert markdown.count("<details>") == markdown.count("</details>") > 5
