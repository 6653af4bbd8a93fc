"""Report in, text out: one file per format; no I/O, no clock, no environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hubops.model.report import Report
from hubops.report.clean import clean


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a format has to know besides the report.

    `runbooks` maps a runbook's id to its Markdown: the next command comes from there. `unicode` is false where the
    output cannot carry more than ASCII; `width` (columns) and `color` matter to the terminal formats only.
    """

    width: int = 80
    color: bool = False
    unicode: bool = True
    runbooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One way to write a report. `suffix` is the usual ending of its files."""

    description: str
    suffix: str
    write: Callable[[Report, Options], str]

    def render(self, report: Report, options: Options = Options()) -> str:
        """*report* as text that ends with a line break; everything from the cluster is made inert first."""
        return self.write(clean(report), options)


# rich and tabulate are imported by the format that needs them, when it is used.


def _rich(report: Report, options: Options) -> str:
    from hubops.report import terminal

    return terminal.write(report, options)


def _plain(report: Report, options: Options) -> str:
    from hubops.report import plain

    return plain.write(report, options)


def _json(report: Report, options: Options) -> str:
    from hubops.report import json

    return json.write(report, options)


def _markdown(report: Report, options: Options) -> str:
    from hubops.report import markdown

    return markdown.write(report, options)


FORMATS: dict[str, Format] = {
    "rich": Format("for a person at a terminal", "txt", _rich),
    "plain": Format("tables without colour, for grep and for mail", "txt", _plain),
    "json": Format("the contract, schema hubops.report/v1", "json", _json),
    "markdown": Format("for an issue, a wiki or a pull request", "md", _markdown),
}
