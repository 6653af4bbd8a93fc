"""hubops backup: every kind that hubops.yaml configures, one report, one exit code."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

import click
from click.core import ParameterSource

from hubops.commands.options import ACCESS, CATALOG, OUTPUT, Options, with_options
from hubops.config import Config
from hubops.errors import UsageError

if TYPE_CHECKING:
    from hubops.deliver.steps import Steps
    from hubops.journal.journal import Journal
    from hubops.model.backup import Run

EPILOG = """\b
Examples:
  hubops backup
  hubops backup --output plain --output json=backup.json
  hubops backup etcd
  hubops backup etcd list
  hubops backup status
"""
#: What is to be written where no kind is configured; docs/backup.md has the rest.
_NOTHING = """no kind of backup is configured. Write into hubops.yaml what is to be backed up, for example:

backup:
  store: {url: "s3://bucket/prefix"}   # off the site that it is to survive
  recipients: ["age1…"]                # age-keygen makes a key pair; this is its public half
  etcd: {}                             # of a self-managed cluster, from a node of its control plane
  volumes: {}                          # by VolumeSnapshots of their driver
  velero: {}                           # by Velero, which is installed already
"""


class _Part(NamedTuple):
    module: str
    help: str


#: Every part stands in a module of its own, imported when it is used.
_PARTS = {
    "etcd": _Part("backup_etcd", "Back up etcd; list, show, verify and prune its copies."),
    "volumes": _Part("backup_volumes", "Snapshot the claims that hubops.yaml names."),
    "velero": _Part("backup_velero", "Have Velero back up, and judge it; list, show, delete, schedules, coverage."),
    "status": _Part("backup_status", "What was recorded, and what the checks make of it; nothing is taken."),
}


class _Parts(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PARTS:
            return None
        found: click.Command = importlib.import_module(f"hubops.commands.{_PARTS[cmd_name].module}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.help) for name, part in _PARTS.items()])


@click.group(cls=_Parts, invoke_without_command=True, epilog=EPILOG)
@with_options(ACCESS, CATALOG, OUTPUT)
@click.pass_context
def command(context: click.Context, options: Options) -> int | None:
    """Back up every kind that hubops.yaml configures, one after the other, and report on them.

    Each run is recorded in the cluster, or waits on this machine until the cluster can take it; 'hubops daily' judges
    the same record. Exit code 2 where a backup failed or succeeded only in part, 75 where another one is at work.
    """
    if context.invoked_subcommand is None:
        return _every(options)
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"flags belong behind the command: hubops backup {context.invoked_subcommand} --…")
    return None


def _every(options: Options) -> int:
    from hubops.commands.backup_round import Take, run_kinds
    from hubops.model.backup import Kind

    config = options.config()
    takes: dict[Kind, Take] = {}
    if config.backup.etcd is not None:
        takes["etcd"] = _etcd
    if config.backup.volumes is not None:
        takes["volumes"] = _volumes
    if config.backup.velero is not None:
        takes["velero"] = _velero
    if not takes:
        raise UsageError(_NOTHING)
    return run_kinds("backup", options, takes)


def _etcd(config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.etcd.take import take

    return take(config, journal, say=steps)


def _velero(config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.velero.take import take

    return take(config, journal, say=steps)


def _volumes(config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.volumes.take import take

    return take(config, journal, say=steps)
