"""`check` and `lock`: what has changed since the lock, and accepting it."""

from collections.abc import Callable

COMMANDS: tuple[Callable[..., None], ...] = ()
