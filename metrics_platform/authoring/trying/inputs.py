"""What an author runs a metric on: recordings, made-up situations, or a corpus."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from metrics_platform.authoring.corpora import SYNTHETIC, by_log_id, corpus
from metrics_platform.authoring.project import Project
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.core.frames import empty_frame
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import load_settings
from metrics_platform.core.statuses import Computed, Outcome, Status

# What makes up a scenario, besides what it is about.
_OF_ANY = {"seconds": float, "bystanders": int}


@dataclass(frozen=True)
class Inputs:
    """Recorded signals of some logs.

    Attributes:
        signals: Every recorded signal by name, with an outcome for every log.
        log_ids: In the order in which they were named.
        made_up: They are no recordings: making them anew takes less than telling whether to.
    """

    signals: Mapping[str, Computed]
    log_ids: Sequence[str]
    made_up: bool = False

    @property
    def up_to_date(self) -> bool:
        """Whether the code of now is known to read the same from the same recordings."""
        if self.made_up:
            return False
        from metrics_platform.readers.config import ReaderConfig
        from metrics_platform.readers.formats import reader_fingerprint, recorded_signals

        config = ReaderConfig.load(load_settings().readers)
        recordings = self.signals["recordings"].rows
        formats = dict(recordings.select("log_id", "format").iter_rows())
        return all(
            self.signals[name].fingerprints.get(log_id)
            == reader_fingerprint(signal, formats.get(log_id, ""), config)
            for name, signal in recorded_signals().items()
            for log_id in self.log_ids
        )


# Gives what to try, one after the other, until some log has what the metric needs.
Reading = Callable[[], Sequence[Inputs]]


def recordings(paths: Sequence[Path]) -> Reading:
    """Return how to read the recordings at `paths`, each named as the inbox would.

    Raises:
        ConfigurationError: One isn't there, or two have the same name.
    """
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"there is no recording at {path}")
    named = by_log_id(path.resolve() for path in paths)

    def read() -> Sequence[Inputs]:
        # Imported when they are needed: an author may have changed a kernel that they use.
        from metrics_platform.readers.config import ReaderConfig
        from metrics_platform.readers.reading import read_logs

        config = ReaderConfig.load(load_settings().readers)
        return [Inputs(read_logs(named, config).signals, list(named))]

    return read


def situations(texts: Sequence[str]) -> Reading:
    """Return how to make the synthetic logs that `texts` ask for, such as `cut_in:gap_m=8`.

    Every log has the road users as they are, so that its answers are those known by construction.
    For a metric that has nothing to compare then, they are annotated with errors, too.

    Raises:
        ConfigurationError: A text isn't of this form, or two are the same.
        UnknownNameError: There is no such scenario or parameter; the nearest is offered.
    """
    from metrics_platform.testing.scenarios import SCENARIOS
    from metrics_platform.testing.synthetic import scenario

    asked = {_log_id(text): _parsed(text) for text in texts}
    if len(asked) < len(texts):
        raise ConfigurationError("the same scenario is asked for twice: give it other parameters")
    # What is misspelled is told before anything else is done.
    for name, parameters in asked.values():
        for parameter in parameters.keys() - _OF_ANY.keys() if name in SCENARIOS else ():
            if parameter not in SCENARIOS[name].parameters:
                known = [*SCENARIOS[name].parameters, *_OF_ANY]
                raise UnknownNameError(f"parameter of scenario {name}", parameter, known)
        scenario(name, **parameters)

    def make() -> Sequence[Inputs]:
        from metrics_platform.testing.families import named_log
        from metrics_platform.testing.synthetic import scenario

        logs, exact = [], []
        for log_id, (name, parameters) in asked.items():
            logs.append(named_log(name, log_id=log_id, **parameters))
            exact.append(scenario(name, log_id=log_id, **parameters)["tracks"])
        frames = {name: pl.concat([log[name] for log in logs]) for name in logs[0]}
        return [
            _computed({**frames, "tracks": pl.concat(exact)}, list(asked)),
            _computed(frames, list(asked)),
        ]

    return make


def logs_of(name: str, project: Project | None) -> Reading:
    """Return how to read the corpus `name`, of which there must be one.

    Raises:
        UnknownNameError: There is none; the nearest is offered.
    """

    def read() -> Sequence[Inputs]:
        found = corpus(name, project)
        return [Inputs(found.signals, found.log_ids, made_up=name == SYNTHETIC)]

    return read


def _log_id(text: str) -> str:
    return check_log_id(text.replace(",", " "))


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    name, _, told = text.partition(":")
    parameters: dict[str, Any] = {}
    for part in filter(None, told.split(",")):
        key, _, value = part.partition("=")
        try:
            parameters[key.strip()] = _OF_ANY.get(key.strip(), float)(value)
        except ValueError as error:
            raise ConfigurationError(
                f"--synthetic takes SCENARIO:parameter=number,…, such as cut_in:gap_m=8, "
                f"got {part!r} in {text!r}"
            ) from error
    return name.strip(), parameters


def _computed(frames: Mapping[str, pl.DataFrame], log_ids: list[str]) -> Inputs:
    from metrics_platform.readers.formats import recorded_signals
    from metrics_platform.testing.inputs import computed_of

    made = computed_of(frames)
    for name, signal in recorded_signals().items():
        if name not in made:
            absent = Outcome(Status.ABSTAINED, f"synthetic logs have no {name}")
            rows = empty_frame(signal.rows)
            made[name] = Computed(
                signal, rows, dict.fromkeys(log_ids, absent), rows.select("log_id"), {}
            )
    return Inputs(made, log_ids, made_up=True)
