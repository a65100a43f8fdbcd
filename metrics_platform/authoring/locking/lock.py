"""`metrics.lock`: what every definition of a project is, and gives on the pinned corpus.

The text has a block per definition, and lies in git with the rows beside it, a file per definition
in `metrics.lock.rows/`: branches that change different metrics can be merged.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import polars as pl

from metrics_platform.authoring.corpora import hashes_by_log
from metrics_platform.checks.contract_change import Contract
from metrics_platform.checks.value_change import Values
from metrics_platform.core.errors import LockConflictError, LockError
from metrics_platform.core.statuses import COMPUTED, Computed, Outcome, Status

LOCK = "metrics.lock"
ROWS = "metrics.lock.rows"
FORMAT = 1

# Returns the bytes of a file by its path relative to the project, None where there is none.
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Result:
    """What became of one log.

    Attributes:
        outcome: Status and reason.
        rows: Number of rows.
        content: Hash of the rows; None where there are none.
        summary: Scalars by name.
    """

    outcome: Outcome
    rows: int = 0
    content: str | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Block:
    """What the lock says of one definition.

    Attributes:
        version: As declared.
        fingerprint: With its dependencies'.
        own_fingerprint: Without.
        contract: Of rows and summary.
        upstream: Dependency to its `version` and `fingerprint`.
        results: By log of the corpus; empty for a recorded signal.
        file: Digest of the file of its rows; empty for a recorded signal.
    """

    version: str
    fingerprint: str
    own_fingerprint: str
    contract: Contract
    upstream: Mapping[str, Mapping[str, str]]
    results: Mapping[str, Result] = field(default_factory=dict)
    file: str = ""


@dataclass(frozen=True)
class Lock:
    """One `metrics.lock`.

    Attributes:
        told: What to call it.
        environment: Package to the version that the results were computed with.
        source: Of the corpus; see `pinned_source`.
        corpus: Log to each recorded signal that a definition needs to a hash of its content.
        blocks: By definition.
        read: Gives the files of rows.
    """

    told: str
    environment: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    corpus: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)
    read: Read = lambda _: None

    def values(self, name: str) -> Values:
        """Return rows, outcomes and summary of a derived definition.

        Raises:
            LockError: The file of its rows is missing, or not the one that the lock speaks of.
        """
        rows = pl.read_parquet(io.BytesIO(self._file(name)))
        block = self.blocks[name]
        outcomes = {log_id: result.outcome for log_id, result in block.results.items()}
        return Values(rows, outcomes, _summary(block))

    def damage(self, name: str) -> str | None:
        """Return what is wrong with the rows of a definition, and what to do; None if nothing."""
        try:
            if self.blocks[name].results:
                self._file(name)
        except LockError as error:
            return str(error)
        return None

    def _file(self, name: str) -> bytes:
        path = rows_path(name)
        content = self.read(path)
        if content is None:
            raise LockError(f"{path} is missing; {_both(self.told)}")
        if digest(content) != self.blocks[name].file:
            raise LockError(
                f"{path} is not the file that {self.told} speaks of; {_both(self.told)}"
            )
        return content


_FROM_GIT = f"`git checkout HEAD -- {LOCK} {ROWS}`"


def _both(told: str) -> str:
    return (
        f"it belongs to {told}: take both from one commit, such as by {_FROM_GIT}. If it was never "
        f"committed, go back to the code of {told}: `metrics-platform lock` computes it anew there"
    )


def digest(content: bytes) -> str:
    """Return what the lock says of a file of rows, so that it need not be read to be known."""
    return blake2b(content, digest_size=8).hexdigest()


def rows_path(name: str) -> str:
    """Return where the rows of a definition are, relative to the project."""
    return f"{ROWS}/{name}.parquet"


def results_of(made: Computed) -> dict[str, Result]:
    """Return the results by log of what was computed."""
    counts = dict(made.rows.group_by("log_id").len().iter_rows())
    contents = hashes_by_log(made.rows)
    scalars = {row.pop("log_id"): row for row in made.summary.to_dicts()}
    return {
        log_id: Result(
            outcome, counts.get(log_id, 0), contents.get(log_id), scalars.get(log_id, {})
        )
        for log_id, outcome in sorted(made.outcomes.items())
    }


def read_lock(read: Read, told: str = LOCK) -> Lock | None:
    """Return the lock that `read` gives the files of; None where there is none.

    Raises:
        LockConflictError: A merge left its marks in it.
        LockError: It is damaged, or of a newer format.
    """
    content = read(LOCK)
    if content is None:
        return None
    if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in content.splitlines()):
        raise LockConflictError(
            f"{told} has conflicts of a merge in it: merge the code, then run "
            "`metrics-platform lock` again, which writes it anew"
        )
    try:
        plain = json.loads(content)
        if plain["format"] > FORMAT:
            raise LockError(
                f"{told} was written by a newer metrics-platform, in format {plain['format']}: "
                f"this one knows format {FORMAT}; update it"
            )
        blocks = {name: _block(given) for name, given in plain["definitions"].items()}
        head = (plain["environment"], plain["corpus_source"], plain["corpus"])
        return Lock(told, *head, blocks, read)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"nothing is said of {error}" if isinstance(error, KeyError) else error
        raise LockError(
            f"{told} is damaged ({why}): take it from git, {_FROM_GIT}, or remove it and run "
            "`metrics-platform lock`"
        ) from error


def lock_text(lock: Lock) -> str:
    """Return the text of a lock: the same for the same, a line for whatever may change alone."""
    plain = {
        "format": FORMAT,
        "environment": lock.environment,
        "corpus": lock.corpus,
        "corpus_source": lock.source,
        "definitions": {name: _plain(block) for name, block in lock.blocks.items()},
    }
    # What of a definition stands on a line of its own: a column, a log.
    parts = [f' "{key}": {_lines(value, 3, 1)}' for key, value in sorted(plain.items())]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: object, depth: int, indent: int) -> str:
    """Return JSON with a line for each entry down to some depth, and what is below in one."""
    inline = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not depth or not value or not isinstance(value, Mapping | list) or _is_flat(value):
        return inline
    if isinstance(value, Mapping):
        parts = [
            f"{json.dumps(key)}: {_lines(item, depth - 1, indent + 1)}"
            for key, item in sorted(value.items())
        ]
    else:
        parts = [_lines(item, depth - 1, indent + 1) for item in value]
    space = "\n" + " " * indent
    first, last = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    return f"{first}{space} " + f",{space} ".join(parts) + f"{space}{last}"


def _is_flat(value: Mapping[str, object] | list[object]) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    return all(isinstance(item, str) for item in items)


def _plain(block: Block) -> dict[str, Any]:
    return {
        "version": block.version,
        "fingerprint": block.fingerprint,
        "own_fingerprint": block.own_fingerprint,
        "columns": list(block.contract.columns),
        "summary": dict(block.contract.summary),
        "upstream": {name: dict(told) for name, told in block.upstream.items()},
        "results": {log_id: _plain_result(result) for log_id, result in block.results.items()},
        "file": block.file,
    }


def _plain_result(result: Result) -> dict[str, Any]:
    plain: dict[str, Any] = {"status": str(result.outcome.status)}
    if result.outcome.reason is not None:
        plain["reason"] = result.outcome.reason
    if result.content is not None:
        plain |= {"rows": result.rows, "content": result.content}
    if result.summary:
        plain["summary"] = dict(result.summary)
    return plain


def _block(plain: Mapping[str, Any]) -> Block:
    return Block(
        version=plain["version"],
        fingerprint=plain["fingerprint"],
        own_fingerprint=plain["own_fingerprint"],
        contract=Contract(plain["columns"], plain["summary"]),
        upstream=plain["upstream"],
        results={log_id: _result(given) for log_id, given in plain["results"].items()},
        file=plain["file"],
    )


def _result(plain: Mapping[str, Any]) -> Result:
    status = Status(plain["status"])
    outcome = COMPUTED if status is Status.COMPUTED else Outcome(status, plain["reason"])
    return Result(outcome, plain.get("rows", 0), plain.get("content"), plain.get("summary", {}))


def _summary(block: Block) -> pl.DataFrame:
    dtypes = {name: getattr(pl, told, None) for name, told in block.contract.summary.items()}
    rows = [
        [log_id, *(result.summary.get(name) for name in dtypes)]
        for log_id, result in block.results.items()
        if result.outcome.status is Status.COMPUTED
    ]
    return pl.DataFrame(rows, schema={"log_id": pl.String, **dtypes}, orient="row")
