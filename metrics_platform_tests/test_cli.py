"""The `metrics-platform` command, as a person and a script use it."""

import contextlib
import fcntl
import io
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import sysconfig
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import typer
from polars.testing import assert_frame_equal

from metrics_platform.cli import app, main
from metrics_platform.cli.terminal import console_on
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.store import Found, ReadLog, Store
from metrics_platform.testing.demo_fleet import DemoFleet, write_demo_fleet
from metrics_platform_tests.store.builders import computed, definition

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
_SCRIPT = Path(sysconfig.get_path("scripts")) / "metrics-platform"
_OURS = ("METRICS_PLATFORM_", "DAGSTER_", "AWS_", "GOOGLE_")


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def run(environment: Mapping[str, str], *arguments: object) -> Done:
    """Run the command in this process, with nothing configured but what is given."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name in [name for name in os.environ if name.startswith(_OURS)]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["metrics-platform", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int)
    return Done(status, out.getvalue(), err.getvalue())


def in_shell(environment: Mapping[str, str], *arguments: object) -> Done:
    """Run the command as a shell does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    done = subprocess.run(
        [_SCRIPT, *map(str, arguments)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def in_terminal(environment: Mapping[str, str], columns: int, *arguments: object) -> str:
    """Run the command in a terminal of that width, and return what is on it."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(_OURS) and n != "COLUMNS"}
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [_SCRIPT, *map(str, arguments)],
        env={**kept, **environment, "TERM": "xterm"},
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        shown = b""
        # The terminal is gone with the last of its processes.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65_536):
                shown += part
        assert process.wait() == 0, shown
    os.close(ours)
    # Without colours.
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> DemoFleet:
    return write_demo_fleet(tmp_path_factory.mktemp("fleet"), logs=8)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A data directory in which no server may be started."""
    yield tmp_path / "home"
    assert not (tmp_path / "home" / "postgres").exists()


def without_server(home: Path) -> dict[str, str]:
    return {"METRICS_PLATFORM_HOME": str(home)}


@pytest.mark.parametrize("stderr", [False, True])
def test_what_goes_into_a_pipe_is_wide_unless_columns_says_how_wide(
    stderr: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console_on(io.StringIO(), stderr=stderr).width == 160
    monkeypatch.setenv("COLUMNS", "50")
    assert console_on(io.StringIO(), stderr=stderr).width == 50


def test_every_command_has_help() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    told = "".join(
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    )
    # The Makefile makes the environment and then calls the command of that name.
    assert re.search(rf"(metrics-platform|make) {name}\b", told), f"no word of `{name}`"


def test_only_commands_that_exist_are_documented() -> None:
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        named = re.findall(r"`metrics-platform ([a-z]+)", path.read_text(encoding="utf-8"))
        assert set(named) <= set(COMMANDS), path.name


def test_every_command_is_tested() -> None:
    tests = ROOT / "metrics_platform_tests"
    others = [
        *(tests / "end_to_end").glob("*.py"),
        *(tests / "authoring").rglob("*.py"),
        *(tests / "delivery").glob("*_command.py"),
    ]
    tested = "".join(path.read_text(encoding="utf-8") for path in [Path(__file__), *others])
    # `demo` is what the README's test runs.
    for name in {*COMMANDS} - {"demo"}:
        assert re.search(rf'[,\[(] *"{name}"', tested), f"no test runs `metrics-platform {name}`"


def test_without_arguments_it_shows_the_commands(home: Path) -> None:
    done = run(without_server(home))

    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", done.out + done.err)


def test_help_is_there_without_a_server(home: Path) -> None:
    for name in COMMANDS:
        done = run(without_server(home), name, "--help")
        assert done.status == 0
        assert "Usage: metrics-platform" in done.out


def test_run_prints_rows_summary_and_time_and_needs_no_server(home: Path, fleet: DemoFleet) -> None:
    log_id = next(i for i, name in fleet.scenarios.items() if name == "hard_brake")

    done = in_shell(without_server(home), "run", "hard_brakes", "--log", fleet.logs[log_id])

    assert done.status == 0, done.err
    version = default_catalog()["hard_brakes"].version
    assert f"hard_brakes {version}: rows" in done.out
    assert f"hard_brakes {version}: summary" in done.out
    assert "peak_deceleration_mps2" in done.out
    assert log_id in done.out
    assert "1 of 1 logs computed" in done.out
    assert re.search(r"reading \d+\.\d\d s, computing \d+\.\d\d s", done.out)
    assert re.search(r"computing added \d+ MB; at most \d+ MB in this process", done.out)
    assert not home.exists()


def test_run_tells_of_each_log_what_became_of_it(
    home: Path, fleet: DemoFleet, tmp_path: Path
) -> None:
    folder = next(iter(fleet.logs.values())).parent
    good, blind = next(iter(fleet.logs)), fleet.without_tracks
    paths = [folder / f"{log_id}.mcap" for log_id in (good, blind, fleet.unreadable)]
    logs = [argument for path in paths for argument in ("--log", path)]
    output = tmp_path / "rows.parquet"

    done = run(without_server(home), "run", "time_to_collision", *logs, "--output", output)

    assert done.status == 0, done.err
    assert "rows written to" in done.out
    assert set(pl.read_parquet(output)["log_id"].unique()) <= {good}
    assert "1 of 3 logs computed, 2 abstained" in done.out
    assert "is not a recording" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "hard_brake", "--log", "."],
            "no signal or metric named 'hard_brake'; did you mean 'hard_b",
        ),
        (["show", "time_to_colision"], "did you mean 'time_to_collision'?"),
        (["run", "hard_brakes", "--log", "no.mcap"], "there is no recording at no.mcap"),
        (["run", "hard_brakes", "--log", "[/b]:x:[e]"], "there is no recording at [/b]:x:[e]"),
    ],
    ids=["misspelled", "misspelled in show", "no such file", "brackets"],
)
def test_an_error_is_one_sentence(home: Path, arguments: list[str], sentence: str) -> None:
    done = in_shell(without_server(home), *arguments)

    assert done.status == 1
    assert "Traceback" not in done.err
    assert done.err.startswith("error: ")
    assert sentence in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("METRICS_PLATFORM_ROOT", "ftp://x", "METRICS_PLATFORM_ROOT must be a folder"),
        ("METRICS_PLATFORM_POSTGRESS", "x", "unknown setting METRICS_PLATFORM_POSTGRESS"),
        ("METRICS_PLATFORM_POSTGRES", "mysql://x", "METRICS_PLATFORM_POSTGRES must be postgresql"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    home: Path, variable: str, value: str, sentence: str
) -> None:
    done = run({**without_server(home), variable: value}, "logs")

    assert (done.status, done.out) == (1, "")
    assert "Traceback" not in done.err
    assert sentence in " ".join(done.err.split())


def test_two_recordings_of_one_name_are_refused(
    home: Path, fleet: DemoFleet, tmp_path: Path
) -> None:
    log_id, path = next(iter(fleet.logs.items()))
    other = tmp_path / f"{log_id}.bag"
    other.write_bytes(b"")

    done = run(without_server(home), "run", "hard_brakes", "--log", path, "--log", other)

    assert done.status == 1
    assert f"would both be log '{log_id}'" in " ".join(done.err.split())


def test_an_output_of_no_format_is_refused(home: Path, fleet: DemoFleet, tmp_path: Path) -> None:
    path = next(iter(fleet.logs.values()))

    done = run(
        without_server(home), "run", "hard_brakes", "--log", path, "--output", tmp_path / "x.xls"
    )

    assert done.status == 1
    assert "must end in one of .csv, .json, .parquet" in " ".join(done.err.split())


def test_metrics_lists_all_there_are(home: Path) -> None:
    done = run(without_server(home), "metrics")

    assert done.status == 0
    for found in default_catalog():
        assert re.search(rf"^{found.name} .*{re.escape(found.version)}", done.out, re.MULTILINE)


def test_dev_says_when_its_port_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run(without_server(home), "dev", "--port", port)

    assert done.status == 1
    assert f"port {port} is taken: choose another with --port" in " ".join(done.err.split())


@pytest.fixture
def stored(settings: Settings) -> dict[str, str]:
    """The environment of a platform with results: of two versions, and of two times."""
    hard_brakes = definition("hard_brakes", "1.0.0")
    with Store.open(settings) as store:
        found = [Found(log_id, f"{log_id}.mcap", 7, "t") for log_id in ("a", "b")]
        store.registry.register(found)
        store.registry.quarantine({"b": "it is an empty file"})
        store.registry.reject({"größe.mcap": "'größe' cannot be a log id"})
        store.write(computed({"a": [1234567.25], "b": [4.0, 5.0]}, of=hard_brakes))
        store.write(computed({"a": [7.5]}, of=definition("hard_brakes", "2.0.0")))
    return settings.environment()


def test_show_prints_a_line_per_log_of_the_newest_version(stored: dict[str, str]) -> None:
    done = run(stored, "show", "hard_brakes")

    assert done.status == 0, done.err
    assert re.search(r"^a +computed .*7\.500", done.out, re.MULTILINE)
    assert done.out.rstrip().endswith("1 of 1 logs computed")
    title = default_catalog()["hard_brakes"].description.splitlines()[0]
    assert title in " ".join(done.out.split())


def test_show_another_version_and_only_some_logs(stored: dict[str, str]) -> None:
    everything = run(stored, "show", "hard_brakes", "--version", "1.0.0")
    some = run(stored, "show", "hard_brakes", "--version", "1.0.0", "--log", "b")

    assert "1,234,567.250" in everything.out
    assert everything.out.rstrip().endswith("2 of 2 logs computed")
    assert "1,234,567.250" not in some.out
    assert some.out.rstrip().endswith("1 of 1 logs computed")


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_show_writes_rows_to_a_file(stored: dict[str, str], tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out.{suffix}"

    done = run(stored, "show", "hard_brakes", "--version", "1.0.0", "--rows", "--output", output)

    assert done.status == 0, done.err
    assert "3 rows written to" in done.out
    frame = getattr(pl, f"read_{suffix}")(output).select("log_id", "peak_deceleration_mps2")
    expected = {"log_id": ["a", "b", "b"], "peak_deceleration_mps2": [1234567.25, 4.0, 5.0]}
    assert_frame_equal(frame, pl.DataFrame(expected))


def test_show_as_of_a_moment(stored: dict[str, str], settings: Settings) -> None:
    with Store.open(settings) as store:
        [first, *_] = store.history("hard_brakes", "a")["committed_at"]
    before = (first - timedelta(minutes=1)).astimezone().replace(tzinfo=None, microsecond=0)
    after = (datetime.now() + timedelta(seconds=1)).replace(microsecond=0)

    early = run(stored, "show", "hard_brakes", "--as-of", before.isoformat())
    late = run(stored, "show", "hard_brakes", "--as-of", after.isoformat())

    assert early.status == 1
    assert "nothing was computed of log 'hard_brakes' until" in " ".join(early.err.split())
    assert "7.500" in late.out


def test_show_of_what_was_never_computed_is_an_error(stored: dict[str, str]) -> None:
    done = run(stored, "show", "time_headway")

    assert done.status == 1
    assert "nothing was computed of log 'time_headway'" in " ".join(done.err.split())


def test_show_of_a_version_that_there_is_not_names_those_there_are(stored: dict[str, str]) -> None:
    for rows in ([], ["--rows"]):
        done = run(stored, "show", "hard_brakes", "--version", "9.9.9", *rows)

        assert done.status == 1
        told = " ".join(done.err.split())
        assert "nothing was computed of log 'hard_brakes' 9.9.9; there are: 1.0.0, 2.0.0" in told


@pytest.mark.parametrize("columns", [24, 60])
def test_no_terminal_is_too_narrow_for_a_number(stored: dict[str, str], columns: int) -> None:
    shown = in_terminal(stored, columns, "show", "hard_brakes", "--version", "1.0.0")

    assert "1,234,567.250" in shown
    assert max(len(line) for line in shown.splitlines()) <= columns


def test_logs_tells_the_state_of_each_and_why(stored: dict[str, str], tmp_path: Path) -> None:
    everything = run(stored, "logs")
    aside = run(stored, "logs", "--state", "quarantined")
    none = run(stored, "logs", "--state", "read")
    written = run(stored, "logs", "--output", tmp_path / "logs.json")

    assert "1 quarantined, 1 registered, 1 rejected" in everything.out
    assert "'größe' cannot be a log id" in everything.out
    assert "it is an empty file" in aside.out
    assert "registered" not in aside.out
    assert "no such logs; recordings are taken from" in none.out
    assert written.status == 0
    assert pl.read_json(tmp_path / "logs.json")["log_id"].to_list() == ["a", "b", "größe.mcap"]


@pytest.fixture
def behind(stored: dict[str, str], settings: Settings) -> dict[str, str]:
    """The same, where one log was read of which today's code would store more."""
    with Store.open(settings) as store:
        store.registry.mark_read([ReadLog("a", format="mcap")])
    return stored


def test_stale_counts_logs_of_each_definition_that_needs_something(behind: dict[str, str]) -> None:
    done = run(behind, "stale")

    assert done.status == 0, done.err
    assert re.search(r"^name +version +logs +current +abstained", done.out, re.MULTILINE)
    # Of the log in quarantine it is told once, and as a failure of reading it.
    assert re.search(r"^recordings +\S+ +2 +1 +0 +1 +1 +0 +0 *$", done.out, re.MULTILINE)
    assert re.search(r"^ego_states +\S+ +1 +0 +0 +0 +1 +0 +0 *$", done.out, re.MULTILINE)
    total = len(default_catalog())
    assert done.out.rstrip().endswith(
        f"1 of {total + 1} results of {total} definitions are up to date, "
        f"{total - 1} missing, 1 stale by code; 1 failed"
    )


def test_stale_tells_of_each_log_why(behind: dict[str, str], tmp_path: Path) -> None:
    done = run(behind, "stale", "recordings", "ego_states", "--logs")

    assert re.search(r"^recordings +a +missing *$", done.out, re.MULTILINE)
    assert re.search(r"^recordings +b +failed: it is an empty file *$", done.out, re.MULTILINE)
    assert re.search(r"^ego_states +a +missing *$", done.out, re.MULTILINE)
    assert "more; --output" not in done.out

    everything = run(behind, "stale", "--logs")
    more = len(default_catalog()) + 1 - 60
    assert f"{more} more; --output FILE.csv writes them all" in everything.out

    path = tmp_path / "stale.csv"
    assert run(behind, "stale", "--logs", "--output", path).status == 0
    written = pl.read_csv(path)
    assert written.columns == ["name", "log_id", "why"]
    assert len(written) == len(default_catalog()) + 1


def test_stale_asks_for_a_backfill_where_it_is_told_to(
    behind: dict[str, str], settings: Settings
) -> None:
    run(behind, "stale")
    with Store.open(settings) as store:
        assert store.backfills.requested().is_empty()

    done = run(behind, "stale", "hard_brakes", "ego_states", "--request")
    assert "asked for: ego_states, hard_brakes; the sensor `backfills`" in done.out
    with Store.open(settings) as store:
        assert store.backfills.requested()["name"].to_list() == ["ego_states", "hard_brakes"]

    run(behind, "stale", "--request")
    with Store.open(settings) as store:
        asked = set(store.backfills.requested()["name"])
    assert asked == {definition.name for definition in default_catalog()}


def test_stale_refuses_a_name_that_there_is_not(stored: dict[str, str]) -> None:
    done = run(stored, "stale", "hard_breaks")

    assert done.status == 1
    assert "hard_brakes" in done.err


def test_stale_says_so_where_nothing_is(stored: dict[str, str], settings: Settings) -> None:
    done = run(stored, "stale", "ego_states", "--request")
    nothing = run(stored, "stale", "--request")

    # A log that was not read yet is nobody's fault.
    assert "0 of 0 results of 1 definition are up to date" in done.out
    assert "nothing to ask for: up to date with all they need: ego_states" in done.out
    assert "asked for" not in done.out
    with Store.open(settings) as store:
        assert store.backfills.requested().is_empty()
    assert "nothing to ask for" in nothing.out


def test_compact_tells_what_was_merged(stored: dict[str, str], settings: Settings) -> None:
    assert "nothing to compact" in run(stored, "compact").out
    with Store.open(settings) as store:
        store.write(computed({"c": [7.5]}, of=definition("hard_brakes", "2.0.0")))

    done = run(stored, "compact", "hard_brakes", "--which", "all")

    assert done.status == 0, done.err
    # Of two files of one row each it has made one.
    assert re.search(r"^hard_brakes +log +2\.0\.0 +2 +1 +2 ", done.out, re.MULTILINE)
    refused = run(stored, "compact", "hard_breaks")
    assert refused.status == 1
    assert "did you mean 'hard_brakes'?" in refused.err


def test_gc_deletes_what_is_kept_no_longer(stored: dict[str, str], settings: Settings) -> None:
    with Store.open(settings) as store:
        store.objects.put("log/hard_brakes/[/b].txt", b"ours?")
        # The one that today's code writes is kept, whichever are higher.
        store.write(computed({"a": [1.0], "b": [2.0]}, of=definition("hard_brakes", "0.9.0")))
    keep_one = {**stored, "METRICS_PLATFORM_KEEP_VERSIONS": "1"}

    kept = run(stored, "gc", "--grace-h", "0")
    told = run(keep_one, "gc", "--grace-h", "0", "--dry-run")
    waiting = run(keep_one, "gc")
    done = run(keep_one, "gc", "--grace-h", "0")

    assert "0 results of 0 old versions deleted" in kept.out
    assert "1 objects are not ours and stay: log/hard_brakes/[/b].txt" in kept.out
    assert "2 results of 1 old versions would be deleted\n  log/hard_brakes 0.9.0" in told.out
    assert "0 files and 0 orphans deleted, 0.0 MB; 1 more have not waited for 24 h" in waiting.out
    assert "1 files and 0 orphans deleted, 0.0 MB; 0 more have not waited for 0 h" in done.out
    with Store.open(settings) as store:
        assert store.versions("hard_brakes") == ["1.0.0", "2.0.0"]


def test_archive_takes_old_logs_out_of_the_partitions(
    stored: dict[str, str], settings: Settings
) -> None:
    unclear = run(stored, "archive")
    assert unclear.status == 1
    assert "which logs?" in unclear.err
    with Store.open(settings) as store:
        store.registry.register([Found(log_id, log_id, 1, "t") for log_id in ("old", "other")])
        store.registry.mark_read([ReadLog("old"), ReadLog("other")])

    assert run(stored, "archive", "--days", "1").out == "0 logs archived\n"
    assert run(stored, "archive", "old", "--dry-run").out == "1 logs would be archived\n"
    assert run(stored, "archive", "old").out == "1 logs archived\n"
    with Store.open(settings) as store:
        assert store.registry.archived() == ["old"]
    due = run({**stored, "METRICS_PLATFORM_ARCHIVE_AFTER_DAYS": "1"}, "archive", "--days", "0")
    assert "1 logs archived" in due.out


def test_archive_names_logs_that_there_are_not(stored: dict[str, str], settings: Settings) -> None:
    with Store.open(settings) as store:
        store.registry.mark_read([ReadLog("a")])

    done = run(stored, "archive", "a", "typo", "b", "oops")

    assert done.status == 1
    assert "no such logs: 'oops', 'typo'" in " ".join(done.err.split())
    with Store.open(settings) as store:
        assert store.registry.archived() == []


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e9", "soon"])
@pytest.mark.parametrize("command", [("archive", "--days"), ("gc", "--grace-h")], ids=["a", "gc"])
def test_a_time_that_cannot_be_is_refused(home: Path, command: tuple[str, str], value: str) -> None:
    done = run(without_server(home), *command, value)

    assert done.status == 2
    assert f"Invalid value for '{command[1]}'" in done.err
    assert "Traceback" not in done.err


def test_what_only_some_commands_need_is_not_loaded_by_all() -> None:
    heavy = ("dagster", "sqlalchemy", "scipy", "matplotlib", "metrics_platform.testing")
    code = f"import sys, metrics_platform.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
