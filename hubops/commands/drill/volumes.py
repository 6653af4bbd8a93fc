"""hubops drill volumes: claims restored from their snapshots into a scratch namespace, and read there."""

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
  hubops drill volumes
  hubops drill volumes --claim data/data-db-0
  hubops drill volumes --output plain --output json=drill.json
  hubops drill list

\b
What it proves: that each file of the restored claim can be read from its beginning to its end, or what
drill.volumes.command of hubops.yaml finds. Not that the files are those of now: they have changed since.
"""


@click.command(epilog=EPILOG)
@click.option("--claim", "claims", multiple=True, metavar="NAMESPACE/NAME",
              help="Restore this claim; repeatable.  [default: those whose last drill is the longest ago]")  # fmt: skip
@with_options(ACCESS, CATALOG, OUTPUT)
def command(options: Options, claims: tuple[str, ...]) -> int:
    """Restore claims from their newest snapshots into a scratch namespace, have a Job read them, and measure it.

    The scratch namespace is closed for all traffic and runs one restricted pod, which mounts the claim read-only. All
    of it is removed again, also what a killed drill left; the snapshots and the live claims are only read. The run is
    recorded, and the checks of drills decide. Exit code 2 where a restore failed, or could not prove all.
    """
    from hubops.commands.backup_round import run_kinds

    return run_kinds("drill", options, {"volumes": partial(take, claims=claims)})


def take(config: Config, journal: Journal, steps: Steps, *, claims: tuple[str, ...] = ()) -> Run:
    """The drill of *claims*, by default of those whose last drill is the longest ago."""
    from hubops.collect.volume_use import used_by
    from hubops.commands.drill.kept import with_protocol
    from hubops.drill.volumes.drill import drill

    return with_protocol(drill(config, journal, say=steps, claims=claims, used=used_by(config)), config, steps)
