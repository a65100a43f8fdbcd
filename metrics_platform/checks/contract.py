"""Does what is stored still keep the contract?"""

import polars as pl

from metrics_platform.checks.finding import Finding
from metrics_platform.core import Definition
from metrics_platform.core.errors import ContractError
from metrics_platform.core.validation import validate


def contract(definition: Definition, rows: pl.DataFrame) -> Finding:
    """Validate `rows`, as read back from the store, against the schema of `definition`."""
    facts = {"rows": len(rows)}
    try:
        validate(definition, rows)
    except ContractError as error:
        return Finding(passed=False, description=str(error), facts=facts)
    return Finding(
        passed=True, description=f"{len(rows)} stored rows keep the contract", facts=facts
    )
