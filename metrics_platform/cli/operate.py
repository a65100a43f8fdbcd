"""Commands for those who run the platform."""

from collections.abc import Callable

COMMANDS: tuple[Callable[..., None], ...] = ()
