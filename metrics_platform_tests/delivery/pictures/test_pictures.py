"""Pictures and pages of every metric, whatever the grain of its rows."""

import io
import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from PIL import Image

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.frames import empty_frame
from metrics_platform.delivery.pictures import page, picture
from metrics_platform.delivery.pictures.page_charts import WIDTH
from metrics_platform_tests.delivery.pictures.drawings import corpus, frames_of, of_scenario

METRICS = [metric.name for metric in default_catalog().metrics]
FRAMES = frames_of(corpus())
# Each of another grain: moments of pairs, stretches, one row per log, of a tracker, of stages.
DRAWN = ["time_to_collision", "hard_brakes", "distance_driven", "object_tracking", "stage_latency"]


def _page(name: str, **given: Any) -> str:
    made = corpus()[name]
    return page(FRAMES, made.rows, made.definition, summary=made.summary, **given)


def _data(text: str) -> dict[str, Any]:
    found = re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def _plan(text: str) -> ElementTree.Element:
    """Return the vector picture from above, which has to be well formed."""
    return ElementTree.fromstring(re.findall(r"<svg.*?</svg>", text, re.DOTALL)[0])


def _charts(text: str) -> ElementTree.Element:
    """Return the vector picture of numbers over time."""
    return ElementTree.fromstring(re.findall(r"<svg.*?</svg>", text, re.DOTALL)[1])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_page_that_needs_nothing_else(name: str) -> None:
    text = _page(name)

    assert "{{" not in text
    assert not re.search(r"""(src|href)\s*=|url\(\s*["']?(?!#)|@import|fetch\(|https?:""", text)
    for part in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(part)
    data = _data(text)
    legend = [t for t in _charts(text).iter("text") if t.find("tspan") is not None]
    for told in legend:
        # Letters of 12 px are 6.6 px wide, and a value has up to eight.
        assert float(told.get("x", "0")) + 6.6 * (len(str(told.text)) + 8) <= WIDTH, told.text
    assert len(legend) == len(data["axis"]["markers"])
    bodies = [g for g in _plan(text).iter("g") if "body" in g.get("class", "").split()]
    assert len(bodies) == len(data["bodies"])
    assert data["axis"]["low"] <= data["at"] <= data["axis"]["high"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_drawn_whatever_the_grain(name: str) -> None:
    made = corpus()[name]
    file = io.BytesIO()

    picture(FRAMES, made.rows, made.definition).savefig(file)

    image = np.asarray(Image.open(file).convert("L"))
    assert image.shape[1] == 1650
    # Something is drawn in the upper half, in the lower half, and not all over.
    for half in np.array_split(image, 2):
        assert 0.002 < (half < 128).mean() < 0.3


def test_all_that_is_drawn_is_within_the_picture() -> None:
    made = of_scenario("hard_brake", "hard_brakes")
    figure = picture(frames_of(made), made["hard_brakes"].rows, default_catalog()["hard_brakes"])

    texts = [text.get_text() for text in figure.texts]
    assert texts[0].startswith("hard_brakes 1.0.0")
    assert "that of peak_deceleration_mps2: peak_deceleration_mps2 6.000" in texts[2]
    plan, spans, *panels = figure.axes
    assert plan.get_xlabel() == "ahead of ego, m"
    assert [panel.get_ylabel() for panel in panels] == ["m/s²", "m/s"]
    drawn = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for axes in (plan, spans, *panels):
        box = axes.get_tightbbox(drawn)
        assert box is not None
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1


def test_the_ego_moves_in_the_page_as_it_did() -> None:
    made = of_scenario("cut_in", "time_to_collision")
    metric = default_catalog()["time_to_collision"]

    data = _data(page(frames_of(made), made["time_to_collision"].rows, metric))

    [ego] = [body for body in data["bodies"] if body["actor"]]
    # In the axes of the ego at the worst moment, five seconds in.
    assert ego["x"][0] == pytest.approx(-75.0, abs=0.01)
    assert ego["x"][-1] == pytest.approx(75.0, abs=0.01)
    assert set(ego["y"]) == {0.0}
    assert data["at"] == 5.0
    [ttc, _] = data["axis"]["markers"]
    assert min(value for value in ttc["v"] if value is not None) == pytest.approx(5.0, abs=1e-3)


def test_the_row_of_a_log_is_written_out_where_it_has_no_time() -> None:
    made = of_scenario("cruise", "distance_driven")

    text = page(frames_of(made), made["distance_driven"].rows, made["distance_driven"].definition)

    assert re.search(r"distance_m +150.000 m", text)


def test_names_are_text_and_no_markup() -> None:
    class Seen(HTMLParser):
        tags: set[str] = set()

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.tags.add(tag)

    name = "</script><b>{{DATA}}"
    made = of_scenario("cut_in", "time_to_collision")
    frames = {
        key: frame.with_columns(
            log_id=pl.lit(name),
            **({"track_id": pl.lit(name)} if "track_id" in frame.columns else {}),
        )
        for key, frame in frames_of(made).items()
    }
    rows = frames["time_to_collision"].with_columns(other_id=pl.lit(name))

    text = page(frames, rows, default_catalog()["time_to_collision"], summary=rows.select("log_id"))

    Seen().feed(text)
    assert "b" not in Seen.tags
    assert text.count("&lt;/script&gt;&lt;b&gt;{{DATA}}") >= 3
    assert len(re.findall("</script>", text)) == 2


def test_a_log_with_nothing_in_it_is_drawn_all_the_same() -> None:
    metric = default_catalog()["hard_brakes"]
    rows = empty_frame(metric.rows)

    figure = picture({}, rows, metric)
    text = page({}, rows, metric)

    assert "hard_brakes has no rows of this log" in figure.texts[-1].get_text()
    assert "hard_brakes has no rows of this log" in text
