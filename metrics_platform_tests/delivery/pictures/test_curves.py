"""Numbers are drawn over time, by unit, beside what they are extremes of."""

import numpy as np
import pytest

from metrics_platform.core.catalog import default_catalog
from metrics_platform.delivery.pictures.charts import limits, rows_of_spans
from metrics_platform.delivery.pictures.curves import Curve, Panel
from metrics_platform.delivery.pictures.drawn import Drawn, drawn, time_limits
from metrics_platform.delivery.pictures.moments import Event
from metrics_platform_tests.delivery.pictures.drawings import corpus, frames_of, of_scenario


def _drawn(name: str, metric: str, at_ns: int | None = None) -> Drawn:
    made = of_scenario(name, metric)
    return drawn(frames_of(made), made[metric].rows, default_catalog()[metric], at_ns)


def _curve(shown: Drawn, unit: str, name: str) -> Curve:
    [panel] = [panel for panel in shown.numbers.panels if panel.unit == unit]
    [curve] = [curve for curve in panel.curves if curve.name == name]
    return curve


def test_an_event_is_a_mark_and_what_it_is_the_least_of_a_line() -> None:
    shown = _drawn("cut_in", "time_to_collision")

    least, whole = _curve(shown, "s", "min_ttc_s"), _curve(shown, "s", "ttc_s")

    assert (least.kind, whole.kind) == ("events", "context")
    assert least.times_s == pytest.approx([5.0])
    assert least.values == pytest.approx([5.0])
    assert least.chosen == 0
    assert np.nanmin(whole.values) == pytest.approx(5.0)
    assert whole.times_s[np.nanargmin(whole.values)] == pytest.approx(5.0)
    assert shown.at_s == pytest.approx(5.0)


def test_a_stretch_lasts_and_the_ego_is_beside_it() -> None:
    shown = _drawn("hard_brake", "hard_brakes")

    peak = _curve(shown, "m/s²", "peak_deceleration_mps2")

    # Six m/s² from the fourth second to the sixth.
    assert peak.spans_s == pytest.approx(np.array([(4.0, 6.1)]), abs=0.11)
    assert peak.values == pytest.approx([6.0])
    assert _curve(shown, "m/s²", "ego acceleration ahead").values.min() == pytest.approx(-6.0)
    assert _curve(shown, "m/s", "ego speed").values[-1] == pytest.approx(3.0)


def test_a_row_without_a_time_is_no_curve() -> None:
    shown = _drawn("cruise", "distance_driven")

    assert shown.found == []
    assert [curve.name for panel in shown.numbers.panels for curve in panel.curves] == ["ego speed"]
    assert shown.at_s == pytest.approx(5.0)


def test_of_many_series_the_one_of_interest_is_drawn() -> None:
    made = corpus()["planner_expert_error"]
    shown = drawn({}, made.rows, made.definition)

    curve = shown.numbers.panels[0].curves[0]

    assert curve.kind == "line"
    assert (np.diff(curve.times_s) > 0).all()


def test_another_moment_can_be_asked_for() -> None:
    start_ns = int(of_scenario("cut_in", "time_to_collision")["recordings"].rows["start_ns"][0])

    shown = _drawn("cut_in", "time_to_collision", start_ns + 2_000_000_000)

    assert shown.at_s == pytest.approx(2.0)
    assert shown.chosen is not None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 4.0], (-0.2, 4.4)),
        ([-2.0, 2.0], (-2.4, 2.4)),
        ([-4.0], (-4.4, 0.4)),
        ([0.0, 1e-15], (-0.5, 0.5)),
        ([np.nan], (-0.1 / 2, 1.1)),
    ],
    ids=["positive", "both", "negative", "last bits", "none"],
)
def test_zero_is_on_every_axis(values: list[float], expected: tuple[float, float]) -> None:
    panel = Panel("m", [Curve("x_m", np.arange(len(values), dtype=float), np.array(values))])

    assert limits(panel) == pytest.approx(expected)


def test_events_that_overlap_are_in_rows_of_their_own() -> None:
    times = [(0.0, 5.0), (1.0, 2.0), (2.5, 3.0), (6.0, 7.0)]
    found = [Event(n, start, end, start, {}) for n, (start, end) in enumerate(times, 1)]

    assert rows_of_spans(found, 10.0) == [0, 1, 1, 0]


def test_the_time_axis_holds_events_outside_of_the_recording() -> None:
    shown = _drawn("hard_brake", "hard_brakes")
    outside = Event(2, -3.0, 14.0, 0.0, {})

    low, high = time_limits(Drawn(**{**vars(shown), "found": [outside]}))

    assert low < -3.0
    assert high > 14.0
