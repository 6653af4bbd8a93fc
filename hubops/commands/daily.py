"""hubops daily: the morning round."""

from __future__ import annotations

import click

from hubops.commands.flow import run_calendar_round
from hubops.commands.options import CATALOG, CLUSTER, FILTERS, OUTPUT, SNAPSHOT, WATCH, Options, with_options

EPILOG = """\b
Examples:
  hubops daily
  hubops daily --context prod-eu --output rich --output json=report.json
  hubops daily --snapshot incident.gz --output markdown
  hubops daily --namespace shop --namespace "web-*" --severity warning
  hubops daily --only "pod-*" --only node-not-ready
  hubops daily --watch --namespace shop
  hubops daily --fail-on critical --deadline 2m
"""


@click.command(epilog=EPILOG)
@with_options(FILTERS, WATCH, CLUSTER, SNAPSHOT, CATALOG, OUTPUT)
def command(options: Options) -> int:
    """The morning round: what is broken now, worst first.

    Reads the cluster with its Prometheus, Alertmanager and Loki once and changes nothing. Each finding comes with its
    evidence, the next command and a runbook. The exit code tells the verdict: see 'hubops --help'.
    """
    return run_calendar_round("daily", options)
