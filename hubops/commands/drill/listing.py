"""hubops drill list: the drills that the journal knows."""

from __future__ import annotations

import click

from hubops.commands.options import ACCESS, CONFIG, Options, with_options
from hubops.errors import Exit
from hubops.model.backup import Run

_HEADERS = ("ID", "BEGUN (UTC)", "OUTCOME", "RPO", "RTO", "REASON")


@click.command(epilog="\b\nExamples:\n  hubops drill list\n  hubops drill list --context prod-eu")
@with_options(CONFIG, ACCESS)
def command(options: Options) -> int:
    """The drills that the journal knows, newest first."""
    from tabulate import tabulate

    from hubops.commands.journaled import journal

    recorded, problem = journal(options.config()).recorded()
    rows = [_row(run) for run in recorded.runs if run.action == "drill"]
    click.echo(tabulate(rows, headers=_HEADERS, tablefmt="plain"))
    if problem:
        click.echo(f"hubops: only what waits on this machine is shown: {problem}", err=True)
    return Exit.UNKNOWN if problem else Exit.OK


def _row(run: Run) -> tuple[str, ...]:
    from hubops.report.document.wording import duration

    measured = ("-", "-")
    if proofs := run.proofs:
        measured = (duration(max(each.rpo_s for each in proofs)), duration(max(each.rto_s for each in proofs)))
    return run.id, f"{run.started_at:%Y-%m-%d %H:%M}", run.outcome, *measured, run.reason or ""
