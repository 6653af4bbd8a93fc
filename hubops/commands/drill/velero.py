"""hubops drill velero: a backup of Velero, restored into scratch namespaces and compared there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from hubops.commands.options import ACCESS, CATALOG, OUTPUT, Options, with_options

if TYPE_CHECKING:
    from hubops.config import Config
    from hubops.deliver.steps import Steps
    from hubops.journal.journal import Journal
    from hubops.model.backup import Run

EPILOG = """\b
Examples:
  hubops drill velero
  hubops drill velero --namespace shop --namespace 'data-*'
  hubops drill velero --backup applications-daily-20260131090000
  hubops drill velero --output plain --output json=drill.json
  hubops drill show

\b
What it proves: that Velero can restore the backup, that each object comes back as it was when it was backed up, and
that what runs becomes ready without anything of the outside. What it leaves out, and why, stands in the protocol.
"""


@click.command(epilog=EPILOG)
@click.option("--backup", metavar="NAME",
              help="Restore this Backup.  [default: the newest Completed one that holds the namespaces]")  # fmt: skip
@click.option("--namespace", "spaces", multiple=True, metavar="PATTERN",
              help="Restore these namespaces; repeatable.  [default: drill.velero.namespaces]")  # fmt: skip
@with_options(ACCESS, CATALOG, OUTPUT)
def command(options: Options, backup: str | None, spaces: tuple[str, ...]) -> int:
    """Restore a backup of Velero into scratch namespaces, compare every object, wait until what runs is ready.

    The scratch namespaces are closed for all traffic, and what would act outside is changed or left out: no
    LoadBalancer, no Ingress, no CronJob that runs, nothing that is in no namespace. All of it is removed again, also
    what a killed drill left. The run is recorded, its protocol is written to the folder drills of backup.directory, and
    the checks of drills decide. Exit code 2 where a restore failed, differs, or could not prove all.
    """
    from hubops.commands.backup_round import run_kinds

    return run_kinds("drill", options, {"velero": partial(take, backup=backup, namespaces=spaces)})


def take(
    config: Config, journal: Journal, steps: Steps, *, backup: str | None = None, namespaces: tuple[str, ...] = ()
) -> Run:
    """The drill of *backup*, by default of the newest one that counts."""
    from hubops.commands.drill.kept import with_protocol
    from hubops.drill.velero.drill import drill

    return with_protocol(drill(config, journal, say=steps, backup=backup, namespaces=namespaces), config, steps)
