"""hubops bootstrap: installs the platform, shows before what that would change, and proves that it works."""

from __future__ import annotations

import threading
from typing import Any

import click

from hubops.commands.bootstrap_change import (
    AT_ONCE,
    confirm,
    install,
    installing,
    passed_lines,
    remove,
    untried_lines,
)
from hubops.commands.bootstrap_look import examined, hinders, installed, plans, preflight
from hubops.commands.bootstrap_selection import prepare, with_selection
from hubops.commands.options import DurationType, Options
from hubops.config import Duration
from hubops.errors import Exit, UsageError

EPILOG = """\b
Examples:
  hubops bootstrap plan
  hubops bootstrap apply --yes
  hubops bootstrap apply --only monitoring --timeout 20m
  hubops bootstrap verify
"""


#: Unlike a report's, it goes to no file: one document on stdout.
AS = click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group(epilog=EPILOG)
def command() -> None:
    """Install the platform of deploy/ with the settings of hubops.yaml, one component after what it needs."""


@command.command(epilog=EPILOG)
@click.option("--full", is_flag=True, help="Name every new object, instead of counting them by kind.")
@AS
@with_selection
def plan(options: Options, full: bool, output: str, **flags: Any) -> int:
    """What apply would do. Nothing is written; exit code 1 where something is to be done, 2 where it cannot be."""
    from hubops.bootstrap.show.document import encoded, plan_document
    from hubops.bootstrap.show.lines import plan_lines

    run = prepare(options, **flags)
    if output == "json":
        findings, planned = examined(run), plans(run)
        fit = not any(hinders(run, each) for each in findings)
        server = run.target.cluster.server
        click.echo(encoded(plan_document(run.site.cluster, server, findings, run.accepted, planned)))
    else:
        fit, planned = preflight(run), plans(run)
        for line in plan_lines(planned, full=full):
            click.echo(line)
    if not fit or any(each.problems for each in planned):
        return Exit.CRITICAL
    return Exit.WARNING if any(each.changes or each.unfinished for each in planned) else Exit.OK


@command.command(epilog=EPILOG)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout", type=DurationType(), default="15m", show_default=True, help="Longest time for one component."
)
@with_selection
def apply(options: Options, yes: bool, timeout: Duration, **flags: Any) -> int:
    """Install what is missing and change what differs, after showing it; a run that was killed is continued."""
    return _apply(options, yes, timeout, rollback=False, **flags)


@command.command(epilog=EPILOG)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", type=DurationType(), default="15m", show_default=True, help="For one component.")
@with_selection
def upgrade(options: Options, yes: bool, timeout: Duration, **flags: Any) -> int:
    """Move what is installed to the stack's pins, one component after the other; what fails goes back."""
    return _apply(options, yes, timeout, rollback=True, **flags)


@command.command(epilog=EPILOG)
@click.option("--confirm", "named", metavar="CLUSTER", help="The cluster's name, instead of being asked for it.")
@click.option("--timeout", type=DurationType(), default="5m", show_default=True, help="For one component.")
@with_selection
def destroy(options: Options, named: str | None, timeout: Duration, **flags: Any) -> int:
    """Remove what hubops has installed, last first. Claims, CRDs and namespaces in use stay, and are named."""
    from hubops.bootstrap.apply.remove import taken_along, to_remove

    run = prepare(options, **flags)
    chosen = {each.name for each in run.components}
    found = [
        (record, release)
        for record, release in to_remove(run.records, run.target.helm.releases())
        if record.component in chosen or record.component not in run.stack.components
    ]
    if not found:
        click.echo("hubops has installed nothing of it here.")
        return Exit.OK
    for record, release in found:
        of_chart = f", release {release.name} of {release.chart}" if release else ""
        click.echo(f"{record.component}: {len(record.objects)} objects{of_chart}")
        if release and (gone := taken_along(run.target, release)):
            click.echo(f"  with it Helm deletes {', '.join(gone)}: every object of these kinds, whosever it is")
    question = f"Remove all this from {run.target.cluster.server}? The cluster's name"
    if (named or click.prompt(question)) != run.site.cluster:
        raise UsageError("that is not the name of this cluster in hubops.yaml; nothing was removed")
    return remove(run, found, timeout)


def _apply(options: Options, yes: bool, timeout: Duration, *, rollback: bool, **flags: Any) -> int:
    """Plan, show, ask, install."""
    from hubops.bootstrap.show.lines import plan_lines

    run = prepare(options, **flags)
    fit = preflight(run)
    planned = plans(run)
    for line in plan_lines(planned, full=False):
        click.echo(line)
    if not fit or any(each.problems for each in planned):
        return Exit.CRITICAL
    if any(each.changes for each in planned) and not yes:
        confirm(run)
    return install(run, timeout, rollback=rollback)


@command.command(epilog=EPILOG)
@click.option("--timeout", type=DurationType(), default="2m", show_default=True, help="For one component.")
@with_selection
def verify(options: Options, timeout: Duration, **flags: Any) -> int:
    """Ask every gate again, and name the DNS records that the platform needs."""
    from hubops.bootstrap.apply.graph import run as graph
    from hubops.bootstrap.show import dns_records
    from hubops.bootstrap.show.lines import failure_lines

    run = prepare(options, **flags)
    with installing(run, timeout) as installation:
        by_name = {each.name: each for each in run.components}

        def step(name: str) -> None:
            installation.verify(by_name[name])
            installation.over(name, "works")

        stop = threading.Event()
        outcome = graph(dict.fromkeys(by_name, ()), step, at_once=AT_ONCE, stop=stop, cancel=installation.cancel)
    for name, error in outcome.failed.items():
        for line in failure_lines(name, error):
            click.echo(line)
    passed_lines(installation)
    untried_lines(installation)
    for line in dns_records.lines(run.target.cluster, run.components, run.site):
        click.echo(line)
    return Exit.CRITICAL if outcome.failed else Exit.OK


@command.command(epilog=EPILOG)
@AS
@with_selection
def status(options: Options, output: str, **flags: Any) -> int:
    """What of the platform is installed, at which version, and whether its installation came to its end."""
    from tabulate import tabulate

    from hubops.bootstrap.show.document import STATUS, Status, encoded

    run = prepare(options, **flags)
    components = installed(run)
    if output == "json":
        click.echo(encoded(Status(STATUS, run.site.cluster, run.target.cluster.server, components)))
    else:
        rows = [(each.name, each.state, each.chart or "-", each.release or "-") for each in components]
        click.echo(tabulate(rows, headers=("COMPONENT", "STATE", "CHART", "RELEASE"), tablefmt="plain"))
    return Exit.OK if all(each.state == "complete" for each in components) else Exit.WARNING
