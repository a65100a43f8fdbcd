"""Computing one definition over a batch of logs: one query, one validation, for all of them."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from hashlib import md5
from typing import Literal

import polars as pl

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.definitions import Definition, Rows
from metrics_platform.core.errors import ContractError
from metrics_platform.core.frames import empty_frame, grain, in_order, polars_schema
from metrics_platform.core.statuses import COMPUTED, Computed, Input, Outcome, Status
from metrics_platform.core.unknown_columns import unknown_column
from metrics_platform.core.validation import validate

_REASON_LENGTH = 2_000
# Polars' other engine sums in another order each time, and so gives other last bits: the same
# content must have the same hash.
_REPEATABLE: Literal["in-memory"] = "in-memory"
# More need more memory at once, and Polars uses all cores for what can be split.
_WORKERS = 2


def compute(
    definition: Definition,
    inputs: Mapping[str, Input],
    log_ids: Sequence[str],
    *,
    fingerprint: str,
    settings: Mapping[str, object] | None = None,
) -> Computed:
    """Compute `definition` for `log_ids`; whatever happens, every one of them has an outcome.

    A log that lacks a dependency abstains, also where that is because the dependency failed. Where
    the function raises or breaks its contract, the batch is bisected until the logs at fault stand
    alone, and the rest is kept.

    Args:
        definition: Has a function.
        inputs: By name of the dependency.
        log_ids: The batch.
        fingerprint: Of the definition, to be kept with the results.
        settings: Other values for its keyword-only parameters.
    """
    started = time.perf_counter()
    outcomes = {log_id: _before(definition, inputs, log_id) for log_id in log_ids}
    ready = [log_id for log_id, outcome in outcomes.items() if outcome is COMPUTED]
    rows = _isolating(definition, inputs, ready, settings or {}, outcomes)
    computed = [log_id for log_id in ready if outcomes[log_id].status is Status.COMPUTED]
    return Computed(
        definition=definition,
        rows=rows,
        outcomes=outcomes,
        summary=summarise(definition, rows, computed),
        fingerprints=dict.fromkeys(log_ids, fingerprint),
        input_hashes={log_id: _input_hash(definition, inputs, log_id) for log_id in log_ids},
        seconds=time.perf_counter() - started,
    )


def summarise(definition: Definition, rows: pl.DataFrame, log_ids: Sequence[str]) -> pl.DataFrame:
    """Return `log_id` and the summary scalars, one row for each of `log_ids`.

    A log without a single row has a summary too: what the expressions give on no rows.
    """
    logs = pl.DataFrame({"log_id": log_ids}, schema={"log_id": pl.String})
    if not definition.summary:
        return logs
    by_log = rows.lazy().group_by("log_id").agg(**definition.summary)
    with_rows = by_log.collect(engine=_REPEATABLE)
    without = empty_frame(definition.rows).lazy().select(**definition.summary).collect()
    silent = logs.join(with_rows, on="log_id", how="anti").join(without, how="cross")
    return pl.concat([with_rows, silent.cast(with_rows.schema)]).sort("log_id")


def _before(definition: Definition, inputs: Mapping[str, Input], log_id: str) -> Outcome:
    """Say what is known before anything is computed: does the log have what it takes?

    A dependency that failed is one that isn't there: its failure is counted once, where it is.
    """
    for name in definition.dependencies:
        if name in definition.optional:
            continue
        outcome = inputs[name].outcomes.get(log_id, _NEVER)
        if outcome.status is Status.FAILED:
            return Outcome(Status.ABSTAINED, f"{name} failed: {outcome.reason}")
        if outcome.status is Status.ABSTAINED:
            return Outcome(Status.ABSTAINED, f"no {name}: {outcome.reason}")
    return COMPUTED


_NEVER = Outcome(Status.ABSTAINED, "never computed for this log")


def _isolating(
    definition: Definition,
    inputs: Mapping[str, Input],
    log_ids: Sequence[str],
    settings: Mapping[str, object],
    outcomes: dict[str, Outcome],
) -> pl.DataFrame:
    """Return the rows of `log_ids`, and write into `outcomes` those that have none to give."""
    if not log_ids:
        return empty_frame(definition.rows)
    try:
        rows, abstained = _call(definition, inputs, log_ids, settings)
    except ContractError as error:
        at_fault = [log_id for log_id in error.log_ids if log_id in outcomes] or list(log_ids)
        reason = str(error)
    except pl.exceptions.ColumnNotFoundError as error:
        at_fault = list(log_ids)
        reason = f"ColumnNotFoundError: {unknown_column(error, _columns(definition, inputs))}"
    # A metric is other people's code: whatever it raises is a fact about it and a log, not ours.
    # A panic inside of Polars is no Exception, but its log's fault all the same.
    except (Exception, pl.exceptions.PanicException) as error:
        at_fault = list(log_ids)
        reason = f"{type(error).__name__}: {error}"
    else:
        for log_id, why in abstained.iter_rows():
            outcomes[log_id] = Outcome(Status.ABSTAINED, why)
        return rows
    if len(log_ids) == 1:
        outcomes[log_ids[0]] = Outcome(Status.FAILED, reason[:_REASON_LENGTH])
        return empty_frame(definition.rows)
    if len(at_fault) < len(log_ids):
        # The contract names them: judge each group by itself instead of halving.
        rest = [log_id for log_id in log_ids if log_id not in set(at_fault)]
        groups = [*([log_id] for log_id in at_fault), rest]
    else:
        middle = len(log_ids) // 2
        groups = [list(log_ids[:middle]), list(log_ids[middle:])]
    parts = [_isolating(definition, inputs, group, settings, outcomes) for group in groups]
    return _sorted(definition, pl.concat(parts))


def _call(
    definition: Definition,
    inputs: Mapping[str, Input],
    log_ids: Sequence[str],
    settings: Mapping[str, object],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    frames = [_of_logs(inputs[name], log_ids) for name in definition.dependencies]
    made = definition(*frames, **settings)
    lazy = made if isinstance(made, Rows) else Rows(made, _NOBODY.lazy())
    for frame in (lazy.rows, lazy.abstained):
        if not isinstance(frame, pl.LazyFrame):
            raise ContractError(
                f"{definition.name} must return a pl.LazyFrame, got {type(frame).__name__}; the "
                "platform collects it, so leave out .collect() or end with .lazy()"
            )
    try:
        rows, abstained = pl.collect_all(
            [lazy.rows, lazy.abstained.select("log_id", "reason")], engine=_REPEATABLE
        )
    except pl.exceptions.ShapeError:
        schema = lazy.rows.collect_schema()
        if "log_id" not in schema:
            # Columns of other lengths often come of it, and it is what is to be put right first.
            validate(definition, pl.DataFrame(schema=schema))
        raise
    with_rows = set(rows["log_id"].drop_nulls().unique()) if "log_id" in rows.columns else set()
    strangers = (with_rows | set(abstained["log_id"])).difference(log_ids)
    if strangers:
        raise ContractError(
            f"{definition.name} has an answer for logs that it wasn't given: "
            f"{sorted(map(str, strangers))[:3]}"
        )
    both = with_rows & set(abstained["log_id"])
    if both:
        raise ContractError(f"{definition.name} abstained for logs it has rows of", both)
    ordered = in_order(definition.rows, rows)
    checked = validate(definition, rows, ordered=ordered)
    return (
        checked if ordered else _sorted(definition, checked),
        abstained.unique("log_id", keep="first"),
    )


def _columns(definition: Definition, inputs: Mapping[str, Input]) -> dict[str, list[str]]:
    return {name: inputs[name].rows.collect_schema().names() for name in definition.dependencies}


def _of_logs(given: Input, log_ids: Sequence[str]) -> pl.LazyFrame:
    # Where there are no others, a filter would but copy all rows.
    if set(given.outcomes) <= set(log_ids):
        return given.rows
    batch = pl.Series("log_id", list(log_ids), dtype=pl.String)
    return given.rows.filter(pl.col("log_id").is_in(batch.implode()))


_NOBODY = pl.DataFrame(schema={"log_id": pl.String, "reason": pl.String})


def _sorted(definition: Definition, rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by log, then by the grain, then by all else: equal content has equal bytes."""
    first = ["log_id", *(name for name in grain(definition.rows) if name != "log_id")]
    rest = [name for name in polars_schema(definition.rows) if name not in first]
    return rows.sort([*first, *rest])


def _input_hash(definition: Definition, inputs: Mapping[str, Input], log_id: str) -> str:
    """Return 32 hex digits over all that the result of a log follows from.

    MD5, since Postgres can compute it too: the ledger of staleness finds out what has changed
    upstream without asking for a single row. Nobody has to be kept from forging it.
    """
    contents = (
        f"{name}={_content(inputs[name], log_id, optional=name in definition.optional)};"
        for name in sorted(inputs)
    )
    return md5("".join(contents).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _content(given: Input, log_id: str, *, optional: bool) -> str:
    """Return what a dependency holds for a log: a hash of its rows, or why there are none.

    The reason of an abstention names the one upstream, so another reason is another input. Where
    the dependency is optional, no rows are no rows, whatever the reason.
    """
    if (content_hash := given.content_hashes.get(log_id)) is not None:
        return content_hash
    outcome = given.outcomes.get(log_id)
    return "" if optional or outcome is None else f"{outcome.status}: {outcome.reason or ''}"


def compute_chain(
    catalog: Catalog,
    names: Sequence[str],
    given: Mapping[str, Computed],
    log_ids: Sequence[str],
) -> Mapping[str, Computed]:
    """Compute `names` and on the way there all that they need, each once, in memory.

    Two at a time, where they don't need one another: much of a query runs on one core.

    Args:
        catalog: Where the definitions are.
        names: What to compute.
        given: By name, what isn't computed: all recorded signals that are needed, as a reader
            gives them, and whatever else is there already.
        log_ids: The batch.

    Returns:
        All that was computed, and what was given, by name.
    """
    made = dict(given)
    missing = {
        definition.name: definition
        for definition in catalog.upstream(*names)
        if definition.function is not None and definition.name not in given
    }
    order = TopologicalSorter(
        {name: [n for n in d.dependencies if n in missing] for name, d in missing.items()}
    )
    order.prepare()
    fingerprints = catalog.fingerprints

    def one(name: str) -> Computed:
        inputs = {
            needed: Input(made[needed].rows.lazy(), made[needed].outcomes)
            for needed in missing[name].dependencies
        }
        return compute(missing[name], inputs, log_ids, fingerprint=fingerprints[name])

    with ThreadPoolExecutor(_WORKERS) as pool:
        running: dict[Future[Computed], str] = {}
        while order.is_active():
            running |= {pool.submit(one, name): name for name in order.get_ready()}
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(done)
                made[name] = done.result()
                order.done(name)
    return {**given, **{name: made[name] for name in missing}}
