"""Named sets of logs to compute metrics on: the synthetic one, and folders of recordings."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path

import polars as pl
from polars.selectors import float as floats

from metrics_platform.authoring.project import Project
from metrics_platform.core.content_hash import content_hashes
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.core.fingerprints import code_digest
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import load_settings
from metrics_platform.core.statuses import Computed

SYNTHETIC = "synthetic"
# The recordings that the lock holds results of, beside the synthetic logs.
PINNED = "pinned"
# What people leave beside recordings for one another.
_DOCUMENTATION = frozenset({".md"})
# A lock has one for each log and signal: long enough to tell a handful of contents apart.
_DIGITS = 16


@dataclass(frozen=True)
class Corpus:
    """Logs, as a reader gives them.

    Attributes:
        name: Of the corpus.
        signals: Every recorded signal by name, with an outcome for every log.
        log_ids: In the order of names.
    """

    name: str
    signals: Mapping[str, Computed]
    log_ids: Sequence[str]

    @cached_property
    def hashes(self) -> Mapping[str, Mapping[str, str]]:
        """Log to recorded signal to a hash of its content, or the status of a log without any.

        Numbers count to the sixth decimal: sines differ in their last bits between machines.
        """
        found: dict[str, dict[str, str]] = {log_id: {} for log_id in self.log_ids}
        for name, signal in sorted(self.signals.items()):
            contents = hashes_by_log(signal.rows.with_columns(floats().round(6)))
            for log_id, outcome in signal.outcomes.items():
                found[log_id][name] = contents.get(log_id, str(outcome.status))
        return found


def corpus(
    name: str, project: Project | None = None, needed: Collection[str] | None = None
) -> Corpus:
    """Return the corpus `name`: `synthetic`, or the recordings in the project's `corpora/NAME/`.

    Args:
        name: Of the corpus.
        project: Where its recordings are.
        needed: Recorded signals without which others may be left out; None for all.

    Raises:
        UnknownNameError: There is no such corpus; the nearest is offered.
        ConfigurationError: It has no recording, or two of one name.
    """
    if name == SYNTHETIC:
        return _synthetic(needed)
    known = corpus_names(project)
    if project is None or name not in known:
        raise UnknownNameError("corpus", name, known)
    return _recorded(name, project.corpora / name)


def corpus_names(project: Project | None = None) -> Sequence[str]:
    """Return the names of all corpora there are."""
    folder = project.corpora if project else None
    if folder is None or not folder.is_dir():
        return [SYNTHETIC]
    folders = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    return [SYNTHETIC, *(name for name in folders if name[0] != "." and name != SYNTHETIC)]


def pinned_corpus(project: Project, needed: Collection[str] | None = None) -> Corpus:
    """Return the corpus of which the lock holds results: `synthetic`, and `pinned` if it is there.

    Args:
        project: Where `pinned` is.
        needed: Recorded signals without which others may be left out; None for all.

    Raises:
        ConfigurationError: A recording has the name of a synthetic log.
    """
    synthetic = corpus(SYNTHETIC, needed=needed)
    if PINNED not in corpus_names(project):
        return synthetic
    pinned = corpus(PINNED, project)
    if both := sorted({*synthetic.log_ids} & {*pinned.log_ids}):
        raise ConfigurationError(
            f"corpora/{PINNED} has a recording named {both[0]!r}, and so has the synthetic corpus: "
            "give it another name"
        )
    return Corpus(
        f"{SYNTHETIC} and {PINNED}",
        {name: _together(s, pinned.signals[name]) for name, s in synthetic.signals.items()},
        sorted([*synthetic.log_ids, *pinned.log_ids]),
    )


def pinned_source(project: Project) -> str:
    """Return a digest of what the pinned corpus is made of; its content follows from that.

    It is taken without reading a recording: of the code that makes the synthetic logs, and of the
    bytes of the recordings and the code that reads them.

    Raises:
        ConfigurationError: As `pinned_corpus`.
    """
    from metrics_platform.testing.corpus import pinned_logs
    from metrics_platform.testing.inputs import computed_of

    parts = [code_digest(pinned_logs), code_digest(computed_of)]
    if PINNED in corpus_names(project):
        parts += _recorded_source(project.corpora / PINNED)
    return blake2b("\n".join(parts).encode(), digest_size=_DIGITS // 2).hexdigest()


def recordings_in(folder: Path) -> Mapping[str, Path]:
    """Return the recordings in `folder` by log id, named as in the inbox.

    Raises:
        ConfigurationError: There is none, two have one name, or a file is of no known format.
        InvalidLogIdError: A name cannot be a log id.
    """
    from metrics_platform.core.errors import UnreadableLogError
    from metrics_platform.readers.contents import SIDECAR
    from metrics_platform.readers.formats import find_reader

    paths = [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if path.name[0] != "."
        and path.suffix not in _DOCUMENTATION
        and not path.name.endswith(f".{SIDECAR}")
    ]
    if not paths:
        raise ConfigurationError(
            f"there is no recording in {folder}: put a file or folder there for each"
        )
    found = by_log_id(paths)
    for path in paths:
        try:
            find_reader(path)
        except UnreadableLogError as error:
            raise ConfigurationError(
                f"{path} is no recording: {error}; take it out of the corpus"
            ) from error
    return found


def by_log_id(paths: Iterable[Path]) -> Mapping[str, Path]:
    """Return recordings by the log id that the inbox would give them.

    Raises:
        ConfigurationError: Two have one name.
        InvalidLogIdError: A name cannot be a log id.
    """
    found: dict[str, Path] = {}
    for path in paths:
        log_id = check_log_id(path.name if path.is_dir() else path.stem)
        if found.setdefault(log_id, path) != path:
            raise ConfigurationError(f"{path} and {found[log_id]} would both be log {log_id!r}")
    return found


def hashes_by_log(rows: pl.DataFrame) -> dict[str, str]:
    """Return 16 hex digits over the rows of each log that has any."""
    if not rows["log_id"].is_sorted():
        rows = rows.sort("log_id", maintain_order=True)
    runs = rows["log_id"].rle().struct.unnest()
    bounds = [*accumulate(runs["len"].to_list(), initial=0)]
    digests = content_hashes(rows, bounds)
    return {i: d[:_DIGITS] for i, d in zip(runs["value"].to_list(), digests, strict=True)}


def _synthetic(needed: Collection[str] | None) -> Corpus:
    from metrics_platform.testing.corpus import pinned_logs
    from metrics_platform.testing.inputs import computed_of, log_ids_of

    frames = pinned_logs(needed)
    log_ids = log_ids_of(frames)
    if needed is not None:
        # Of these, all logs have an outcome, whether they are in one of them or not.
        frames = {n: frame for n, frame in frames.items() if n in {"recordings", *needed}}
    return Corpus(SYNTHETIC, computed_of(frames), log_ids)


def _recorded(name: str, folder: Path) -> Corpus:
    from metrics_platform.readers.config import ReaderConfig
    from metrics_platform.readers.reading import read_logs

    paths = recordings_in(folder)
    signals = read_logs(paths, ReaderConfig.load(load_settings().readers)).signals
    return Corpus(name, signals, sorted(paths))


def _recorded_source(folder: Path) -> list[str]:
    from metrics_platform.readers.config import ReaderConfig
    from metrics_platform.readers.contents import sidecar_path
    from metrics_platform.readers.formats import find_reader, reader_fingerprint, recorded_signals
    from metrics_platform.readers.hashing import content_hash, file_hash

    config = ReaderConfig.load(load_settings().readers)
    parts, formats = [], {""}
    for log_id, path in recordings_in(folder).items():
        formats.add(find_reader(path).__name__.rpartition(".")[2])
        parts.append(f"{log_id} {content_hash(path)} {file_hash(sidecar_path(path))}")
    return parts + [
        reader_fingerprint(signal, format_name, config)
        for signal in recorded_signals().values()
        for format_name in sorted(formats)
    ]


def _together(first: Computed, second: Computed) -> Computed:
    return Computed(
        definition=first.definition,
        rows=pl.concat([first.rows, second.rows]),
        outcomes={**first.outcomes, **second.outcomes},
        summary=pl.concat([first.summary, second.summary]),
        fingerprints={**first.fingerprints, **second.fingerprints},
    )
