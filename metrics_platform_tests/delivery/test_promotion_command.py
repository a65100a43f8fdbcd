"""`metrics-platform promote`, `demote` and what `show` says of versions, as a person uses them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from metrics_platform.cli import results
from metrics_platform.core import Outcome, Signal, Status
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.delivery import promotion
from metrics_platform.store import Store
from metrics_platform_tests.store.builders import computed, definition
from metrics_platform_tests.test_cli import Done, run

NAME = "hard_brakes"
# What today's code computes.
FIRST, SECOND, THIRD = "1.0.0", "2.0.0", "3.0.0"
ABSTAINED = Outcome(Status.ABSTAINED, "no poses")


@pytest.fixture
def stored(settings: Settings) -> dict[str, str]:
    """The environment of a platform with two versions, and a third one in shadow."""
    assert default_catalog()[NAME].version == FIRST
    with Store.open(settings) as store:
        first, second = (definition(NAME, version) for version in (FIRST, SECOND))
        peaks: dict[str, list[float | None]] = {"a": [4.0, 5.0], "b": [6.0], "c": [7.0], "d": [8.0]}
        store.write(computed(peaks, of=first))
        changed: dict[str, list[float | None]] = {"a": [4.0, 5.5], "b": [6.0], "c": [7.0, 7.0]}
        store.write(computed({**changed, "e": [1.0]}, others={"d": ABSTAINED}, of=second))
        shadow = replace(definition(NAME, THIRD), shadow=True)
        assert isinstance(shadow, Signal)
        store.write(computed({"a": [9.0], "f": [9.0]}, of=shadow))
    return settings.environment()


def lines(done: Done) -> list[str]:
    """Return what a command printed, once it has succeeded."""
    assert (done.status, done.err) == (0, "")
    return [line.strip() for line in done.out.splitlines() if line.strip()]


def test_promote_says_what_readers_get_and_how_it_differs(stored: dict[str, str]) -> None:
    lost = run(stored, "promote", NAME, FIRST)
    assert lost.status == 1
    assert "of its 5 logs 1 have no result of it" in " ".join(lost.err.split())
    assert "promote it anyway (--anyway)" in " ".join(lost.err.split())

    back = lines(run(stored, "promote", NAME, FIRST, "--anyway", "--note", "as [agreed]"))
    assert back[:5] == [
        "hard_brakes: readers get 1.0.0, promoted, and no longer 2.0.0",
        "4 logs have a result of it",
        "2.0.0 is not what is shown: it has 5 logs, 1 that 1.0.0 lacks",
        "3.0.0 is in shadow: it has 2 logs, 1 that 1.0.0 lacks",
        "2.0.0 -> 1.0.0, over the 4 logs that both have:",
    ]
    refused = run(stored, "promote", NAME, SECOND)
    assert "of its 4 logs 1 were computed and abstain with it" in " ".join(refused.err.split())
    on = lines(run(stored, "promote", NAME, SECOND, "--anyway"))

    assert on == [
        "hard_brakes: readers get 2.0.0, promoted, and no longer 1.0.0",
        "5 logs have a result of it",
        "3.0.0 is in shadow: it has 2 logs, 1 that 2.0.0 lacks",
        "today's code computes 1.0.0: new logs get no result of 2.0.0, and readers don't see them",
        "1.0.0 -> 2.0.0, over the 4 logs that both have:",
        "3 of 4 logs changed",
        "1 log with another status",
        "1 row came, 0 went",
        "peak_deceleration_mps2: 1 row in 1 log, by up to 0.5 m/s² (9.09%)",
        "category: 1 row in 1 log",
        "summary events: 1 log, by up to 1 (50.00%)",
        "summary peak_deceleration_mps2: 1 log, by up to 0.5 m/s² (9.09%)",
        "most in d: computed -> abstained: no poses",
        "most in c: 1 row -> 2, events 1 -> 2",
        "most in a: peak_deceleration_mps2 5 -> 5.5",
    ]
    again = run(stored, "promote", NAME, SECOND)
    assert lines(again) == ["hard_brakes 2.0.0 is promoted already"]
    noted = run(stored, "promote", NAME, SECOND, "--note", "d has no poses")
    assert lines(noted) == [
        "hard_brakes 2.0.0 is promoted already; its note is now: d has no poses"
    ]
    assert lines(run(stored, "promote", NAME))[-2].endswith("d has no poses")


def test_what_is_compared_in_parts_is_the_same(
    stored: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(settings) as store:
        whole = promotion.compared(store, definition(NAME, SECOND), FIRST, SECOND)
        monkeypatch.setattr(promotion, "_ROWS_AT_ONCE", 2)
        parts = promotion.compared(store, definition(NAME, SECOND), FIRST, SECOND)

    assert len(whole.columns) == 4
    assert parts.columns != []
    assert set(parts.columns) == set(whole.columns)
    assert replace(parts, columns=whole.columns) == whole


def test_promote_lists_what_is_promoted(stored: dict[str, str]) -> None:
    nothing = lines(run(stored, "promote"))
    assert nothing == ["no promoted versions: readers get the highest that has results"]
    assert lines(run(stored, "promote", NAME))[0].startswith("no promoted versions of hard_brakes")
    run(stored, "promote", NAME, FIRST, "--anyway", "--note", "as [agreed]")
    run(stored, "promote", NAME, SECOND, "--anyway")

    [now] = [line for line in lines(run(stored, "promote")) if line.startswith(NAME)]
    assert f"{SECOND}     {datetime.now(UTC):%Y-%m-%d}" in now
    assert "1.0.0, 3.0.0 (in shadow)" in now
    second, first = (line for line in lines(run(stored, "promote", NAME)) if line[0] in "12")
    assert second.startswith(SECOND)
    assert first.startswith(FIRST)
    assert first.endswith("as [agreed]")


def test_demote_goes_back(stored: dict[str, str]) -> None:
    run(stored, "promote", NAME, FIRST, "--anyway")
    run(stored, "promote", NAME, THIRD, "--anyway")

    assert lines(run(stored, "demote", NAME))[0] == (
        "hard_brakes: readers get 1.0.0, promoted, and no longer 3.0.0"
    )
    assert lines(run(stored, "demote", NAME))[0] == (
        "hard_brakes: readers get 2.0.0, the highest: none is promoted, and no longer 1.0.0"
    )
    done = run(stored, "demote", NAME)
    assert done.status == 1
    assert "no version of log 'hard_brakes' is promoted" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", "hard_brake", FIRST), "did you mean 'hard_brakes'?"),
        (("promote", NAME, "9.9.9"), "9.9.9, so it cannot be promoted; there are: 1.0.0"),
        (("demote", "hard_brake"), "did you mean 'hard_brakes'?"),
    ],
    ids=["misspelled", "no such version", "misspelled in demote"],
)
def test_what_cannot_be_promoted_is_told(
    stored: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    done = run(stored, *arguments)

    assert done.status == 1
    assert message in " ".join(done.err.split())


class TestShow:
    """Which version it shows, and why; and what it doesn't."""

    def test_without_a_promotion_it_is_the_highest(self, stored: dict[str, str]) -> None:
        assert lines(run(stored, "show", NAME))[-3:] == [
            "hard_brakes 2.0.0, the highest: none is promoted",
            "3.0.0 is in shadow: it has 2 logs, 1 that 2.0.0 lacks",
            "4 of 5 logs computed, 1 abstained",
        ]

    def test_a_promotion_is_told_with_what_it_hides(self, stored: dict[str, str]) -> None:
        run(stored, "promote", NAME, FIRST, "--anyway", "--note", "as [agreed]")

        shown = lines(run(stored, "show", NAME))
        told = next(line for line in shown if line.startswith("hard_brakes 1.0.0, promoted"))
        assert told.endswith(": as [agreed]")
        assert shown[shown.index(told) + 1 :] == [
            "2.0.0 is not what is shown: it has 5 logs, 1 that 1.0.0 lacks",
            "3.0.0 is in shadow: it has 2 logs, 1 that 1.0.0 lacks",
            "4 of 4 logs computed",
        ]
        asked = lines(run(stored, "show", NAME, "--version", SECOND, "--log", "e"))
        assert asked[-2:] == [
            "hard_brakes 2.0.0, as asked for; readers get 1.0.0",
            "1 of 1 logs computed",
        ]

    def test_a_shadow_is_shown_by_its_label(
        self, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog = default_catalog()
        shadow = replace(catalog[NAME], version=THIRD, shadow=True)
        monkeypatch.setattr(results, "default_catalog", lambda: Catalog([*catalog, shadow]))

        shown = lines(run(stored, "show", f"shadow/{NAME}"))
        assert shown[-4:] == [
            "hard_brakes 3.0.0, as asked for; readers get 2.0.0",
            "1.0.0 is not what is shown: it has 4 logs, 3 that 3.0.0 lacks",
            "2.0.0 is not what is shown: it has 5 logs, 4 that 3.0.0 lacks",
            "2 of 2 logs computed",
        ]
        asked = lines(run(stored, "show", f"shadow/{NAME}", "--version", SECOND))
        assert "hard_brakes 2.0.0, as asked for" in asked
        missed = run(stored, "show", "shadow/hard_brake")
        assert "did you mean 'shadow/hard_brakes'?" in " ".join(missed.err.split())
