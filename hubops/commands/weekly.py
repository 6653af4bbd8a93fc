"""hubops weekly: what nobody notices from one day to the next."""

from __future__ import annotations

import click

from hubops.commands.flow import run_calendar_round
from hubops.commands.options import CATALOG, CLUSTER, FILTERS, OUTPUT, SNAPSHOT, Options, with_options

EPILOG = """\b
Examples:
  hubops weekly
  hubops weekly --context prod-eu --output rich --output markdown=weekly.md
  hubops weekly --only namespace-not-covered --namespace "team-*"
  hubops weekly --snapshot incident.gz
"""


@click.command(epilog=EPILOG)
@with_options(FILTERS, CLUSTER, SNAPSHOT, CATALOG, OUTPUT)
def command(options: Options) -> int:
    """The weekly round: what grows or is forgotten, before it breaks.

    What no backup holds, backups that end too soon, warnings that nobody reads. It reads as 'hubops daily' does,
    changes nothing, and has the same outputs and exit codes; 'hubops list --round weekly' shows its checks.
    """
    return run_calendar_round("weekly", options)
