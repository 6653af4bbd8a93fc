"""hubops backup volumes: snapshots of the claims that hubops.yaml names; what there is of them, and what may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hubops.commands.options import ACCESS, CATALOG, CONFIG, OUTPUT, Options, with_options
from hubops.errors import Exit, UsageError

if TYPE_CHECKING:
    from hubops.backup.volumes.listing import Row
    from hubops.clients.kube.writer import KubeWriter
    from hubops.config import Config
    from hubops.config.backup import VolumeBackupConfig
    from hubops.deliver.steps import Steps
    from hubops.journal.journal import Journal
    from hubops.model.backup import Run

EPILOG = """\b
Examples:
  hubops backup volumes
  hubops backup volumes --output plain --output json=volumes.json
  hubops backup volumes list --namespace "data-*"
  hubops backup volumes show data/data-db-0
  hubops backup volumes prune --plan
"""
_AS = click.option("--output", "-o", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_LONGEST = 3600.0  # seconds, of what does not wait for snapshots


@click.group(invoke_without_command=True, epilog=EPILOG)
@with_options(ACCESS, CATALOG, OUTPUT)
@click.pass_context
def command(context: click.Context, options: Options) -> int | None:
    """Take a VolumeSnapshot of each claim that backup.volumes names, wait until it is ready, and drop old ones.

    A claim that cannot be snapshotted is named with the reason; what a driver refuses, in its own words. Exit code 2
    where a snapshot failed, 75 where another run is at work.
    """
    if context.invoked_subcommand is None:
        from hubops.commands.backup_round import run_kinds

        return run_kinds("backup", options, {"volumes": _take})
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"flags belong behind the command: hubops backup volumes {context.invoked_subcommand} --…")
    return None


def _take(config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.volumes.take import take

    return take(config, journal, say=steps)


@command.command("list", epilog=EPILOG)
@click.option("--namespace", "-n", "namespaces", multiple=True, metavar="PATTERN", help="Only these; repeatable.")
@_AS
@with_options(CONFIG, ACCESS)
def listed(form: str, options: Options) -> int:
    """Every claim with the newest snapshot that hubops has of it, or why it has none."""
    found = _rows(options, options.namespaces)
    if form == "json":
        _print_json(found)
        return Exit.OK
    from tabulate import tabulate

    lines = [_line(each) for each in found]
    headers = ("CLAIM", "SNAPSHOTS", "NEWEST (UTC)", "SIZE", "REMARK")
    click.echo(tabulate(lines, headers=headers, tablefmt="plain", disable_numparse=True))
    return Exit.OK


@command.command(epilog=EPILOG)
@click.argument("claim", metavar="NAMESPACE/CLAIM")
@_AS
@with_options(CONFIG, ACCESS)
def show(claim: str, form: str, options: Options) -> int:
    """Each snapshot of one claim, newest first: its state, and whether the newest proof rests on it."""
    namespace, slash, name = claim.partition("/")
    if not (namespace and slash and name):
        raise UsageError(f"{claim}: write NAMESPACE/CLAIM")
    found = next((each for each in _rows(options, (namespace,)) if each.claim == name), None)
    if found is None:
        raise UsageError(f"there is no claim {claim}, and no snapshot of one")
    if form == "json":
        _print_json(found)
        return Exit.OK
    from tabulate import tabulate

    from hubops.model.quantity import human_bytes

    if found.remark:
        click.echo(f"{claim}: {found.remark}")
    lines = [
        (each.name, f"{each.asked_at:%Y-%m-%d %H:%M:%S}", _state(each.ready, each.leaving, each.error),
         human_bytes(each.size) if each.size else "-", each.snapshot_class, "yes" if each.proven else "-")
        for each in found.snapshots
    ]  # fmt: skip
    headers = ("SNAPSHOT", "ASKED FOR (UTC)", "STATE", "SIZE", "CLASS", "PROVEN")
    click.echo(tabulate(lines, headers=headers, tablefmt="plain", disable_numparse=True))
    return Exit.OK


@command.command(epilog=EPILOG)
@click.option("--plan", is_flag=True, help="Only say what would be deleted.")
@with_options(CONFIG, ACCESS)
def prune(plan: bool, options: Options) -> int:
    """Delete the snapshots that backup.volumes.keep no longer keeps, as each backup does.

    Only those that hubops has taken and that are ready; never the newest of a claim, and never one that the newest
    proof of a claim rests on, or that a drill is restoring.
    """
    from hubops.backup.volumes import take as volumes
    from hubops.commands.journaled import journal
    from hubops.deliver.steps import Steps

    config = options.config()
    if plan:
        going = volumes.old(_cluster(config), _settings(config), journal(config))
        for each in going:
            click.echo(f"{each.id} of {each.asked_at:%Y-%m-%d %H:%M:%SZ}")
        click.echo(f"{len(going)} snapshots would be deleted.")
        return Exit.OK
    with Steps() as steps:
        left = volumes.prune(config, journal(config), say=steps)
    for line in left:
        click.echo(f"hubops: {line}", err=True)
    return Exit.CRITICAL if left else Exit.OK


def _settings(config: Config) -> VolumeBackupConfig:
    """The site's; all claims, where it has none."""
    from hubops.config.backup import VolumeBackupConfig

    return config.backup.volumes or VolumeBackupConfig()


def _cluster(config: Config) -> KubeWriter:
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline

    return KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))


def _rows(options: Options, namespaces: tuple[str, ...]) -> list[Row]:
    from hubops.backup.volumes.listing import rows
    from hubops.backup.volumes.retention import proven
    from hubops.commands.journaled import journal

    config = options.config()
    return rows(_cluster(config), _settings(config), proven(journal(config).runs("volumes")), namespaces)


def _line(row: Row) -> tuple[str, ...]:
    from hubops.model.quantity import human_bytes

    newest = row.newest
    failing = next((each.error for each in row.snapshots if each.error), "")
    return (
        f"{row.namespace}/{row.claim}",
        str(len(row.snapshots)),
        f"{newest.asked_at:%Y-%m-%d %H:%M}" if newest else "-",
        human_bytes(newest.size) if newest and newest.size else "-",
        row.remark or failing,
    )


def _state(ready: bool, leaving: bool, error: str) -> str:
    if leaving:
        return "being deleted"
    return "ready" if ready else f"failed: {error}" if error else "not ready"


def _print_json(found: Row | list[Row]) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
