"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        passed: Whether all is as it should be.
        description: One sentence for a person.
        severity: Of a check that did not pass: "error" is a definite fault, "warning" one to
            look at.
        facts: Named counts that the sentence rests on.
        examples: The first rows at fault, each with its `log_id`; None where all is well.
        markdown: All of it for a person, where a sentence is too little.
    """

    passed: bool
    description: str
    severity: Literal["error", "warning"] = "error"
    facts: Mapping[str, int] = field(default_factory=dict)
    examples: pl.DataFrame | None = None
    markdown: str | None = None
