"""hubops backup velero schedule: Velero's Schedules, listed, made, paused, resumed and deleted."""

from __future__ import annotations

import sys
from functools import partial

import click

from hubops.commands.options import ACCESS, CONFIG, DurationType, Options, with_options
from hubops.commands.velero import AS, client, now, print_json, settings
from hubops.config import Duration
from hubops.errors import Exit, UsageError

EPILOG = """\b
Examples:
  hubops backup velero schedule list
  hubops backup velero schedule create applications-daily --cron "0 2 * * *"
  hubops backup velero schedule create shop-hourly --cron "CRON_TZ=Europe/Berlin 5 * * * *" --namespace shop --ttl 2d
  hubops backup velero schedule pause applications-daily
  hubops backup velero schedule resume applications-daily
"""


@click.group(epilog=EPILOG)
def schedule() -> None:
    """Velero's Schedules: when they are due, when they ran, and what they missed."""


@schedule.command("list", epilog=EPILOG)
@AS
@with_options(CONFIG, ACCESS)
def listed(form: str, options: Options) -> int:
    """Every Schedule: its cron, its state, its next and its last time, and what it missed. Exit code 1 for a miss."""
    from hubops.backup.velero.schedules import row
    from hubops.report.velero import schedules_table

    velero = client(options.config())
    every, backups = velero.schedules(), velero.backups()
    found = sorted((row(each, backups, now(velero)) for each in every), key=lambda each: each.name)
    if form == "json":
        print_json(found)
    else:
        nothing = f"There is no Schedule in namespace {velero.namespace}."
        click.echo(schedules_table(found, now(velero)) if found else nothing)
    return Exit.WARNING if any(each.missed or each.state == "refused" for each in found) else Exit.OK


@schedule.command(epilog=EPILOG)
@click.argument("name")
@click.option("--cron", "text", required=True, metavar="CRON",
              help="Five fields, or @daily, @every 6h; in UTC unless CRON_TZ=ZONE stands before it.")  # fmt: skip
@click.option("--namespace", "-n", "namespaces", multiple=True, metavar="NAME",
              help="Only these namespaces; repeatable.  [default: those of backup.velero]")  # fmt: skip
@click.option("--ttl", type=DurationType(), help="How long its backups are kept.  [default: that of backup.velero]")
@click.option("--paused", is_flag=True, help="It makes no backups until it is resumed.")
@with_options(CONFIG, ACCESS)
def create(name: str, text: str, ttl: Duration | None, paused: bool, options: Options) -> int:
    """Make a Schedule of what backup.velero of hubops.yaml describes, and wait until Velero has accepted it."""
    import msgspec

    from hubops.backup.velero.request import of_settings
    from hubops.backup.velero.schedules import accepted, checked
    from hubops.clients.kube.errors import AlreadyExists
    from hubops.deliver.steps import Steps

    checked(text)
    config = options.config()
    asked, velero = settings(config), client(config)
    if ttl is not None:
        asked = msgspec.structs.replace(asked, ttl=ttl)
    template = of_settings(asked, options.namespaces, now(velero)).spec
    try:
        made = velero.create_schedule(name, {"schedule": text, "template": template, "paused": paused})
    except AlreadyExists as error:
        raise UsageError(f"there is a Schedule {name} already; delete it first") from error
    with Steps() as steps:
        refused = "" if paused else accepted(velero, made, say=partial(steps, name))
        steps.over(name, refused or ("made, and paused" if paused else "accepted by Velero"))
    return Exit.CRITICAL if refused else Exit.OK


@schedule.command(epilog=EPILOG)
@click.argument("name")
@with_options(CONFIG, ACCESS)
def pause(name: str, options: Options) -> int:
    """Keep a Schedule from making backups until it is resumed."""
    return _pause(options, name, paused=True)


@schedule.command(epilog=EPILOG)
@click.argument("name")
@with_options(CONFIG, ACCESS)
def resume(name: str, options: Options) -> int:
    """Let a Schedule make backups again. What it missed is made up for by one at once, as Velero does it."""
    return _pause(options, name, paused=False)


def _pause(options: Options, name: str, *, paused: bool) -> int:
    from hubops.model.velero import Schedule

    velero = client(options.config())
    if velero.get(Schedule, name) is None:
        raise _unknown(velero.namespace, name)
    velero.pause(name, paused)
    click.echo(f"{name} is {'paused' if paused else 'resumed'}.")
    return Exit.OK


@schedule.command(epilog=EPILOG)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_options(CONFIG, ACCESS)
def delete(name: str, yes: bool, options: Options) -> int:
    """Delete a Schedule. The backups that it made stay until they expire."""
    from hubops.model.velero import Schedule

    velero = client(options.config())
    found = velero.get(Schedule, name)
    if found is None:
        raise _unknown(velero.namespace, name)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here; add --yes to delete it")
        click.confirm(f"Delete Schedule {name} ({found.spec.schedule}) from {velero.cluster.server}?", abort=True)
    velero.delete(found)
    click.echo(f"{name} is deleted; its backups stay until they expire.")
    return Exit.OK


def _unknown(namespace: str, name: str) -> UsageError:
    return UsageError(f"there is no Schedule {name} in namespace {namespace}; hubops backup velero schedule list")
