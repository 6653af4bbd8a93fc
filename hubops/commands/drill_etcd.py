"""hubops drill etcd: the drill, its record, its protocol, and what the checks make of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubops.commands.options import ACCESS, CATALOG, OUTPUT, Options, with_options
from hubops.errors import ClusterUnreachable, Exit

if TYPE_CHECKING:
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
    from hubops.commands.flow import deliver, prepare
    from hubops.commands.journaled import journal
    from hubops.deliver.steps import Steps
    from hubops.drill.etcd import drill

    judging = prepare("drill", options, lambda catalog: catalog.of_round("drill"))
    config = judging.config
    with Steps() as steps:
        run = drill(config, journal(config), say=steps, wanted=wanted)
        steps.over("etcd", _words(run))
    click.echo(f"hubops: protocol: {_keep(run, Path(config.backup.directory) / 'drills')}", err=True)
    failed = run.outcome != "succeeded"
    try:
        report, code = judging.run()
    except ClusterUnreachable as error:
        # The day on which a restore counts is one without a cluster.
        click.echo(f"hubops: not judged by the checks: {error}", err=True)
        return Exit.CRITICAL if failed else error.exit_code
    deliver(report, judging.outputs, judging.runbooks)
    judging.name_problems()
    return Exit.CRITICAL if failed else code


def _words(run: Run) -> str:
    from hubops.report.protocol import duration

    if run.proof is None:
        return f"{run.outcome}: {run.reason}"
    measured = f"{run.proof.copy} restored in {duration(run.proof.rto_s)}, {duration(run.proof.rpo_s)} old"
    return f"{run.outcome}: {measured}" + (f"; {run.reason}" if run.reason else "")


def _keep(run: Run, folder: Path) -> Path:
    """Write the protocol of *run* into *folder*, and say where. Raises UsageError where that cannot be written."""
    from hubops.deliver import files
    from hubops.report.protocol import protocol

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{run.id}.md"
    files.write(path, protocol(run))
    return path
