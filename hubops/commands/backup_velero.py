"""hubops backup velero: a Backup of Velero, taken and judged; what there is of them, and what none of them holds."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hubops.commands.backup_velero_schedule import schedule as schedules
from hubops.commands.options import ACCESS, CATALOG, CONFIG, OUTPUT, Options, with_options
from hubops.commands.velero import AS, client, now, print_json, settings
from hubops.errors import Exit, UsageError

if TYPE_CHECKING:
    from hubops.clients.velero import VeleroClient
    from hubops.config import Config
    from hubops.deliver.steps import Steps
    from hubops.journal.journal import Journal
    from hubops.model.backup import Run
    from hubops.model.velero import Backup

EPILOG = """\b
Examples:
  hubops backup velero
  hubops backup velero --schedule applications-daily --namespace shop
  hubops backup velero --output plain --output json=velero.json
  hubops backup velero list
  hubops backup velero show hubops-20260131020000
  hubops backup velero coverage
  hubops backup velero schedule list
"""


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.option("--schedule", metavar="NAME", help="By the template of this Schedule, not by backup.velero.")
@click.option("--namespace", "-n", "namespaces", multiple=True, metavar="NAME",
              help="Only these namespaces; repeatable. Such a backup keeps no promise of backup.velero.")  # fmt: skip
@with_options(ACCESS, CATALOG, OUTPUT)
@click.pass_context
def command(context: click.Context, options: Options, schedule: str | None) -> int | None:
    """Have Velero make a backup, wait until it has ended, and compare what it holds with what the cluster has.

    A backup is good when Velero completed it and it holds every object and volume of its scope that was there all the
    time. Exit code 2 where it failed, lacks something, or cannot be read; 75 where another run is at work.
    """
    if context.invoked_subcommand is None:
        from hubops.commands.backup_round import run_kinds

        return run_kinds("backup", options, {"velero": partial(_take, schedule, options.namespaces)})
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"flags belong behind the command: hubops backup velero {context.invoked_subcommand} --…")
    return None


command.add_command(schedules)


def _take(
    schedule: str | None, namespaces: tuple[str, ...], config: Config, journal: Journal, steps: Steps
) -> Run:  # fmt: skip
    from hubops.backup.velero.take import take

    return take(config, journal, say=steps, schedule=schedule, namespaces=namespaces)


@command.command("list", epilog=EPILOG)
@AS
@with_options(CONFIG, ACCESS)
def listed(form: str, options: Options) -> int:
    """All backups of this Velero, newest first, also those that hubops has not asked for."""
    from hubops.backup.velero.listing import rows
    from hubops.report.velero import backups_table

    velero = client(options.config())
    found = rows(velero.backups(), velero.deletions(), now(velero))
    if form == "json":
        print_json(found)
    else:
        click.echo(
            backups_table(found, now(velero)) if found else f"There is no backup in namespace {velero.namespace}."
        )
    return Exit.OK


@command.command(epilog=EPILOG)
@click.argument("name")
@AS
@with_options(CONFIG, ACCESS)
def show(name: str, form: str, options: Options) -> int:
    """One backup: what it was to hold, what it holds, its errors, and what it lacks of what the cluster has now."""
    from hubops.backup.velero.listing import details
    from hubops.report.velero import backup_text

    velero = client(options.config())
    found = details(velero, _named(options, name), now(velero))
    if form == "json":
        print_json(found)
    else:
        click.echo(backup_text(found, now(velero)), nl=False)
    return Exit.OK


@command.command(epilog=EPILOG)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option(
    "--even-the-last", is_flag=True, help="Also the newest good backup, or the newest that a drill has proven."
)
@with_options(CONFIG, ACCESS)
def delete(name: str, yes: bool, even_the_last: bool, options: Options) -> int:
    """Delete a backup with its files and snapshots, once you have seen what goes, and wait until it is gone."""
    from hubops.backup.velero.deletion import kept_for, what_goes
    from hubops.commands.journaled import journal
    from hubops.deliver.steps import Steps
    from hubops.model.velero import KINDS, Backup

    config = options.config()
    velero, backup = client(config), _named(options, name)
    recorded, unknown = journal(config).recorded()
    if not even_the_last:
        if unknown:
            raise UsageError(
                f"the journal says which backups are proven, and cannot be read: {unknown}; --even-the-last"
            )
        if why := kept_for(backup, velero.backups(), recorded.runs):
            raise UsageError(f"{why}; add --even-the-last to delete it all the same")
    for line in what_goes(backup, velero.restores(), _volumes(velero, backup)):
        click.echo(f"- {line}")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here; add --yes to delete it")
        click.confirm(f"Delete {KINDS[Backup]} {backup.name} from {velero.cluster.server}?", abort=True)
    with Steps() as steps:
        refused = velero.deleted(velero.request_deletion(backup), say=partial(steps, backup.name))
        steps.over(backup.name, "; ".join(refused) or "deleted")
    return Exit.CRITICAL if refused else Exit.OK


def _volumes(velero: VeleroClient, backup: Backup) -> int | None:
    """How many volumes it holds the data of; None where that cannot be read."""
    from hubops.backup.velero.contents import is_good
    from hubops.errors import SourceError

    if backup.phase not in {"Completed", "PartiallyFailed"}:
        return None
    try:
        return sum(is_good(each) for each in velero.volumes(backup))
    except SourceError:
        return None


def _named(options: Options, name: str) -> Backup:
    from hubops.model.velero import Backup

    velero = client(options.config())
    found = velero.get(Backup, name)
    if found is None:
        raise UsageError(f"there is no Backup {name} in namespace {velero.namespace}; hubops backup velero list")
    return found


@command.command(epilog=EPILOG)
@click.option("--all", "every", is_flag=True, help="Show what is covered, too.")
@AS
@with_options(CONFIG, ACCESS)
def coverage(every: bool, form: str, options: Options) -> int:
    """What no good backup of the last backup.velero.within holds: namespaces, claims and cluster-scoped kinds.

    By the list of what each backup holds, object by object. Exit code 2 where there is no good backup, 1 where
    something is in none, 3 where that is not known of everything.
    """
    from hubops.backup.velero.coverage import coverage as covered
    from hubops.deliver.steps import Steps
    from hubops.report.velero import coverage_text

    config = options.config()
    asked = settings(config)
    velero = client(config)
    with Steps() as steps:
        found = covered(velero, asked.within, asked.exclude, steps)
    if form == "json":
        print_json(found)
    else:
        click.echo(coverage_text(found, now(velero), every), nl=False)
    if found.unread_backups:
        return Exit.UNKNOWN
    if not found.backups:
        return Exit.CRITICAL
    return Exit.WARNING if found.gaps else Exit.UNKNOWN if found.unread else Exit.OK
