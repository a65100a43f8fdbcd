"""`new`: scaffolding a metric."""

from collections.abc import Callable

COMMANDS: tuple[Callable[..., None], ...] = ()
