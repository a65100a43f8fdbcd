import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from metrics_platform.store import Found, LogRegistry, ReadLog, State, Store
from metrics_platform_tests.store.builders import computed


@pytest.fixture
def registry(store: Store) -> LogRegistry:
    return store.registry


def found(log_id: str, tag: str = "t1", source: str | None = None) -> Found:
    return Found(log_id, source or f"{log_id}.mcap", 10, tag)


def states(registry: LogRegistry) -> dict[str, str]:
    return dict(registry.logs().select("log_id", "state").iter_rows())


def test_a_log_is_new_once(registry: LogRegistry) -> None:
    first = registry.register([found("b"), found("a|1")])
    second = registry.register([found("b"), found("c")])

    assert first.new == ["a|1", "b"]
    assert (second.new, second.changed, second.unchanged) == (["c"], [], ["b"])
    assert states(registry) == {"a|1": "registered", "b": "registered", "c": "registered"}


def test_a_changed_source_is_to_be_read_again(registry: LogRegistry) -> None:
    registry.register([found("a")])
    registry.request(["a"], "k1")
    registry.mark_read([ReadLog("a", revision=1, content_hash="h1")])

    changed = registry.register([found("a", "t2")])

    assert changed.changed == ["a"]
    [log] = registry.logs().rows(named=True)
    assert (log["state"], log["revision"], log["source_tag"]) == ("registered", 2, "t2")
    assert log["request_key"] is None
    assert log["content_hash"] is None


def test_the_second_source_of_an_id_is_rejected_by_name_of_the_first(registry: LogRegistry) -> None:
    within = registry.register([found("a"), found("a", source="a")])
    later = registry.register([found("a", source="a.bag")])

    assert within.conflicting == ["a.mcap"]
    assert later.conflicting == ["a.bag"]
    assert registry.rejected().select("source", "reason").rows() == [
        ("a.bag", "log id 'a' is taken by a"),
        ("a.mcap", "log id 'a' is taken by a"),
    ]
    assert registry.register([found("a", source="a")]).unchanged == ["a"]


def test_sources_that_cannot_be_logs_are_kept_with_a_reason(registry: LogRegistry) -> None:
    registry.reject({"..%2Fx.mcap": "'../x' cannot be a log id"})
    seen = registry.rejected()
    registry.reject({"..%2Fx.mcap": "'../x' cannot be a log id"})

    assert seen.select("source", "reason").rows() == [("..%2Fx.mcap", "'../x' cannot be a log id")]
    assert registry.rejected()["seen_at"].to_list() == seen["seen_at"].to_list()


def test_a_request_is_taken_once(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b"), found("c")])

    assert registry.request(["a", "b"], "k1") == ["a", "b"]
    assert registry.request(["b", "c"], "k2") == ["c"]
    assert registry.requests() == {"k1": ["a", "b"], "k2": ["c"]}


def test_a_request_stays_until_its_run_has_succeeded(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b"), found("c")])
    registry.request(["a", "b", "c"], "k1")
    registry.mark_read([ReadLog("a")])
    registry.quarantine({"b": "cut off"})
    assert registry.requests() == {"k1": ["a", "c"]}

    assert registry.request_again(["a"], "k1", "k2") == ["a"]
    assert registry.request_again(["c"], "k1", "k3") == ["c"]
    assert registry.request_again(["c"], "k1", "k4") == []
    assert registry.requests() == {"k2": ["a"], "k3": ["c"]}
    assert states(registry) == {"a": "requested", "b": "quarantined", "c": "requested"}

    assert registry.settle("k2") == ["a"]
    assert registry.requests() == {"k3": ["c"]}


def test_what_a_run_has_not_read_waits_for_another(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b"), found("c")])
    registry.request(["a", "b", "c"], "k1")
    registry.mark_read([ReadLog("a")])
    registry.quarantine({"b": "cut off"})

    registry.settle("k1")

    assert states(registry) == {"a": "read", "b": "quarantined", "c": "registered"}
    assert registry.requests() == {}
    assert list(registry.waiting()) == ["c"]


def test_a_request_given_up_puts_aside_what_was_never_read(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b")])
    registry.request(["a", "b"], "k1")
    registry.mark_read([ReadLog("a")])

    assert registry.give_up("k1", "three runs failed") == ["b", "a"]

    assert states(registry) == {"a": "read", "b": "quarantined"}
    assert registry.logs()["reason"].to_list() == ["three runs failed"] * 2
    assert registry.requests() == {}


def test_what_reading_brought_to_light_is_kept(registry: LogRegistry, store: Store) -> None:
    registry.register([found("a")])

    read = ReadLog(
        "a", 1, "mcap", 17, 12.5, True, "van-3", "2026.1", "Ulm", "drive", ["rain"], "h1"
    )
    assert registry.mark_read([read]) == ["a"]

    [log] = registry.logs(State.READ).rows(named=True)
    expected = {
        "format": "mcap",
        "start_ns": 17,
        "duration_s": 12.5,
        "truncated": True,
        "vehicle": "van-3",
        "release": "2026.1",
        "place": "Ulm",
        "mission": "drive",
        "tags": '["rain"]',
        "content_hash": "h1",
    }
    assert {name: log[name] for name in expected} == expected
    store.write(computed({"a": [1.0]}))
    summary = store.summary("hard_brakes").select("release", "vehicle", "place")
    assert summary.rows() == [("2026.1", "van-3", "Ulm")]


def test_logs_of_a_tag_have_it_with_or_without_a_value(registry: LogRegistry) -> None:
    registry.register([found(log_id) for log_id in "abcde"])
    registry.mark_read(
        [
            ReadLog("a", tags=["rain", "night"]),
            ReadLog("b", tags={"rain": "light"}),
            ReadLog("c", tags={"weather": "rain"}),
            ReadLog("d"),
        ]
    )

    assert registry.logs(tag="rain")["log_id"].to_list() == ["a", "b"]
    assert registry.logs(State.REGISTERED, tag="rain").is_empty()


def test_a_reader_of_old_content_does_not_mark_the_new(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b")])
    registry.register([found("a", "t2"), found("b", "t2")])

    assert registry.mark_read([ReadLog("a", revision=1)]) == []
    assert registry.quarantine({"b": "cut off"}, revisions={"b": 1}) == []
    assert states(registry) == {"a": "registered", "b": "registered"}


def test_quarantine_keeps_the_reason_and_can_be_left(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b")])

    assert registry.quarantine({"a": "no reader: \0 bytes", "nobody": "x"}) == ["a"]
    assert registry.logs(State.QUARANTINED)["reason"].to_list() == ["no reader: \ufffd bytes"]

    assert registry.register_again(["a"]) == ["a"]
    assert registry.logs(log_ids=["a"]).select("state", "reason").rows() == [("registered", None)]
    # A run that was reading it all the while settles nothing.
    registry.mark_read([ReadLog("a", revision=1)])
    assert states(registry)["a"] == "registered"


def test_content_that_was_replaced_meanwhile_claims_nothing(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b")])
    registry.register([found("a", "later")])

    assert registry.claim_content({"a": "h1"}, revisions={"a": 1}) == {}
    assert registry.claim_content({"b": "h1"}, revisions={"b": 1}) == {}
    assert registry.logs(log_ids=["a"])["content_hash"].to_list() == [None]


def test_the_same_drive_under_another_name_is_found(registry: LogRegistry) -> None:
    registry.register([found("a")])
    registry.register([found("b"), found("c")])

    assert registry.claim_content({"a": "h", "b": "h", "c": "other"}) == {"b": "a"}
    assert registry.claim_content({"b": "h"}) == {"b": "a"}
    registry.quarantine({"b": "the same recording as a"})
    assert registry.claim_content({"a": "h"}) == {}


def test_a_drive_counts_again_once_its_double_has_other_content(registry: LogRegistry) -> None:
    registry.register([found("a"), found("b"), found("c")])
    registry.claim_content({"a": "h", "b": "h", "c": "other"})
    registry.mark_read([ReadLog("a")])
    registry.quarantine({"b": "same recording as log a", "c": "cut off"})

    registry.register([found("a", "t2")])

    assert states(registry) == {"a": "registered", "b": "registered", "c": "quarantined"}
    assert registry.claim_content({"b": "h"}) == {}


@pytest.mark.parametrize(
    ("said", "kept"), [("van\0", "van\ufffd"), ("van \ud800", "van ?")], ids=["NUL", "surrogate"]
)
def test_what_is_no_text_keeps_no_log_from_being_read(
    registry: LogRegistry, said: str, kept: str
) -> None:
    registry.register([found("a"), found("b")])

    assert registry.mark_read([ReadLog("a", vehicle=said, tags=[said]), ReadLog("b")]) == ["a", "b"]

    row = registry.logs(log_ids=["a"]).row(0, named=True)
    assert (row["vehicle"], json.loads(row["tags"])) == (kept, [kept])


def test_many_sensors_register_the_same_page(registry: LogRegistry) -> None:
    page = [found(f"log-{number:03d}") for number in range(200)]

    def register(order: int) -> Sequence[str]:
        return registry.register(page if order % 2 else page[::-1]).new

    with ThreadPoolExecutor(8) as pool:
        new = [log_id for part in pool.map(register, range(8)) for log_id in part]

    assert sorted(new) == [log.log_id for log in page]
    assert registry.logs()["revision"].unique().to_list() == [1]


def test_many_runs_claim_the_same_logs(registry: LogRegistry) -> None:
    registry.register([found(f"log-{number:03d}") for number in range(100)])
    log_ids = [f"log-{number:03d}" for number in range(100)]

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda key: registry.request(log_ids, f"k{key}"), range(8)))

    assert sorted(log_id for part in parts for log_id in part) == log_ids


def test_only_logs_that_were_read_and_nobody_waits_for_are_archived(registry: LogRegistry) -> None:
    registry.register([found(log_id) for log_id in "abcd"])
    registry.request(["b", "c"], "k1")
    registry.mark_read([ReadLog("a"), ReadLog("b")])
    registry.quarantine({"d": "damaged"})

    assert registry.archivable() == ["a"]
    assert registry.archive(list("abcd")) == ["a"]
    assert registry.archive(list("abcd")) == []
    assert registry.archived() == registry.archived(["a", "b"]) == ["a"]
    # The same upload again is no news; of an archived log, too, the content counts once.
    assert registry.register([found("a")]).unchanged == ["a"]
    assert registry.archived() == ["a"]


def test_an_archived_log_comes_back_with_other_content_or_when_asked_for(
    registry: LogRegistry,
) -> None:
    registry.register([found("a"), found("b")])
    registry.mark_read([ReadLog("a"), ReadLog("b")])
    registry.archive(["a", "b"])

    registry.register([found("a", "t2")])
    assert registry.archived() == ["b"]
    registry.register_again(["b"])
    assert registry.archived() == []
    assert registry.waiting() == {"a": 10, "b": 10}
    assert registry.count(State.REGISTERED) == 2
    assert registry.sizes(["b", "nobody"]) == {"b": 10}
