"""A document as GitHub-flavoured Markdown."""

from __future__ import annotations

from hubops.model.text import inert
from hubops.report.document import (
    Bullets,
    Code,
    Document,
    Facts,
    Heading,
    Line,
    Mark,
    Paragraph,
    Part,
    Span,
    Table,
    spans,
)
from hubops.report.document.wording import duration
from hubops.report.markdown import code, prose, table


def write(document: Document) -> str:
    """*document* as text that ends with a line break; no text in it can act in a renderer."""
    title = f"# {_span(document.title)}: {_span(document.outcome.text)}"
    return "\n\n".join([title, *map(_part, document.parts)]) + "\n"


def _part(part: Part) -> str:
    match part:
        case Heading():
            return f"{'#' * part.level} {_line(part.line)}"
        case Paragraph():
            return _line(part.line)
        case Bullets():
            return "\n".join(f"- {_line(line)}" for line in part.lines)
        case Facts():
            return table(("", ""), ((_span(name), _line(line)) for name, line in part.rows))
        case Table():
            return table(part.headers, ([_line(cell) for cell in row] for row in part.rows))
        case _:
            return table(("Step", "Took"), ((_span(name), duration(took)) for name, took in part.rows))


def _line(line: Line) -> str:
    return "".join(map(_span, spans(line)))


def _span(span: Span) -> str:
    if isinstance(span, Code):
        return code(inert(span.text))
    if isinstance(span, Mark):
        return prose(inert(span.text)) if span.good else f"**{prose(inert(span.text))}**"
    return prose(inert(span))
