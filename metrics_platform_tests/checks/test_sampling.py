"""Which logs are sampled: reproducible, of every kind, and mostly the same as the fleet grows."""

import json
from collections import Counter
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.checks.sampling import by_stratum, sample
from metrics_platform.checks.sampling import pinned as pinned_of


def _logs(rows: Sequence[tuple[str, str | None, str | None, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(log_id, release, place, json.dumps(tags)) for log_id, release, place, tags in rows],
        schema=dict.fromkeys(("log_id", "release", "place", "tags"), pl.String),
        orient="row",
    )


def _fleet(count: int) -> pl.DataFrame:
    """Nine in ten logs are of one kind; the others are of three rare ones."""
    return _logs(
        [
            (f"log-{n}", "2.0", "harbour", [])
            if n % 10
            else (f"log-{n}", "1.0", "hill", [["rain"], ["snow"], []][n // 10 % 3])
            for n in range(count)
        ]
    )


def test_the_same_seed_gives_the_same_logs_whatever_their_order() -> None:
    fleet = _fleet(300)

    chosen = sample(fleet, seed=1, most=30)

    assert sample(fleet.sample(fraction=1.0, shuffle=True), seed=1, most=30).equals(chosen)
    assert set(sample(fleet, seed=2, most=30)["log_id"]) != set(chosen["log_id"])
    assert chosen["log_id"].n_unique() == 30


def test_this_sample_stays_what_it_is() -> None:
    """Another hash, or Polars with another one, would give another sample."""
    assert sample(_fleet(300), seed=0, most=4)["log_id"].to_list() == [
        "log-278", "log-270", "log-70", "log-260",
    ]  # fmt: skip


def test_rare_kinds_of_logs_have_their_turn() -> None:
    chosen = by_stratum(sample(_fleet(300), seed=1, most=20))

    kinds = Counter(chosen.select("release", "place", "tag").iter_rows())
    assert kinds == {
        ("2.0", "harbour", None): 5,
        ("1.0", "hill", "rain"): 5,
        ("1.0", "hill", "snow"): 5,
        ("1.0", "hill", None): 5,
    }


def test_most_of_it_stays_when_the_fleet_grows() -> None:
    before = set(sample(_fleet(300), seed=1, most=40)["log_id"])
    after = set(sample(_fleet(330), seed=1, most=40)["log_id"])

    assert len(before & after) >= 32


def test_pinned_logs_are_always_among_them_and_come_first() -> None:
    fleet = pl.concat([_fleet(50), _logs([("p1", None, None, ["rain", "pinned"])])])

    chosen = sample(fleet, seed=1, most=10)

    assert chosen.height == 11
    first = chosen.row(0, named=True)
    assert first == {
        "log_id": "p1", "release": None, "place": None, "tags": ["rain"], "pinned": True,
    }  # fmt: skip
    assert not chosen["pinned"][1:].any()


@pytest.mark.parametrize(
    ("tags", "pinned", "told"),
    [
        ([], False, []),
        (["wet", "dark"], False, ["dark", "wet"]),
        ({"weather": "rain", "pinned": "true"}, True, ["weather=rain"]),
        ({"weather": "rain"}, False, ["weather=rain"]),
        ({"pinned": False}, False, []),
        ({"pinned": "False"}, False, []),
        ({"pinned": None}, False, []),
        ({"pinned": 1}, True, []),
        ({"pinned": True}, True, []),
        (["unpinned"], False, ["unpinned"]),
    ],
)
def test_tags_are_words_or_words_with_a_value(tags: object, pinned: bool, told: list[str]) -> None:
    [row] = sample(_logs([("a", None, None, tags)]), seed=0, most=5).rows(named=True)

    assert (row["pinned"], row["tags"]) == (pinned, told)
    assert pinned_of(_logs([("a", None, None, tags)])) == (["a"] if pinned else [])


def test_a_log_counts_in_all_of_its_tags() -> None:
    logs = _logs([("a", "1", "x", ["rain", "night"])])

    assert by_stratum(sample(logs, seed=0, most=5))["tag"].to_list() == ["night", "rain"]


def test_of_no_logs_none_is_sampled() -> None:
    assert sample(_logs([]), seed=0, most=5).is_empty()


@given(st.integers(0, 60), st.integers(0, 20), st.integers())
def test_never_more_than_asked_for_and_never_less(count: int, most: int, seed: int) -> None:
    chosen = sample(_fleet(count), seed=seed, most=most)

    assert chosen["log_id"].n_unique() == chosen.height == min(count, most)
