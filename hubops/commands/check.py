"""hubops check: single checks by their id."""

from __future__ import annotations

import click

from hubops.commands.flow import run_round
from hubops.commands.options import CATALOG, CLUSTER, FILTERS, OUTPUT, SNAPSHOT, WATCH, Options, with_options

EPILOG = """\b
Examples:
  hubops check pod-crash-looping
  hubops check pvc-pending volume-nearly-full --context prod-eu
  hubops check deployment-unavailable --watch 10s
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@with_options(FILTERS, WATCH, CLUSTER, SNAPSHOT, CATALOG, OUTPUT)
def command(ids: tuple[str, ...], options: Options) -> int:
    """Run the checks with these IDs ('hubops list' shows them). Only what they need is read."""
    return run_round("check", options, lambda catalog: catalog.named(ids))
