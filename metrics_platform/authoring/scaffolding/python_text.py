"""Python source as the formatter would have it, whatever names are put in."""

import textwrap
from collections.abc import Sequence

WIDTH = 100


def brackets(
    before: str, items: Sequence[str], after: str, *, indent: int = 0, around: int = 0
) -> str:
    """Return `before`, `items` and `after` on one line where they fit, else an item a line.

    Args:
        before: Up to the opening bracket, that included.
        items: Without commas.
        after: From the closing bracket on.
        indent: Spaces before the line.
        around: What else will stand on the line, where it is an item itself.
    """
    line = f"{' ' * indent}{before}{', '.join(items)}{after}"
    if len(line) + around <= WIDTH:
        return line
    return exploded(before, items, after, indent=indent)


def exploded(before: str, items: Sequence[str], after: str, *, indent: int = 0) -> str:
    """Return an item a line; the comma after the last one keeps it so."""
    margin = " " * indent
    lines = (textwrap.indent(f"{item},\n", " " * (indent + 4)) for item in items)
    return f"{margin}{before}\n{''.join(lines)}{margin}{after}"


def docstring(*paragraphs: str, indent: int = 0) -> str:
    """Return a docstring of these paragraphs; one that has lines of its own keeps them."""
    margin = " " * indent
    told = [
        paragraph
        if "\n" in paragraph
        else textwrap.fill(paragraph, WIDTH - indent - (3 if place == 0 else 0),
                           break_long_words=False, break_on_hyphens=False)
        for place, paragraph in enumerate(paragraphs)
    ]  # fmt: skip
    text = textwrap.indent("\n\n".join(told), margin).removeprefix(margin)
    alone = len(paragraphs) == 1 and "\n" not in text
    one_line = f'{margin}"""{text}"""'
    return one_line if alone and len(one_line) <= WIDTH else f'{margin}"""{text}\n{margin}"""'


def argument(name: str, told: str) -> str:
    """Return an entry under `Args:` of a function's docstring, for `docstring` to indent."""
    return textwrap.fill(
        f"{name}: {told}", WIDTH - 4, initial_indent=" " * 4, subsequent_indent=" " * 8
    )


def words(names: Sequence[str]) -> list[str]:
    """Return names as Python texts."""
    return [f'"{name}"' for name in names]


def class_name(name: str) -> str:
    """Return `late_brakes` as `LateBrakes`."""
    return "".join(word.capitalize() for word in name.split("_"))
