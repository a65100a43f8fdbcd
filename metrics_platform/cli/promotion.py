"""`promote` and `demote`: which version readers get."""

from collections.abc import Callable

COMMANDS: tuple[Callable[..., None], ...] = ()
