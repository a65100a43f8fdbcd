"""What people ask to be computed again, in the index."""

from datetime import timedelta

from metrics_platform.store import Store


def test_what_was_asked_for_at_once_has_one_moment(store: Store) -> None:
    store.backfills.request(["b", "a", "b"])
    store.backfills.request(["c"])
    store.backfills.request([])

    first, second, third = store.backfills.requested().rows()

    assert (first[0], second[0], third[0]) == ("a", "b", "c")
    assert first[1] == second[1] < third[1]


def test_who_asks_again_begins_anew_and_is_not_struck_off_by_what_went_before(
    store: Store,
) -> None:
    store.backfills.request(["a", "b"])
    before = store.backfills.requested()["requested_at"][0]
    store.backfills.request(["a"])

    store.backfills.forget(["a", "b"], before)

    assert store.backfills.requested()["name"].to_list() == ["a"]


def test_only_what_is_named_is_struck_off(store: Store) -> None:
    store.backfills.request(["a", "b"])
    at = store.backfills.requested()["requested_at"][0]

    store.backfills.forget(["a"], at)
    store.backfills.forget(["b"], at - timedelta(seconds=1))

    assert store.backfills.requested()["name"].to_list() == ["b"]
