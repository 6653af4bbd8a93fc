"""hubops explain: one check in full."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hubops.commands.options import CATALOG, Options, with_options
from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.needs import needs_of
from hubops.engine.parameters import parameter_sets
from hubops.errors import Exit
from hubops.model.check import Check
from hubops.model.snapshot import Needs

EPILOG = """\b
Examples:
  hubops explain volume-nearly-full
"""


@click.command(epilog=EPILOG)
@click.argument("check", metavar="ID")
@with_options(CATALOG)
def command(check: str, options: Options) -> int:
    """The check ID in full: what decides, its thresholds, the evidence it reads, what explains it."""
    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file()).get(check)
    click.echo("\n".join(_lines(found, config)))
    return Exit.OK


def _lines(check: Check, config: Config) -> Iterator[str]:
    yield f"{check.id}: {check.title}"
    yield ""
    yield f"severity    {check.severity}"
    yield f"rounds      {', '.join(check.rounds)}"
    yield f"file        {check.origin}"
    yield f"runbook     hubops runbook {check.id}"
    for cause in check.symptom_of:
        yield f"explained by  {cause}"
    yield ""
    yield f"Thresholds (hubops.yaml: checks.{check.id}.with, or .namespaces.<namespace>):"
    for one in parameter_sets(check, config.checks.get(check.id)):
        where = f"   in {', '.join(sorted(one.only))}" if one.only else ""
        yield from (f"  {name}: {value}{where}" for name, value in one.values.items()) if one.values else ("  none",)
    yield ""
    yield "Evidence without which it is unknown, and what it uses where it can:"
    yield from (f"  {line}" for line in _evidence(needs_of((check,), config)))
    query = check.promql or check.logql or check.cel
    if query:
        yield ""
        yield f"Decided by {check.decides_by}:"
        yield from (f"  {line}" for line in query.strip().splitlines())


def _evidence(needs: Needs) -> Iterator[str]:
    yield from sorted(needs.kinds)
    yield from sorted(needs.custom)
    yield from (["alerts of Alertmanager"] if needs.alerts else [])
    yield from (["logs of troubled containers"] if needs.container_logs else [])
    yield from (f"Prometheus: {' '.join(query.split())}" for query in sorted(needs.promql))
    yield from (f"Loki: {' '.join(query.split())}" for query in sorted(needs.logql))
