"""hubops drill etcd: the drill, its record, its protocol, and what the checks make of it."""

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
  hubops drill etcd
  hubops drill etcd --copy etcd-20260131T120000Z
  hubops drill etcd --output plain --output json=drill.json

\b
What it needs, on PATH: etcd, etcdctl, etcdutl; kube-apiserver where the restore is to be listed by one, too.
"""


@click.command(epilog=EPILOG)
@click.option("--copy", "wanted", metavar="ID", help="Restore this copy.  [default: the newest one off-site]")
@with_options(ACCESS, CATALOG, OUTPUT)
def command(options: Options, wanted: str | None) -> int:
    """Restore the newest off-site copy of etcd into a scratch etcd on this machine, and compare it with what lives.

    The copy is fetched, decrypted, checked and restored; the scratch etcd listens on loopback for the drill alone.
    Every key is compared with live etcd, and where kube-apiserver is on PATH it is started on it and lists all objects.
    The run is recorded, its protocol is written to the folder drills of backup.directory, and the checks of drills
    decide. Nothing in the cluster is changed but that record. Exit code 2 where it failed, or could not prove all.
    """
    from hubops.commands.backup_round import run_kinds

    return run_kinds("drill", options, {"etcd": partial(take, wanted=wanted)})


def take(config: Config, journal: Journal, steps: Steps, *, wanted: str | None = None) -> Run:
    """The drill of the copy *wanted*, by default of the newest one."""
    from hubops.commands.drill.kept import with_protocol
    from hubops.drill.etcd.drill import drill

    return with_protocol(drill(config, journal, say=steps, wanted=wanted), config, steps)
