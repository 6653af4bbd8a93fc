"""The drill calendar for a terminal, at most 80 columns wide; all that it says, it says in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime

from hubops.model.backup import Promised
from hubops.model.drill_calendar import Calendar, Entry, Row
from hubops.model.text import inert
from hubops.report.document.wording import duration

WIDTH = 80
_COLUMNS = "{:24} {:10}  {:9}  {:10}  {:10}  {}"
_NAME = 24
_STATES = {"proven": "proven", "due": "due", "overdue": "OVERDUE", "never": "NEVER"}


def text(calendar: Calendar) -> str:
    """*calendar* as lines: each kind, what was measured against what was promised, and its claims or namespaces."""
    return "\n".join(line.rstrip() for line in _lines(calendar)) + "\n"


def _lines(calendar: Calendar) -> Iterator[str]:
    yield f"Drills of {inert(calendar.cluster, limit=40)}, {calendar.at:%Y-%m-%d %H:%M} UTC"
    yield ""
    if not calendar.rows:
        yield "No kind is backed up, and no drill was ever recorded."
        return
    yield _COLUMNS.format("WHAT", "LAST DRILL", "OUTCOME", "PROVEN", "NEXT DUE", "STATE")
    for row in calendar.rows:
        yield from _row(row)
    if calendar.findings:
        yield ""
    for said in calendar.findings:
        yield from _wrapped(f"{said.severity}: {said.kind} {said.summary}", "", "    ")
        yield f"    hubops runbook {said.check}"


def _row(row: Row) -> Iterator[str]:
    yield from _entry(row.entry, row.entry.kind)
    yield from _wrapped(_measured(row.entry, row.promised), "  ")
    if row.in_doubt:
        yield from _wrapped(f"In doubt: {row.in_doubt}", "  ")
    for part in row.parts:
        yield from _entry(part, f"  {part.what}")


def _entry(entry: Entry, name: str) -> Iterator[str]:
    name = inert(name, limit=WIDTH)
    if len(name) > _NAME:
        yield name
        name = ""
    soon = "now" if entry.next_due is None else f"{entry.next_due:%Y-%m-%d}"
    yield _COLUMNS.format(
        name, _day(entry.last_at), entry.outcome or "-", _day(entry.proven_at), soon, _STATES[entry.state]
    )
    if entry.reason:
        yield from _wrapped(entry.reason, "    ")


def _measured(entry: Entry, promised: Promised) -> str:
    every = f"a proof every {duration(promised.proven_every_s)}"
    if entry.rpo_s is None or entry.rto_s is None:
        rpo, rto = duration(promised.rpo_s), duration(promised.rto_s)
        return f"RPO and RTO not measured yet; promised {rpo}, {rto}, {every}"
    measured = (("RPO", entry.rpo_s, promised.rpo_s), ("RTO", entry.rto_s, promised.rto_s))
    return "; ".join(
        f"{name} {duration(got)} of {duration(most)} {'kept' if got <= most else 'MISSED'}"
        for name, got, most in measured
    ) + f"; promised {every}"  # fmt: skip


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "-"


def _wrapped(said: str, indent: str, later: str | None = None) -> list[str]:
    further = indent if later is None else later
    return textwrap.wrap(inert(said), WIDTH, initial_indent=indent, subsequent_indent=further)
