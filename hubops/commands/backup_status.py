"""hubops backup status: the journal, and what the checks of backups and drills make of it."""

from __future__ import annotations

import time

import click
import msgspec

from hubops.commands.options import ACCESS, CATALOG, OUTPUT, SNAPSHOT, Options, with_options
from hubops.engine.catalog import Catalog
from hubops.model.check import Check

EPILOG = """\b
Examples:
  hubops backup status
  hubops backup status --output json
  hubops backup status --snapshot incident.gz
"""


@click.command(epilog=EPILOG)
@with_options(ACCESS, SNAPSHOT, CATALOG, OUTPUT)
def command(options: Options) -> int:
    """The newest backups, verifications and drills of each kind, and what the checks make of them. Nothing is taken.

    What waits on this machine is shown, too. Formats other than rich and plain have the report alone.
    """
    from hubops.commands.flow import deliver, prepare
    from hubops.deliver import terminal
    from hubops.report.runs import table

    prepared = prepare("backup", options, _checks)
    started = time.monotonic()
    snapshot = prepared.read()
    if options.snapshot_file is None and "journal" in snapshot.read:
        from hubops.commands.backup_round import joined
        from hubops.commands.journaled import journal

        waiting = journal(prepared.config).waiting()
        snapshot = msgspec.structs.replace(snapshot, journal=joined(snapshot.journal, waiting))
    if any(output.path is None and output.format in ("rich", "plain") for output in prepared.outputs):
        terminal.write(table(snapshot.journal, snapshot.taken_at) or "Nothing is recorded.\n")
        terminal.write("\n")
    report = prepared.judge(snapshot, started)
    deliver(report, prepared.outputs, prepared.runbooks)
    prepared.name_problems()
    return prepared.code(report)


def _checks(catalog: Catalog) -> tuple[Check, ...]:
    return tuple(check for check in catalog.checks if {"backup", "drill"} & {*check.rounds})
