"""A document for people in its parts: what it tells is said once, and rendered as Markdown or as HTML.

A line is made of spans. Plain text in it may come from anybody: no rendering lets it act, or leave its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A name, an id, a sum: shown as it is."""

    text: str


@dataclass(frozen=True)
class Mark:
    """A judgement. What is not good stands out, by its words and never by colour alone."""

    text: str
    good: bool


Span = str | Code | Mark
Line = Span | tuple[Span, ...]


def spans(line: Line) -> tuple[Span, ...]:
    return line if isinstance(line, tuple) else (line,)


@dataclass(frozen=True)
class Heading:
    line: Line
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    line: Line


@dataclass(frozen=True)
class Bullets:
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Facts:
    """Names and what belongs to them."""

    rows: tuple[tuple[str, Line], ...]


@dataclass(frozen=True)
class Table:
    headers: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Timings:
    """How long each of several steps took, one after the other, in seconds."""

    rows: tuple[tuple[str, float], ...]


Part = Heading | Paragraph | Bullets | Facts | Table | Timings


@dataclass(frozen=True)
class Document:
    title: str
    outcome: Mark
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Format:
    """One way to write a document. `suffix` is the ending of its files."""

    suffix: str
    write: Callable[[Document], str]


def _markdown(document: Document) -> str:
    from hubops.report.document import markdown

    return markdown.write(document)


def _html(document: Document) -> str:
    from hubops.report.document import html

    return html.write(document)


FORMATS: dict[str, Format] = {"markdown": Format("md", _markdown), "html": Format("html", _html)}
