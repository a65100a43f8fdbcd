"""Computing one metric over and over while its author works on it: what stays the same is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metrics_platform.authoring.trying.cost import Cost, measured
from metrics_platform.authoring.trying.inputs import Inputs, Reading
from metrics_platform.authoring.trying.setting_values import setting_values
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.compute import compute, compute_chain
from metrics_platform.core.definitions import Definition
from metrics_platform.core.statuses import Computed, Input, Status


@dataclass(frozen=True)
class Trial:
    """What came out.

    Attributes:
        result: Of the metric or signal.
        made: What it was computed from, near and far, by name; itself, too.
        kept: Which of these stood from the time before.
        reading: What getting the inputs took; no time where they were kept.
        computing: What all the rest took.
    """

    result: Computed
    made: Mapping[str, Computed]
    kept: frozenset[str]
    reading: Cost
    computing: Cost


@dataclass
class Bench:
    """Inputs and results that are kept from one trial to the next.

    Attributes:
        name: Of the metric or signal, or the label of a shadow.
        reading: Gives its inputs.
        settings: As they are typed, `name=value`.
        also: What is computed besides.
    """

    name: str
    reading: Reading
    settings: Sequence[str] = ()
    also: Sequence[str] = ()
    _inputs: Sequence[Inputs] = ()
    # By place of the inputs: name to fingerprint and result.
    _results: dict[int, dict[str, tuple[str, Computed]]] = field(default_factory=dict)

    def trial(self) -> Trial:
        """Compute the metric as today's code has it, and of what it needs whatever has changed.

        Raises:
            UnknownNameError: There is no such definition or setting; the nearest is offered.
            MetricsPlatformError: A definition is not sound, or the inputs cannot be had.
        """
        catalog = default_catalog()
        definition = catalog.labelled(self.name)
        settings = setting_values(definition, self.settings)
        with measured() as reading:
            if not self._inputs:
                self._inputs = self.reading()
        found: list[Trial] = []
        for place, inputs in enumerate(self._inputs):
            found.append(self._tried(catalog, definition, settings, place, inputs, reading))
            if found[-1].result.logs_with(Status.COMPUTED):
                return found[-1]
        return found[0]

    def forget(self, *, unless_up_to_date: bool = False) -> None:
        """Have the inputs read anew at the next trial.

        Args:
            unless_up_to_date: Keep them if the code that reads them would give the same.
        """
        if not (unless_up_to_date and all(inputs.up_to_date for inputs in self._inputs)):
            self._inputs = ()
            self._results.clear()

    def _tried(
        self,
        catalog: Catalog,
        definition: Definition,
        settings: Mapping[str, object],
        place: int,
        inputs: Inputs,
        reading: Cost,
    ) -> Trial:
        with measured() as computing:
            needed = [*definition.dependencies, *(n for n in self.also if n != definition.name)]
            # Fingerprints of all others take longer than the metric does.
            # A shadow stands in it beside its metric, which is not computed.
            small = Catalog(catalog.upstream(definition.label, definition.name, *needed))
            known = self._results.get(place, {})
            kept = {
                name: computed
                for name, (fingerprint, computed) in known.items()
                if name in small.fingerprints and small.fingerprints[name] == fingerprint
            }
            made = dict(compute_chain(small, needed, {**inputs.signals, **kept}, inputs.log_ids))
            self._results[place] = {
                upstream.name: (small.fingerprints[upstream.name], made[upstream.name])
                for upstream in small.upstream(*needed)
                if upstream.function is not None
            }
            if definition.function is not None:
                frames = {
                    name: Input(made[name].rows.lazy(), made[name].outcomes)
                    for name in definition.dependencies
                }
                made[definition.name] = compute(
                    definition,
                    frames,
                    inputs.log_ids,
                    fingerprint=small.fingerprint_of(definition),
                    settings=settings,
                )
        return Trial(made[definition.name], made, frozenset(kept), reading, computing)
