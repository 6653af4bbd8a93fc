"""Which fields of an object a CEL expression reads, so that nothing else of it is kept.

A pod's environment may hold passwords: a check of its images must not take the whole list of containers into a
snapshot. Where the analysis cannot follow a value, all of it is kept. It takes for granted what the API's schemas say:
that what a macro walks through is a list when the fields of its elements are looked at, and not a map.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hubops.model.kube.meta import is_kept

#: Macros whose first argument is a name for each element; what they give back no longer holds the elements.
_ELEMENTWISE = frozenset({"all", "exists", "exists_one", "existsOne", "map"})
_MACROS = _ELEMENTWISE | {"filter"}
_TOKEN = re.compile(
    r"""//[^\n]*|[bB]?[rR][bB]?(?:"[^"]*"|'[^']*')"""
    r"""|[bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|[A-Za-z_]\w*|\d[\w.]*|\S""",
    re.DOTALL,
)


class WholeObject(ValueError):
    """The expression uses `object` itself and not a field of it."""


@dataclass
class _Element:
    """A macro's name for the elements of the list at `path`, between the tokens `declared` and `end`."""

    name: str
    path: str
    declared: int
    end: int
    used: bool = False


@dataclass
class _Reader:
    tokens: Sequence[str]
    read: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # whether they are there: has(object.spec.x)
    elements: list[_Element] = field(default_factory=list)

    def run(self) -> frozenset[str]:
        for at, token in enumerate(self.tokens):
            self._close(at)
            if self._at(at - 1) != ".":
                self._follow(at, token)
        self._close(len(self.tokens))
        return frozenset(self.read | {path for path in self.asked if not self._reads_within(path)})

    def _at(self, at: int) -> str:
        return self.tokens[at] if 0 <= at < len(self.tokens) else ""

    def _close(self, at: int) -> None:
        """End the macros that end before *at*. A list whose elements were not looked at is still read."""
        while self.elements and self.elements[-1].end <= at:
            element = self.elements.pop()
            if not element.used:
                self.read.add(element.path)

    def _reads_within(self, path: str) -> bool:
        return any(other.startswith(f"{path}.") for other in self.read)

    def _follow(self, at: int, token: str) -> None:
        """The fields after the name *token*, if it stands for the object or an element of one of its lists."""
        element = next((item for item in reversed(self.elements) if item.name == token), None)
        if (element is None and token != "object") or (element and element.declared == at):
            return
        start = at
        path = [element.path] if element else []
        if element:
            element.used = True
        while self._at(at + 1) == "." and self._at(at + 3) != "(":
            path.append(self._at(at + 2))
            at += 2
        if not path:
            raise WholeObject("'object' must be followed by a field, as in object.spec: only those fields are read")
        name = ".".join(path)
        if self._at(at + 2) in _ELEMENTWISE and self._at(at + 1) == "." and self._at(at + 5) == ",":
            self.elements.append(_Element(self._at(at + 4), name, at + 4, self._closing(at + 3)))
        elif self._at(start - 2) == "has" and self._at(start - 1) == "(" and self._at(at + 1) == ")":
            self.asked.add(name)
        else:
            self.read.add(name)

    def _closing(self, at: int) -> int:
        """Where the bracket that opens at *at* is closed."""
        depth = 0
        for end in range(at, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[end], 0)
            if depth == 0:
                return end
        return len(self.tokens)


def fields_read(source: str) -> frozenset[str]:
    """The paths of the fields that *source*, which compiles, reads; a path leads through lists into their elements.

    Raises WholeObject for an expression that cannot be narrowed down to fields.
    """
    return _Reader(_tokens(source)).run()


def thresholds_read(source: str) -> frozenset[str]:
    """The keys of `with` that *source* reads: with.replicas."""
    tokens = _tokens(source)
    fields = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return frozenset(name for variable, dot, name in fields if (variable, dot) == ("with", "."))


def lost_annotations(source: str, paths: Iterable[str]) -> bool:
    """Whether *source*, which reads *paths*, looks at annotations that are never kept: they may hold secrets."""
    if "metadata.annotations" not in paths:
        return any(path.startswith("metadata.annotations.") for path in paths)
    keys = [token.strip("rRbB\"'") for token in _tokens(source) if token[-1] in "\"'" and "/" in token]
    return not keys or not all(is_kept(key) for key in keys)


def names_bound(source: str) -> frozenset[str]:
    """The names that the macros of *source* give to elements."""
    tokens = _tokens(source)
    return frozenset(tokens[at + 2] for at in range(len(tokens) - 2) if tokens[at] in _MACROS and tokens[at + 1] == "(")


def _tokens(source: str) -> list[str]:
    return [token for token in _TOKEN.findall(source) if not token.startswith("//")]
