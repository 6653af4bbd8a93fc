"""hubops monthly: what has to be done again before it is too old to be relied upon."""

from __future__ import annotations

import click

from hubops.commands.flow import run_calendar_round
from hubops.commands.options import CATALOG, CLUSTER, FILTERS, OUTPUT, SNAPSHOT, Options, with_options

EPILOG = """\b
Examples:
  hubops monthly
  hubops monthly --context prod-eu --output rich --output markdown=monthly.md
  hubops monthly --fail-on critical
"""


@click.command(epilog=EPILOG)
@with_options(FILTERS, CLUSTER, SNAPSHOT, CATALOG, OUTPUT)
def command(options: Options) -> int:
    """The monthly round: what is due before the next one, such as drills.

    It reads as 'hubops daily' does, changes nothing, and has the same outputs and exit codes; 'hubops list --round
    monthly' shows its checks.
    """
    return run_calendar_round("monthly", options)
