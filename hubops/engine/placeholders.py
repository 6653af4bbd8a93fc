"""Summary templates: "{value} used on {labels.node}". What is filled in is data and is never read as a template."""

from __future__ import annotations

import re
from collections.abc import Callable

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
#: {label[x]}, {labels[x]} and {labels["x"]} are {labels.x}.
_INDEXED = re.compile(r"""^labels?\[["']?(.+?)["']?\]$""")
_BRACES = {"{{": "{", "}}": "}"}


def names(template: str) -> tuple[str, ...]:
    """The placeholders of *template* in order, each in its dotted form."""
    return tuple(_dotted(match.group(1)) for match in _PLACEHOLDER.finditer(template) if match.group() not in _BRACES)


def fill(template: str, lookup: Callable[[str], str | None]) -> str:
    """*template* with each placeholder replaced by what *lookup* gives, "(no name)" where that is None.

    One pass: braces within the values stay as they are. {{ and }} write single braces.
    """

    def replace(match: re.Match[str]) -> str:
        if match.group() in _BRACES:
            return _BRACES[match.group()]
        name = _dotted(match.group(1))
        value = lookup(name)
        return f"(no {name})" if value is None else value

    return _PLACEHOLDER.sub(replace, template)


def _dotted(name: str) -> str:
    match = _INDEXED.match(name.strip())
    return f"labels.{match.group(1)}" if match else name.strip()
