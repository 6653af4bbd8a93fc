"""Round after round: what changed, as lines that are appended, or above a report that is drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from hubops.model.change import Change
from hubops.model.finding import Finding
from hubops.model.report import Report
from hubops.model.text import inert, redact
from hubops.report import FORMATS, Options, words
from hubops.report.clean import clean
from hubops.report.page import Page

#: Changes that are shown above the report, newest first.
SHOWN = 8
_LONGEST = 500
_CHECKS = 4
_STYLES = {"new": "critical", "changed": "warning", "gone": "ok", "blind": "unknown", "sees": "ok"}


def lines(report: Report, number: int, changes: Iterable[Change], *, first: bool) -> str:
    """One line for the round *number*, and one for each change; for each finding in the *first* that read something."""
    report = clean(report)
    said = [f"{_at(report.taken_at)} round {number} {report.verdict}: {_said(words.outcome(report))}"]
    if first:
        said += [_present(finding, report.taken_at) for finding in report.findings]
    said += [
        f"{_at(change.at)} {change.what} {change.severity or '-'} {_subject(change)}: {_said(change.text)}"
        for change in changes
    ]
    return "\n".join(said) + "\n"


def failed_line(at: datetime, number: int, reason: str) -> str:
    """One line for a round that read nothing."""
    return f"{_at(at)} round {number} failed: {_said(reason)}\n"


def screen(report: Report | None, status: str, changes: Sequence[Change], options: Options, height: int) -> str:
    """*status*, the newest of *changes* and as much of *report* as *height* lines have room for."""
    page = Page(options)
    page.add((_said(status), "quiet"))
    for change in list(reversed(changes))[:SHOWN]:
        label = f"{change.at:%H:%M:%S} {change.what}"
        page.add(
            (_subject(change), "strong"),
            f": {_said(change.text)}",
            label=(label, _STYLES[change.what]),
            column=17,
            most=2,
        )
    page.blank()
    drawn = page.text().splitlines()
    body = FORMATS["rich"].render(report, options).splitlines() if report else []
    room = max(height - len(drawn), 1)
    if len(body) > room:
        more = len(body) - room + 1
        body = [
            *body[: room - 1],
            f"… {words.plural(more, 'more line')}: a taller terminal, or --output plain=FILE"[: options.width],
        ]
    return "\n".join([*drawn, *body])


def _present(finding: Finding, at: datetime) -> str:
    return f"{_at(at)} present {finding.severity} {finding.check} {_said(str(finding.ref))}: {_said(finding.summary)}"


def _subject(change: Change) -> str:
    checks = _said(words.listed(change.checks, _CHECKS))
    return f"{checks} {_said(str(change.ref))}" if change.ref else checks


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _said(text: str) -> str:
    return inert(redact(text[: 2 * _LONGEST]), limit=_LONGEST)
