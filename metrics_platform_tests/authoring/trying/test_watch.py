"""At each save what has changed is imported anew, and what hasn't is kept."""

import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Timer

import pytest

from metrics_platform.authoring.trying.inputs import situations
from metrics_platform.authoring.trying.modules import Modules
from metrics_platform.authoring.trying.trial import Bench
from metrics_platform.authoring.trying.watch import StartAnewError, told, watch
from metrics_platform.core.errors import ContractError, UnknownNameError
from metrics_platform.core.statuses import Status
from metrics_platform_tests.authoring.scaffolding.packages import FILES, installed, save

Edit = Callable[[], object]
_SCRIPT = Path(sysconfig.get_path("scripts")) / "metrics-platform"
# Cruising at 15 m/s for ten seconds.
WAY_M = 150.0
_PATIENCE_S = 60.0
RUNNER = "metrics_platform.cli.run"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path) as folder:
        yield folder


def _way(bench: Bench) -> float | str:
    """Return what the metric says, or why it doesn't."""
    try:
        result = bench.trial().result
    except Exception as error:
        return told(error, [])
    [outcome] = result.outcomes.values()
    return outcome.reason or round(result.summary["way_m"].item(), 6)


def _watched(edits: Sequence[Edit], bench: Bench | None = None) -> list[float | str]:
    """Return what the metric says at first and after each edit that made it run again."""
    bench = bench or Bench("acme_way", situations(["cruise"]))
    found = [_way(bench)]
    pending = iter(edits)
    modules = Modules()

    def wait() -> None:
        edit = next(pending, None)
        if edit is None:
            raise KeyboardInterrupt
        edit()

    def again(saved: frozenset[Path], reading_changed: bool) -> bool:
        if reading_changed:
            bench.forget(unless_up_to_date=True)
        found.append(_way(bench))
        return isinstance(found[-1], float)

    with pytest.raises(KeyboardInterrupt):
        watch(modules, again, runner=RUNNER, wait=wait, good=isinstance(found[0], float))
    return found


def test_the_metric_and_helpers_near_and_far_are_seen(package: Path) -> None:
    metric, near, far = package / "metrics" / "way.py", package / "near.py", package / "far.py"

    found = _watched(
        [
            lambda: save(metric, "scaled(x.max()", "2 * scaled(x.max()"),
            lambda: save(near, "way * far", "10 * way * far"),
            lambda: save(far, "FACTOR = 1.0", "FACTOR = 3.0"),
            # Within the same second, and of the same length.
            lambda: save(far, "FACTOR = 3.0", "FACTOR = 5.0"),
        ]
    )

    factors = (1, 2, 20, 60, 100)
    assert found == pytest.approx([WAY_M * factor for factor in factors])


def test_what_nobody_uses_runs_nothing(package: Path) -> None:
    (package / "test_way.py").write_text("", encoding="utf-8")

    found = _watched([lambda: save(package / "test_way.py", "", "x = 1")])

    assert found == [WAY_M]


def test_inputs_and_what_is_upstream_are_kept(package: Path) -> None:
    bench = Bench("acme_way", situations(["cruise"]))
    kept: list[frozenset[str]] = []
    trial = bench.trial
    bench.trial = lambda: kept.append((made := trial()).kept) or made  # type: ignore[method-assign,func-returns-value]

    _watched([lambda: save(package / "far.py", "1.0", "2.0")], bench)

    assert kept == [frozenset(), {"ego_states"}]


def test_errors_are_told_and_mended(package: Path) -> None:
    metric, far = package / "metrics" / "way.py", package / "far.py"

    found = _watched(
        [
            lambda: save(far, "FACTOR = 1.0", "FACTOR = = 1.0"),
            lambda: save(far, "FACTOR = = 1.0", "FACTOR = -1.0"),
            lambda: save(far, "FACTOR = -1.0", "FACTR = 1.0"),
            lambda: save(far, "FACTR = 1.0", "FACTOR = 1.0"),
            lambda: save(metric, "ego_states", "ego_state"),
            lambda: save(metric, "ego_state", "ego_states"),
            lambda: save(metric, "from acme.near", "from acme.nearer"),
            lambda: (package / "nearer.py").write_text((package / "near.py").read_text()),
            lambda: save(metric, "def acme_way", "def acme_ways"),
            lambda: save(metric, "def acme_ways", "def acme_way"),
        ]
    )

    assert [value for value in found if isinstance(value, float)] == [WAY_M] * 5
    told_in_turn = [value for value in found if isinstance(value, str)]
    for text, part in zip(
        told_in_turn,
        [
            "far.py, line 1: SyntaxError: invalid syntax",
            "way_m",
            "AttributeError: module 'acme.far' has no attribute 'FACTOR'",
            "did you mean 'ego_states'?",
            "No module named 'acme.nearer'",
            "did you mean 'acme_way",
        ],
        strict=True,
    ):
        assert part in text


def test_a_package_that_is_broken_at_first_is_watched(tmp_path: Path) -> None:
    files = {**FILES, "acme/near.py": "def scaled(way:\n"}
    with installed(tmp_path, files) as package:
        mended = FILES["acme/near.py"]
        found = _watched([lambda: (package / "near.py").write_text(mended, encoding="utf-8")])

    assert "near.py, line 1: SyntaxError" in str(found[0])
    assert found[1] == WAY_M


def test_names_that_a_package_takes_from_its_modules_are_seen(tmp_path: Path) -> None:
    near = "import acme\nimport acme.alone\n\n\ndef scaled(way):\n    return way * acme.FACTOR"
    files = {
        **FILES,
        "acme/__init__.py": "from acme.far import FACTOR\n",
        "acme/near.py": f"{near} * acme.alone.UNUSED\n",
    }
    with installed(tmp_path, files) as package:
        found = _watched([lambda: save(package / "far.py", "1.0", "4.0")])

    assert found == pytest.approx([WAY_M, 4 * WAY_M])


def test_what_the_command_runs_on_takes_a_new_process(tmp_path: Path) -> None:
    files = {**FILES, "acme/runner.py": "from acme.near import scaled\n"}
    with installed(tmp_path, files) as package:
        # As the command's own module is there before anything else.
        __import__("acme.runner")
        modules = Modules()
        edits: Iterator[Edit] = iter(
            [
                lambda: save(package / "far.py", "FACTOR = 1.0", "FACTOR = = 1"),
                lambda: save(package / "far.py", "FACTOR = = 1", "FACTOR = 2.0"),
            ]
        )

        def wait() -> None:
            next(edits)()

        def watched() -> None:
            watch(modules, lambda *_: True, runner="acme.runner", wait=wait)

        with pytest.raises(SyntaxError):
            watched()
        with pytest.raises(StartAnewError, match=r"^far.py was saved$"):
            watched()


def test_an_error_is_told_with_the_innermost_line_of_their_own(package: Path) -> None:
    save(package / "far.py", "FACTOR = 1.0", "def fail():\n    return {}['none']\n")
    far = __import__("acme.far", fromlist=["fail"])

    with pytest.raises(KeyError) as raised:
        far.fail()

    assert told(raised.value, [package]) == f"{package / 'far.py'}, line 2: KeyError: 'none'"
    assert told(raised.value, []) == "KeyError: 'none'"
    assert told(ContractError("as it is"), [package]) == "as it is"
    assert "did you mean" in told(UnknownNameError("log", "log_a", ["log_b"]), [package])


def test_a_failure_of_the_function_is_an_outcome(package: Path) -> None:
    save(package / "metrics" / "way.py", 'pl.col("x_m")', 'pl.col("xm")')

    result = Bench("acme_way", situations(["cruise"])).trial().result

    assert result.logs_with(Status.FAILED) == ["cruise"]


def test_the_command_runs_again_at_each_save_until_ctrl_c(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [_SCRIPT, "run", "acme_way", "--synthetic", "cruise", "--watch"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")

    # Should a line never come, the test is to fail.
    deadline = Timer(_PATIENCE_S, process.kill)
    deadline.start()

    def until(part: str) -> str:
        seen = []
        for line in lines:
            seen.append(line)
            if part in line:
                return "".join(seen)
        raise AssertionError("".join(seen))

    try:
        assert "150.000" in until("Watching")
        save(tmp_path / "acme" / "far.py", "1.0", "2.0")
        assert "far.py" in until("300.000")
        until("Memory")
        save(tmp_path / "acme" / "far.py", "FACTOR", "FACTOR =")
        assert "error: " in until("SyntaxError")
        save(tmp_path / "acme" / "far.py", "FACTOR =", "FACTOR")
        until("300.000")
        process.send_signal(signal.SIGINT)
        assert "Stopped" in until("Stopped")
        assert process.wait(30) == 0
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
