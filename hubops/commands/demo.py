"""hubops demo: the daily round on a recorded cluster."""

from __future__ import annotations

import dataclasses

import click

from hubops.commands.flow import run_calendar_round
from hubops.commands.options import FILTERS, OUTPUT, Options, with_options
from hubops.content import DEMO

EPILOG = """\b
Examples:
  hubops demo
  hubops demo --namespace shop --severity critical
  hubops demo --output markdown=report.md --output rich
"""


@click.command(epilog=EPILOG)
@with_options(FILTERS, OUTPUT)
def command(options: Options) -> int:
    """The daily round on a cluster that was recorded with real faults in it. No cluster is needed."""
    recorded = dataclasses.replace(options, snapshot_file=DEMO, bare=True)
    return run_calendar_round("daily", recorded)
