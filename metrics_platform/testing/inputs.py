"""From frames to what `compute` takes and readers give, without a store or a server."""

from collections.abc import Mapping

import polars as pl

from metrics_platform.core import Computed, Definition, Input, Outcome, Status
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.compute import compute_chain, summarise
from metrics_platform.core.errors import DefinitionError, UnknownNameError
from metrics_platform.core.frames import empty_frame
from metrics_platform.core.statuses import COMPUTED
from metrics_platform.core.validation import validate
from metrics_platform.readers.formats import recorded_signals


def inputs_of(frames: Mapping[str, pl.DataFrame]) -> dict[str, Input]:
    """Return frames as what `compute` takes, by name; any signal or metric can be among them.

    A log that is in one of the frames and has no rows in another abstains from that one.
    """
    log_ids = log_ids_of(frames)
    return {
        name: Input(frame.lazy(), _outcomes(name, frame, log_ids)) for name, frame in frames.items()
    }


def computed_of(frames: Mapping[str, pl.DataFrame]) -> dict[str, Computed]:
    """Return recorded signals as a reader hands them over, by name.

    Raises:
        UnknownNameError: One of the frames is of no recorded signal.
        ContractError: A frame breaks the schema of its signal.
    """
    log_ids, recorded = log_ids_of(frames), recorded_signals()
    made = {}
    for name, frame in frames.items():
        if name not in recorded:
            raise UnknownNameError("recorded signal", name, recorded)
        outcomes = _outcomes(name, frame, log_ids)
        present = [log_id for log_id in log_ids if outcomes[log_id] is COMPUTED]
        made[name] = Computed(
            definition=recorded[name],
            rows=validate(recorded[name], frame),
            outcomes=outcomes,
            summary=summarise(recorded[name], frame, present),
            fingerprints=dict.fromkeys(log_ids, "synthetic"),
        )
    return made


def compute_on(
    frames: Mapping[str, pl.DataFrame],
    what: str | Definition,
    *,
    catalog: Catalog | None = None,
) -> Computed:
    """Compute a metric or derived signal on frames, and on the way there what it needs.

    Args:
        frames: By name of the signal or metric; what is given isn't computed. Logs abstain from
            a recorded signal that isn't among them.
        what: A name, or the definition itself, which needn't be installed.
        catalog: Where definitions are looked up; all installed ones if None.

    Raises:
        UnknownNameError: There is no such definition, or a frame is named like none.
        DefinitionError: It is recorded: there is nothing to compute.
    """
    catalog = catalog or default_catalog()
    name = what if isinstance(what, str) else what.name
    if not isinstance(what, str) and all(what is not known for known in catalog):
        # No more than it takes: each costs a fingerprint.
        around = {*frames, *what.dependencies, *(d.name for d in catalog.recorded)} - {name}
        catalog = Catalog([*catalog.upstream(*around), what])
    if catalog[name].function is None:
        raise DefinitionError(f"signal {name!r} is recorded, there is nothing to compute")
    log_ids = log_ids_of(frames)
    known = [(catalog[key], frame) for key, frame in frames.items() if key != name]
    absent = [(signal, empty_frame(signal.rows)) for signal in catalog.recorded]
    given = {
        definition.name: Computed(
            definition=definition,
            rows=frame,
            outcomes=_outcomes(definition.name, frame, log_ids),
            summary=frame.select("log_id").clear(),
            fingerprints=dict.fromkeys(log_ids, "synthetic"),
        )
        for definition, frame in [*absent, *known]
    }
    return compute_chain(catalog, [name], given, log_ids)[name]


def log_ids_of(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    """Return the logs that occur in any of the frames, sorted."""
    return sorted({log_id for frame in frames.values() for log_id in frame["log_id"].unique()})


def _outcomes(name: str, frame: pl.DataFrame, log_ids: list[str]) -> dict[str, Outcome]:
    present = set(frame["log_id"].unique())
    absent = Outcome(Status.ABSTAINED, f"the recording has no {name}")
    return {log_id: COMPUTED if log_id in present else absent for log_id in log_ids}
