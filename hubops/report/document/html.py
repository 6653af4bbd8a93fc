"""A document as one HTML page: nothing in it is loaded from anywhere, no script runs, and it prints."""

from __future__ import annotations

from functools import cache

import jinja2

from hubops.model.text import inert
from hubops.report.document import Code, Document, Mark, Timings, spans
from hubops.report.document.wording import duration


def write(document: Document) -> str:
    """*document* as a page that is complete in itself; text stays text, whoever wrote it."""
    return _template().render(document=document) + "\n"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hubops.report.document", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(spans=spans, inert=inert, duration=duration, share=_share)
    environment.tests.update(code=lambda span: isinstance(span, Code), mark=lambda span: isinstance(span, Mark))
    environment.filters["part"] = lambda part: type(part).__name__.lower()
    return environment.get_template("page.html.jinja")


def _share(took: float, part: Timings) -> str:
    """How much of the longest step *took* is, in percent."""
    longest = max((each for _, each in part.rows), default=0)
    return f"{100 * took / longest:.1f}" if longest else "0"
