"""Reading a batch of recordings: find the format, read, clean, validate, and harm no other log."""

import errno
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from metrics_platform.core.compute import summarise
from metrics_platform.core.definitions import Signal
from metrics_platform.core.errors import ContractError, LogError, MetricsPlatformError
from metrics_platform.core.frames import empty_frame, grain, polars_schema
from metrics_platform.core.statuses import COMPUTED, Computed, Outcome, Status
from metrics_platform.core.validation import validate
from metrics_platform.readers.cleaning import clean
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import (
    LogContents,
    LogMetadata,
    sidecar_path,
    with_sidecar,
)
from metrics_platform.readers.ego_track import with_ego_track
from metrics_platform.readers.formats import find_reader, reader_fingerprint, recorded_signals
from metrics_platform.readers.hashing import content_hash, file_hash

# Measured on 2 cores: MCAP logs take 30 % less time with 2 threads than with 1 and hardly less with
# 4; tables take the same, since Polars uses all cores for one log already.
WORKERS = 2
_REASON_LENGTH = 2_000
_RECORDINGS = "recordings"
# A disk or network folder that fails says nothing about the log: the run is to be tried again.
_TRANSIENT = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True)
class ReadBatch:
    """What became of a batch of logs.

    Attributes:
        signals: Every recorded signal by name, with an outcome for every log of the batch.
        metadata: Per log that could be read.
        content_hashes: Per log, of its bytes: the same for one recording under two names. A log
            that isn't there has none.
        failures: Log to why nothing of it could be read.
    """

    signals: Mapping[str, Computed]
    metadata: Mapping[str, LogMetadata]
    content_hashes: Mapping[str, str]
    failures: Mapping[str, str]


@dataclass(frozen=True)
class _Log:
    """One log: cleaned rows per signal, and an outcome for each recorded signal."""

    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    metadata: LogMetadata | None = None
    format: str = ""
    content_hash: str | None = None
    input_hash: str = ""
    failure: str | None = None


def read_logs(
    paths: Mapping[str, Path], config: ReaderConfig, *, workers: int = WORKERS
) -> ReadBatch:
    """Read the recordings at `paths`, by log id; every log has an outcome in every signal.

    A log that cannot be read fails in `recordings` with the reason, every other signal abstains
    from it, and no other log notices. A signal that a log doesn't hold is abstained from; one whose
    rows are unusable is failed.
    """
    started = time.perf_counter()
    signals = recorded_signals()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        read = pool.map(lambda path: _read_log(path, config, signals), paths.values())
        logs = dict(zip(paths, read, strict=True))
    frames = {name: _assembled(signal, logs) for name, signal in signals.items()}
    # Reading is one act for all signals, so each bears an equal part of its cost.
    seconds = (time.perf_counter() - started) / len(signals)
    return ReadBatch(
        signals={
            name: _computed(signals[name], rows, outcomes, logs, config, seconds)
            for name, (rows, outcomes) in frames.items()
        },
        metadata={log_id: log.metadata for log_id, log in logs.items() if log.metadata},
        content_hashes={i: log.content_hash for i, log in logs.items() if log.content_hash},
        failures={log_id: log.failure for log_id, log in logs.items() if log.failure},
    )


def _read_log(path: Path, config: ReaderConfig, signals: Mapping[str, Signal]) -> _Log:
    log = _Log()
    try:
        content = content_hash(path)
        log = replace(log, content_hash=content, input_hash=content + file_hash(sidecar_path(path)))
        reader = find_reader(path)
        log = replace(log, format=reader.__name__.rpartition(".")[2])
        contents = with_ego_track(with_sidecar(reader.read(path, config), path))
        frames, outcomes = _cleaned(contents, signals, log.format)
        failure = outcomes[_RECORDINGS].reason
        return replace(
            log, frames=frames, outcomes=outcomes, metadata=contents.metadata, failure=failure
        )
    except MetricsPlatformError as error:
        reason = str(error)
    except OSError as error:
        if error.errno in _TRANSIENT:
            raise
        reason = f"cannot read {path.name}: {error}"
    # A damaged recording can break a parser in any way: that is a fact about this log only.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    # Rust's panics are no Exception, and their class cannot be imported.
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        reason = f"the parser panicked: {error}"
    outcomes = unread(signals, reason)
    return replace(log, outcomes=outcomes, failure=outcomes[_RECORDINGS].reason)


def unread(signals: Iterable[str], reason: str) -> dict[str, Outcome]:
    """Return the outcome in each of `signals` of a log of which nothing can be had.

    It is one fault, and counted once: in `recordings`.
    """
    failed = Outcome(Status.FAILED, reason[:_REASON_LENGTH])
    absent = Outcome(Status.ABSTAINED, f"{_RECORDINGS} failed: {reason}"[:_REASON_LENGTH])
    return {name: failed if name == _RECORDINGS else absent for name in signals}


def _cleaned(
    contents: LogContents, signals: Mapping[str, Signal], format_name: str
) -> tuple[dict[str, pl.DataFrame], dict[str, Outcome]]:
    frames: dict[str, pl.DataFrame] = {}
    outcomes: dict[str, Outcome] = {}
    notes = list(contents.notes)
    for name in signals.keys() - {_RECORDINGS}:
        if name not in contents.signals:
            reason = contents.missing.get(name, f"{format_name} has no {name}")
            outcomes[name] = Outcome(Status.ABSTAINED, reason[:_REASON_LENGTH])
            continue
        try:
            frames[name], repairs = clean(signals[name], contents.signals[name])
        except LogError as error:
            outcomes[name] = Outcome(Status.FAILED, str(error))
        else:
            outcomes[name] = COMPUTED
            notes += repairs
    # A map has no time, and says nothing about when the log was recorded.
    timed = [f for f in frames.values() if len(f) and "timestamp_ns" in f.columns]
    # What has an end of its own was told, not sampled: a delivery began before the recording did,
    # somebody moved the parked vehicle the day after.
    sampled = [f for f in timed if "end_ns" not in f.columns]
    times = [f["timestamp_ns"] for f in sampled or timed]
    if times:
        frames[_RECORDINGS] = _recording(contents, format_name, notes, pl.concat(times))
        outcomes[_RECORDINGS] = COMPUTED
    else:
        # What failed says more than what isn't there.
        told = [o for o in outcomes.values() if o.status is Status.FAILED] or outcomes.values()
        reasons = "; ".join(outcome.reason for outcome in told if outcome.reason)
        reason = f"not one usable sample in the recording: {reasons or 'its signals are empty'}"
        outcomes[_RECORDINGS] = Outcome(Status.FAILED, reason[:_REASON_LENGTH])
    return frames, outcomes


def _recording(
    contents: LogContents, format_name: str, notes: Sequence[str], times: pl.Series
) -> pl.DataFrame:
    metadata = contents.metadata
    start_ns, end_ns = times.min(), times.max()
    assert isinstance(start_ns, int)
    assert isinstance(end_ns, int)
    values = {
        "format": format_name,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "duration_s": (end_ns - start_ns) / 1e9,
        "truncated": contents.truncated,
        "notes": "\n".join(notes),
        "has_ego": contents.has_ego if metadata.has_ego is None else metadata.has_ego,
        "vehicle": metadata.vehicle,
        "release": metadata.release,
        "place": metadata.place,
        "mission": metadata.mission,
        "ego_length_m": metadata.ego_length_m,
        "ego_width_m": metadata.ego_width_m,
        "ego_center_offset_m": metadata.ego_center_offset_m,
    }
    schema = polars_schema(recorded_signals()[_RECORDINGS].rows)
    return pl.DataFrame([values], {name: schema[name] for name in values})


def _assembled(signal: Signal, logs: Mapping[str, _Log]) -> tuple[pl.DataFrame, dict[str, Outcome]]:
    """Return the valid rows of all logs; one that breaks the contract fails by itself."""
    outcomes = {log_id: log.outcomes[signal.name] for log_id, log in logs.items()}
    parts = {
        log_id: log.frames[signal.name].select(pl.lit(log_id).alias("log_id"), pl.all())
        for log_id, log in sorted(logs.items())
        if signal.name in log.frames
    }
    valid = dict(_valid(signal, parts, outcomes))
    key = ["log_id", *(name for name in grain(signal.rows) if name != "log_id")]
    return pl.concat([empty_frame(signal.rows), *valid.values()]).sort(key), outcomes


def _valid(
    signal: Signal, parts: Mapping[str, pl.DataFrame], outcomes: dict[str, Outcome]
) -> Iterator[tuple[str, pl.DataFrame]]:
    try:
        validate(signal, pl.concat([empty_frame(signal.rows), *parts.values()]))
    except ContractError as error:
        at_fault = set(error.log_ids) or set(parts)
        if len(parts) == 1:
            reason = str(error)[:_REASON_LENGTH]
            outcomes.update(dict.fromkeys(parts, Outcome(Status.FAILED, reason)))
            return
        for log_id in sorted(at_fault):
            yield from _valid(signal, {log_id: parts[log_id]}, outcomes)
        rest = {log_id: part for log_id, part in parts.items() if log_id not in at_fault}
        if rest:
            yield from _valid(signal, rest, outcomes)
    else:
        yield from parts.items()


def _computed(
    signal: Signal,
    rows: pl.DataFrame,
    outcomes: Mapping[str, Outcome],
    logs: Mapping[str, _Log],
    config: ReaderConfig,
    seconds: float,
) -> Computed:
    computed = [i for i, outcome in outcomes.items() if outcome.status is Status.COMPUTED]
    return Computed(
        definition=signal,
        rows=rows,
        outcomes=outcomes,
        summary=summarise(signal, rows, computed),
        fingerprints={
            log_id: reader_fingerprint(signal, log.format, config) for log_id, log in logs.items()
        },
        input_hashes={log_id: log.input_hash for log_id, log in logs.items()},
        seconds=seconds,
    )
