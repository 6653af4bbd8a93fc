"""hubops drill status: the calendar of drills, and what the checks make of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
import msgspec

from hubops.commands.options import ACCESS, CATALOG, SNAPSHOT, Options, with_options
from hubops.errors import Exit, SourceError

if TYPE_CHECKING:
    from hubops.commands.flow import Round
    from hubops.engine.catalog import Catalog
    from hubops.model.check import Check
    from hubops.model.drill_calendar import Calendar
    from hubops.model.report import Report
    from hubops.model.snapshot import Snapshot

EPILOG = """\b
Examples:
  hubops drill status
  hubops drill status --output json
  hubops drill status --snapshot incident.gz

\b
States: proven; due (more than half of proven_every is over: 'hubops drill all
--due' drills it); OVERDUE (all of it); NEVER.
"""


@click.command(epilog=EPILOG)
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@with_options(ACCESS, SNAPSHOT, CATALOG)
def command(options: Options, output: str) -> int:
    """When each kind was drilled and proven last, when it is due, and what was measured against what was promised.

    Of volumes and Velero each claim and namespace that the journal knows, the one whose turn it is first. Exit code as
    the checks of drills decide, and 1 at least where something is overdue or was never proven. Nothing is restored.
    """
    from hubops.commands.flow import prepare
    from hubops.deliver import terminal
    from hubops.report.drill_calendar import text

    prepared = prepare("drill", options, _checks)
    started = time.monotonic()
    snapshot = _read(prepared)
    report = prepared.judge(snapshot, started)
    found = _calendar(snapshot, report)
    if output == "json":
        terminal.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        terminal.write(text(found))
    prepared.name_problems()
    for check in report.checks:
        if check.status == "unknown":
            click.echo(f"hubops: {check.id} could not be decided: {check.reason}", err=True)
    behind = any(row.entry.state in ("overdue", "never") for row in found.rows)
    code = prepared.code(report)
    return Exit.WARNING if behind and code is Exit.OK else code


def _checks(catalog: Catalog) -> tuple[Check, ...]:
    """The checks of drills that look at the journal alone."""
    from hubops.engine.probes import PROBES

    drills = catalog.of_round("drill")
    return tuple(check for check in drills if check.probe and PROBES[check.probe].needs == ("journal",))


def _read(prepared: Round) -> Snapshot:
    """The journal of the cluster, with what waits on this machine. Raises SourceError where it cannot be read."""
    from hubops.commands.backup_round import joined
    from hubops.commands.journaled import journal

    snapshot = prepared.read()
    if "journal" not in snapshot.read:
        raise SourceError(f"the journal cannot be read: {snapshot.unread.get('journal', 'the snapshot has none')}")
    if prepared.options.snapshot_file is not None:
        return snapshot
    waiting = journal(prepared.config).waiting()
    return msgspec.structs.replace(snapshot, journal=joined(snapshot.journal, waiting))


def _calendar(snapshot: Snapshot, report: Report) -> Calendar:
    from hubops.drill.calendar import calendar
    from hubops.model.drill_calendar import Said

    findings = tuple(
        Said(check=each.check, severity=each.severity, kind=each.ref.name, summary=each.summary)
        for each in report.findings
    )
    found = calendar(snapshot.journal, snapshot.cluster, snapshot.taken_at)
    return msgspec.structs.replace(found, findings=findings)
