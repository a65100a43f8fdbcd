"""What may name a log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.core.errors import InvalidLogIdError, LogError
from metrics_platform.core.log_ids import check_log_id


@pytest.mark.parametrize(
    "log_id",
    [
        "a",
        "0",
        "_hidden",
        "2026-11-18_0905_truck-03",
        "2026-11-18T09:05:00+01:00",
        "b0c9d2329ad1606b|2018-07-27--06-03-57/12".replace("/", "--"),
        "date=2026-11-18",
        "run 7",
        "v1.2.3",
        "a@b~c",
        "x" * 199,
    ],
)
def test_real_ids_pass_as_they_are(log_id: str) -> None:
    assert check_log_id(log_id) == log_id


@pytest.mark.parametrize(
    "log_id",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 200, id="200-characters"),
        pytest.param("..", id="parent"),
        pytest.param("../", id="parent-folder"),
        pytest.param("../../etc/passwd", id="traversal"),
        pytest.param("a/../b", id="traversal-inside"),
        pytest.param("a..b", id="two-dots"),
        pytest.param(".hidden", id="leading-dot"),
        pytest.param("a/b", id="slash"),
        pytest.param("a\\b", id="backslash"),
        pytest.param("/a", id="absolute"),
        pytest.param(" a", id="leading-space"),
        pytest.param("a ", id="trailing-space"),
        pytest.param("a\n", id="newline-at-the-end"),
        pytest.param("a\nb", id="newline"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a'b", id="quote"),
        pytest.param('a"b', id="double-quote"),
        pytest.param("a,b", id="comma"),
        pytest.param("a...b", id="range-of-partitions"),
        pytest.param("a*", id="wildcard"),
        pytest.param("a?b", id="question-mark"),
        pytest.param("a#b", id="hash"),
        pytest.param("a%2e%2e", id="percent"),
        pytest.param("a[0]", id="brackets"),
        pytest.param("Straße", id="not-ascii"),
        pytest.param("a\u202eb", id="right-to-left"),
        pytest.param("-a", id="leading-dash"),
    ],
)
def test_what_would_lead_astray_is_refused(log_id: str) -> None:
    with pytest.raises(InvalidLogIdError, match="cannot be a log id: expected 1 to 199 letters"):
        check_log_id(log_id)


def test_it_is_an_error_of_the_log() -> None:
    with pytest.raises(LogError, match=r"'\.\./x' cannot be"):
        check_log_id("../x")


@given(st.text(max_size=220))
def test_whatever_passes_is_one_plain_path_segment(text: str) -> None:
    try:
        log_id = check_log_id(text)
    except InvalidLogIdError:
        return
    assert log_id == text
    assert 1 <= len(log_id) <= 199
    assert log_id.isascii()
    assert log_id.isprintable()
    assert log_id == log_id.strip()
    assert not set(log_id) & set("/\\\"'*?#%,;<>[]{}()`$!^&\n")
    assert ".." not in log_id
    assert not log_id.startswith((".", "-"))
