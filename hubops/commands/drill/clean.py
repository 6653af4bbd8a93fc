"""hubops drill clean: what drills that were killed left, on this machine and of Velero's in the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubops.commands.options import ACCESS, CONFIG, Options, with_options
from hubops.errors import Exit

if TYPE_CHECKING:
    from hubops.config import Config

EPILOG = """\b
Examples:
  hubops drill clean
  hubops drill clean --context prod-eu
"""


@click.command(epilog=EPILOG)
@with_options(CONFIG, ACCESS)
def command(options: Options) -> int:
    """Remove what drills that were killed left; the next drill would, too.

    On this machine the folders of drills of etcd and of Velero, which hold every Secret; and, where backup.velero is
    set, in the cluster the scratch namespaces of Velero's drills, their volumes and Restores. Exit code 2 where
    something of that is still there afterwards.
    """
    from hubops.drill.etcd import scratch
    from hubops.drill.velero import place

    config = options.config()
    directory = Path(config.backup.directory)
    removed = scratch.clean(directory) + place.clean(directory)
    there, said = _cluster(config) if config.backup.velero else (0, [])
    for each in said:
        click.echo(f"hubops: {each}", err=True)
    if said:
        return Exit.CRITICAL
    found = removed + there
    click.echo(f"{found} left by killed drills, removed." if found else "Nothing was left by a drill.")
    return Exit.OK


def _cluster(config: Config) -> tuple[int, list[str]]:
    from hubops.deliver.steps import Steps
    from hubops.drill.velero.drill import clear

    with Steps() as steps:
        return clear(config, steps)
