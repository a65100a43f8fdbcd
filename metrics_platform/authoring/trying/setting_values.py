"""Settings of a metric that somebody types: `threshold_mps2=2.5`."""

import ast
from collections.abc import Sequence
from typing import Any

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import ConfigurationError, UnknownNameError

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def setting_values(definition: Definition, texts: Sequence[str]) -> dict[str, Any]:
    """Return the settings in `texts`, each of the type that its default has.

    Args:
        definition: Whose settings.
        texts: `name=value` each; a tuple's values have commas between them.

    Raises:
        UnknownNameError: There is no such setting; the nearest is offered.
        ConfigurationError: A text is none of these, or its value is of another type.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise ConfigurationError(f"--set takes name=value, got {text!r}")
        if name not in definition.settings:
            raise UnknownNameError(f"setting of {definition.name}", name, definition.settings)
        default = definition.settings[name]
        try:
            values[name] = _typed(value.strip(), default)
        except (ValueError, SyntaxError, KeyError) as error:
            raise ConfigurationError(
                f"{name} of {definition.name} is {_article(default)}, such as its default "
                f"{default!r}; got {value.strip()!r}"
            ) from error
    return values


def _typed(text: str, default: Any) -> Any:
    match default:
        case bool():
            return _TRUTHS[text.lower()]
        case int():
            return int(text)
        case float():
            return float(text)
        case str():
            return text
        case tuple() | list() | frozenset() | set():
            parts = [part.strip() for part in text.strip("()[]{} ").split(",") if part.strip()]
            first = next(iter(default), "")
            return type(default)(_typed(part, first) for part in parts)
        case None:
            return _number_or_text(text)
    value = ast.literal_eval(text)
    if not isinstance(value, type(default)):
        raise ValueError(text)
    return value


def _number_or_text(text: str) -> Any:
    """Return what a default of None may stand for."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _article(default: object) -> str:
    name = type(default).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
