"""Which version readers get: promoted, demoted, then and now, and beside shadows."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from metrics_platform.core import Outcome, Signal, Status
from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import Promotion, Store
from metrics_platform_tests.store.builders import computed, definition

NAME = "hard_brakes"
FAILED = Outcome(Status.FAILED, "no disk")


def write(store: Store, version: str, logs: str = "ab", *, shadow: bool = False) -> None:
    """Store results whose peak says of what version they are."""
    of = replace(definition(version=version), shadow=shadow)
    assert isinstance(of, Signal)
    store.write(computed({log: [float(version[0])] for log in logs}, of=of))


def read(store: Store, as_of: datetime | None = None) -> Sequence[float]:
    """Return the peaks that a reader gets who asks for no version, by each way to read."""
    rows = store.scan(NAME, as_of=as_of).collect()
    of_summary = store.summary(NAME, as_of=as_of)["peak_deceleration_mps2"]
    found: list[float] = sorted(rows["peak_deceleration_mps2"].to_list())
    assert found == sorted(of_summary.to_list())
    if as_of is None:
        assert told_in_sql(store) == [("log", NAME, store.current_version(NAME))]
    assert len(store.outcomes(NAME, as_of=as_of)) == len(found)
    if as_of is None:
        paths = store.files(NAME)["path"].to_list()
        assert all(f"/v{store.current_version(NAME)}/" in path for path in paths)
    return found


def told_in_sql(store: Store) -> list[tuple[str, str, str]]:
    """Return what the view says of the versions that readers get."""
    with store.postgres.engine.connect() as connection:
        query = sa.text("SELECT domain, name, version FROM metrics_platform.readers_versions")
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


@pytest.fixture
def three(store: Store) -> Store:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        write(store, version)
    return store


def test_without_a_promotion_readers_get_the_highest(three: Store) -> None:
    assert three.promoted(NAME) is None
    assert three.current_version(NAME) == "3.0.0"
    assert read(three) == [3.0, 3.0]
    assert three.promotions(NAME).is_empty()


def test_versions_that_only_a_shadow_wrote_can_be_left_out(three: Store) -> None:
    write(three, "4.0.0", shadow=True)
    write(three, "3.0.0", shadow=True)

    assert three.versions(NAME) == ["1.0.0", "2.0.0", "3.0.0", "4.0.0"]
    assert three.versions(NAME, readable=True) == ["1.0.0", "2.0.0", "3.0.0"]


def test_readers_get_what_is_promoted_until_something_else_is(three: Store) -> None:
    assert three.promote(NAME, "1.0.0") == Promotion("3.0.0", "1.0.0")
    assert (three.promoted(NAME), read(three)) == ("1.0.0", [1.0, 1.0])
    assert three.scan(NAME, version="3.0.0").collect()["peak_deceleration_mps2"].max() == 3.0

    write(three, "4.0.0")
    assert read(three) == [1.0, 1.0]

    assert three.promote(NAME, "2.0.0", by="ann", note="fewer false alarms").before == "1.0.0"
    assert read(three) == [2.0, 2.0]
    told = three.promotions(NAME)
    assert told["version"].to_list() == ["2.0.0", "1.0.0"]
    assert told.row(0, named=True)["note"] == "fewer false alarms"
    assert told["promoted_by"].to_list() == ["ann", None]
    assert told["demoted_by"].to_list() == [None, "ann"]
    # One ends as the next begins.
    assert told["demoted_at"].to_list() == [None, told["promoted_at"][0]]


def test_demoting_goes_back_step_by_step_and_then_to_the_highest(three: Store) -> None:
    for version in ("1.0.0", "2.0.0", "1.0.0", "3.0.0"):
        three.promote(NAME, version)
    write(three, "4.0.0")

    seen = []
    while three.promoted(NAME) is not None:
        seen.append(three.demote(NAME, by="ann"))

    # The fourth was not there yet: before the first promotion, readers had the third.
    assert [done.after for done in seen] == ["1.0.0", "2.0.0", "1.0.0", "3.0.0", "4.0.0"]
    assert [done.is_promoted for done in seen] == [True, True, True, True, False]
    assert read(three) == [4.0, 4.0]
    with pytest.raises(StoreError, match="no version of log 'hard_brakes' is promoted"):
        three.demote(NAME)


def test_a_version_that_was_promoted_for_being_the_highest_leads_to_the_highest(
    three: Store,
) -> None:
    three.promote(NAME, "3.0.0")
    write(three, "4.0.0")

    assert three.demote(NAME) == Promotion("3.0.0", "4.0.0", is_promoted=False)


def test_what_readers_had_before_and_is_not_kept_is_passed_over(three: Store) -> None:
    three.promote(NAME, "1.0.0")
    write(three, "4.0.0")
    write(three, "5.0.0")
    assert three.retain(keep_versions=1).versions == [
        f"log/hard_brakes {version}" for version in ("2.0.0", "3.0.0", "4.0.0")
    ]

    assert three.demote(NAME) == Promotion("1.0.0", "5.0.0", is_promoted=False)


def test_what_was_demoted_is_not_what_to_go_back_to(three: Store) -> None:
    three.promote(NAME, "1.0.0")
    three.promote(NAME, "2.0.0")
    three.demote(NAME)
    three.promote(NAME, "3.0.0")

    assert three.demote(NAME).after == "1.0.0"
    assert three.demote(NAME) == Promotion("1.0.0", "3.0.0", is_promoted=False)


def test_the_same_again_changes_nothing_but_the_note(three: Store) -> None:
    three.promote(NAME, "1.0.0", note="for now")
    three.promote(NAME, "2.0.0", by="ann", note="first")
    before = three.promotions(NAME)

    assert three.promote(NAME, "2.0.0", by="bob") == Promotion("2.0.0", "2.0.0")
    assert three.promotions(NAME).equals(before)
    assert three.promote(NAME, "2.0.0", note="again") == Promotion("2.0.0", "2.0.0")
    assert three.promotions(NAME)["note"].to_list() == ["again", "for now"]
    assert three.promotions(NAME).drop("note").equals(before.drop("note"))


def test_as_of_reads_what_was_promoted_then(store: Store) -> None:
    write(store, "1.0.0")
    write(store, "2.0.0")
    start = datetime.now(UTC)
    store.promote(NAME, "1.0.0")
    with_first = datetime.now(UTC)
    store.promote(NAME, "2.0.0")
    store.demote(NAME)
    store.promote(NAME, "2.0.0")
    store.demote(NAME)
    store.demote(NAME)
    write(store, "3.0.0")

    history = store.promotions(NAME).sort("promoted_at")
    assert history["version"].to_list() == ["1.0.0", "2.0.0", "1.0.0", "2.0.0", "1.0.0"]
    assert store.promoted(NAME, as_of=start) is None
    assert read(store, start) == [2.0, 2.0]
    assert read(store, with_first) == [1.0, 1.0]
    for version, since, until in history.select("version", "promoted_at", "demoted_at").rows():
        assert store.promoted(NAME, as_of=since) == version
        assert read(store, until - timedelta(microseconds=1)) == [float(version[0])] * 2
    assert store.promoted(NAME, as_of=history["demoted_at"][-1]) is None
    assert read(store) == [3.0, 3.0]
    with pytest.raises(StoreError, match="must have a time zone"):
        store.promoted(NAME, as_of=datetime(2026, 1, 1))


def test_the_hour_of_a_clock_that_was_set_back_belongs_to_one_version(three: Store) -> None:
    three.promote(NAME, "1.0.0")
    with three.postgres.engine.begin() as connection:
        ahead = "UPDATE metrics_platform.promotions SET promoted_at = now() + interval '1 hour'"
        connection.execute(sa.text(ahead))

    three.promote(NAME, "2.0.0")

    second, first = three.promotions(NAME).rows(named=True)
    assert first["promoted_at"] < first["demoted_at"] == second["promoted_at"]

    # Also where none is promoted any more.
    until = three.promotions(NAME)["promoted_at"].max()
    three.demote(NAME)
    three.demote(NAME)
    three.promote(NAME, "2.0.0")
    history = three.promotions(NAME).sort("promoted_at")
    assert len(history) == 4
    assert history["promoted_at"].is_sorted()
    assert (history["demoted_at"][:-1] <= history["promoted_at"][1:]).all()
    for version, since in history.select("version", "promoted_at").rows():
        assert three.promoted(NAME, as_of=since) == version
    assert history["promoted_at"][-1] > until


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("hard_brakes", "9.0.0", "9.0.0, so it cannot be promoted; there are: 1.0.0, 2.0.0, 3.0.0"),
        ("stops", "1.0.0", "there are: no versions"),
    ],
    ids=["no such version", "nothing at all"],
)
def test_what_has_no_results_cannot_be_promoted(
    three: Store, name: str, version: str, message: str
) -> None:
    with pytest.raises(NoResultsError, match=message):
        three.promote(name, version, anyway=True)
    assert three.promotions().is_empty()


def test_readers_lose_no_log_unless_that_is_wanted(store: Store) -> None:
    write(store, "1.0.0", "abcde")
    new = definition(version="2.0.0")
    store.write(computed({"a": [2.0], "f": [2.0]}, others={"b": FAILED}, of=new))

    # Readers get the highest now, and lose the log that only it has.
    with pytest.raises(StoreError, match="of its 2 logs 1 have no"):
        store.promote(NAME, "1.0.0")
    assert store.promote(NAME, "1.0.0", anyway=True).after == "1.0.0"
    told = "1.0.0, which readers get now: of its 5 logs 3 have no result of it and 1 failed with it"
    with pytest.raises(StoreError, match=told):
        store.promote(NAME, "2.0.0")
    assert read(store) == [1.0] * 5

    assert store.promote(NAME, "2.0.0", anyway=True) == Promotion("1.0.0", "2.0.0")
    beside = store.versions_beside(NAME, "2.0.0").to_dicts()
    assert beside == [{"version": "1.0.0", "is_shadow": False, "logs": 5, "others": 3}]
    assert store.versions_beside(NAME, "2.0.0", logs=["a", "c"])["others"].to_list() == [1]


def test_a_log_that_fails_now_is_a_loss(store: Store) -> None:
    write(store, "1.0.0")
    shadow = replace(definition(version="2.0.0"), shadow=True)
    assert isinstance(shadow, Signal)
    store.write(computed({"a": [2.0]}, others={"b": FAILED}, of=shadow))

    with pytest.raises(StoreError, match="of its 2 logs 1 failed with it; compute these first"):
        store.promote(NAME, "2.0.0")


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("computed", None, "1 have no result of it"),
        ("computed", "abstained", "1 were computed and abstain with it"),
        ("computed", "failed", "1 failed with it"),
        ("abstained", "failed", "1 failed with it"),
        ("abstained", None, None),
        ("abstained", "abstained", None),
        ("failed", None, None),
        ("failed", "abstained", None),
        ("failed", "failed", None),
    ],
)
def test_a_log_is_lost_that_had_a_result_or_did_not_fail(
    store: Store, before: str, after: str | None, lost: str | None
) -> None:
    for version, status in {"1.0.0": before, "2.0.0": after}.items():
        peaks = {"a": [1.0], **({"b": [1.0]} if status == "computed" else {})}
        others = {"b": Outcome(Status(status), "why")} if status and "b" not in peaks else {}
        store.write(computed(peaks, others=others, of=definition(version=version)))
    store.promote(NAME, "1.0.0", anyway=True)

    if lost:
        with pytest.raises(StoreError, match=f"logs {lost}; compute these first"):
            store.promote(NAME, "2.0.0")
    else:
        assert store.promote(NAME, "2.0.0").after == "2.0.0"


def test_domains_and_names_are_apart(three: Store) -> None:
    three.write(computed({"a": [1.0]}, of=definition("stops")))
    three.write(computed({"a": [7.0]}, of=definition(version="1.0.0")), domain="sim")
    three.promote(NAME, "2.0.0")

    assert three.promoted(NAME, domain="sim") is three.promoted("stops") is None
    assert three.current_version(NAME, domain="sim") == "1.0.0"
    three.promote("stops", "1.0.0")
    # Numbers, not text.
    three.write(computed({"a": [1.0]}, of=definition("turns", version="9.0.0")))
    three.write(computed({"a": [1.0]}, of=definition("turns", version="10.0.0")))
    assert sorted(told_in_sql(three)) == [
        ("log", NAME, "2.0.0"),
        ("log", "stops", "1.0.0"),
        ("log", "turns", "10.0.0"),
        ("sim", NAME, "1.0.0"),
    ]
    assert three.promotions()["name"].to_list() == [NAME, "stops"]
    assert three.promotions(domain="sim").is_empty()


@pytest.mark.parametrize("promoted_before", [False, True])
def test_of_many_promotions_at_once_one_is_left(three: Store, promoted_before: bool) -> None:
    if promoted_before:
        three.promote(NAME, "3.0.0")
    wanted = ["1.0.0", "2.0.0"] * 6

    with ThreadPoolExecutor(len(wanted)) as pool:
        done = list(pool.map(lambda version: three.promote(NAME, version), wanted))

    assert [promotion.after for promotion in done] == wanted
    history = three.promotions(NAME).sort("promoted_at")
    assert history["demoted_at"].to_list() == [*history["promoted_at"][1:], None]
    # Whatever their order was, each step back leads to the one before it.
    back = [three.demote(NAME).after for _ in range(len(history))]
    assert back == [*reversed(history["version"][:-1]), "3.0.0"]


def test_of_many_demotions_at_once_each_takes_at_most_one_step(three: Store) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0", "1.0.0"):
        three.promote(NAME, version)

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: three.demote(NAME), range(3)))

    steps = {promotion.before for promotion in done}
    expected = {1: "3.0.0", 2: "2.0.0", 3: "1.0.0"}
    assert three.promoted(NAME) == expected[len(steps)]


@pytest.mark.parametrize("demoted_again", [False, True])
def test_what_was_promoted_meanwhile_is_not_demoted(
    three: Store, monkeypatch: pytest.MonkeyPatch, demoted_again: bool
) -> None:
    three.promote(NAME, "1.0.0")
    three.promote(NAME, "2.0.0")
    once = type(three.postgres).transaction

    def overtaken(postgres: object, work: object) -> object:
        monkeypatch.undo()
        three.promote(NAME, "3.0.0")
        if demoted_again:
            three.demote(NAME)
        return once(three.postgres, work)  # type: ignore[arg-type]

    monkeypatch.setattr(type(three.postgres), "transaction", overtaken)
    with pytest.raises(StoreError, match=r"3\.0\.0 was promoted meanwhile: .* no longer get 2\.0"):
        three.demote(NAME)

    assert three.promoted(NAME) == ("2.0.0" if demoted_again else "3.0.0")


def test_a_demotion_whose_answer_got_lost_is_not_made_twice(
    three: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        three.promote(NAME, version)
    once = type(three.postgres).transaction

    def twice(postgres: object, work: object) -> object:
        once(three.postgres, work)  # type: ignore[arg-type]
        return once(three.postgres, work)  # type: ignore[arg-type]

    monkeypatch.setattr(type(three.postgres), "transaction", twice)
    assert three.demote(NAME).after == "2.0.0"
    assert three.promote(NAME, "1.0.0").after == "1.0.0"
    monkeypatch.undo()

    assert three.demote(NAME).after == "2.0.0"


class TestShadows:
    """A version that only a shadow has written."""

    def test_readers_do_not_see_it_for_being_the_highest(self, store: Store) -> None:
        write(store, "1.0.0")
        write(store, "2.0.0", shadow=True)

        assert store.current_version(NAME) == "1.0.0"
        assert read(store) == [1.0, 1.0]
        assert read(store, datetime.now(UTC)) == [1.0, 1.0]
        assert store.versions(NAME) == ["1.0.0", "2.0.0"]
        assert store.versions_beside(NAME, "1.0.0")["is_shadow"].to_list() == [True]
        # A main version of today's code may be bumped below its shadow.
        write(store, "1.1.0")
        assert store.current_version(NAME) == "1.1.0"

    def test_alone_it_is_nothing_to_readers_and_the_error_says_so(self, store: Store) -> None:
        write(store, "2.0.0", shadow=True)

        for ask in (store.current_version, store.scan, store.summary, store.files):
            with pytest.raises(NoResultsError, match=r"but in shadow: 2\.0\.0; `promote`"):
                ask(NAME)
        assert store.outcomes(NAME).is_empty()
        assert told_in_sql(store) == []
        with pytest.raises(NoResultsError, match="until"):
            store.current_version(NAME, as_of=datetime.now(UTC))

    def test_promoted_it_is_what_readers_get_and_demoted_no_more(self, store: Store) -> None:
        write(store, "1.0.0")
        write(store, "2.0.0", shadow=True)

        assert store.promote(NAME, "2.0.0") == Promotion("1.0.0", "2.0.0")
        assert read(store) == [2.0, 2.0]
        assert store.demote(NAME) == Promotion("2.0.0", "1.0.0", is_promoted=False)
        assert read(store) == [1.0, 1.0]

    def test_once_the_metric_has_written_it_it_is_a_version_like_any_other(
        self, store: Store, settings: object
    ) -> None:
        write(store, "1.0.0")
        write(store, "2.0.0", shadow=True)
        before = datetime.now(UTC)

        # The results are those that are there: nothing is written, and yet readers get them.
        with Store(store.objects, store.postgres) as another:
            write(another, "2.0.0", "a")
            assert read(another) == [2.0, 2.0]
        assert len(store.history(NAME, "a").filter(pl.col("version") == "2.0.0")) == 1
        # As of the time in shadow, it was none.
        assert read(store, before) == [1.0, 1.0]
        assert read(store, datetime.now(UTC)) == [2.0, 2.0]
        # Who still has it as a shadow, or has it so again, changes nothing.
        write(store, "2.0.0", "c", shadow=True)
        with Store(store.objects, store.postgres) as another:
            write(another, "2.0.0", "d", shadow=True)
        assert store.current_version(NAME) == "2.0.0"

    def test_a_metric_that_has_nothing_to_write_takes_over_all_the_same(self, store: Store) -> None:
        write(store, "1.0.0")
        write(store, "2.0.0", shadow=True)
        write(store, "3.0.0", shadow=True)

        store.take_out_of_shadow([(NAME, "1.0.0"), ("stops", "3.0.0")])
        assert read(store) == [1.0, 1.0]
        store.take_out_of_shadow([(NAME, "2.0.0")])
        store.take_out_of_shadow([])

        assert read(store) == [2.0, 2.0]
        assert store.versions_beside(NAME, "2.0.0")["is_shadow"].to_list() == [False, True]


class TestRetention:
    """What is promoted, or was, beside `keep_versions`."""

    def test_the_promoted_version_stays(self, three: Store) -> None:
        three.promote(NAME, "1.0.0")

        told = three.retain(keep_versions=1, keep_superseded=timedelta(0), dry_run=True)
        done = three.retain(keep_versions=1, keep_superseded=timedelta(0))

        assert told.versions == done.versions == ["log/hard_brakes 2.0.0"]
        three.gc(grace=timedelta(0))
        assert read(three) == [1.0, 1.0]

    def test_what_was_promoted_within_the_history_that_is_kept_stays(self, three: Store) -> None:
        for version in ("1.0.0", "2.0.0", "3.0.0"):
            three.promote(NAME, version)
        hours_ago = "now() - interval '3 hours'"
        with three.postgres.engine.begin() as connection:
            old = (
                "UPDATE metrics_platform.promotions SET demoted_at = LEAST(demoted_at, "
                f"{hours_ago}), promoted_at = {hours_ago} WHERE version = '1.0.0'"
            )
            connection.execute(sa.text(old))

        # Without an end to history, all that ever was promoted can be asked for.
        assert three.retain(keep_versions=1).versions == []
        done = three.retain(keep_versions=1, keep_superseded=timedelta(hours=1))

        assert done.versions == ["log/hard_brakes 1.0.0"]
        # What to go back to is passed over where it is gone.
        assert three.demote(NAME).after == "2.0.0"
        assert three.demote(NAME) == Promotion("2.0.0", "3.0.0", is_promoted=False)

    def test_as_of_a_promotion_whose_results_are_gone_is_an_error(self, three: Store) -> None:
        three.promote(NAME, "1.0.0")
        then = datetime.now(UTC)
        three.promote(NAME, "3.0.0")
        three.retain(keep_versions=1, keep_superseded=timedelta(0), keep_commits=timedelta(0))
        three.gc(grace=timedelta(0))
        three.retain(keep_versions=1, keep_superseded=timedelta(0), keep_commits=timedelta(0))

        assert three.versions(NAME) == ["3.0.0"]
        with pytest.raises(StoreError, match=r"1\.0\.0 of log 'hard_brakes' was promoted"):
            three.scan(NAME, as_of=then)

    def test_a_version_that_is_promoted_meanwhile_stays(
        self, three: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from metrics_platform.store import retention

        plan = retention._old

        def promoted_after(*arguments: object) -> object:
            planned = list(plan(*arguments))  # type: ignore[arg-type]
            three.promote(NAME, "1.0.0")
            return planned

        monkeypatch.setattr(retention, "_old", promoted_after)
        done = three.retain(keep_versions=1)

        assert done.versions == ["log/hard_brakes 2.0.0"]
        assert read(three) == [1.0, 1.0]

    def test_shadows_do_not_count_among_the_highest(self, store: Store) -> None:
        write(store, "1.0.0", shadow=True)
        write(store, "2.0.0")
        write(store, "3.0.0", shadow=True)

        # One that the metric has overtaken goes; one that is before it may be running.
        assert store.retain(keep_versions=1).versions == ["log/hard_brakes 1.0.0"]
        assert read(store) == [2.0, 2.0]
