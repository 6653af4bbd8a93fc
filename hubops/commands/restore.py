"""hubops restore: what to do on the day of a loss, with the exact commands; and the one step that needs hubops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubops.commands import journaled
from hubops.commands.options import ACCESS, CONFIG, STACK, Options, with_options
from hubops.config import Config
from hubops.errors import ConfigError, Exit, SourceError, UsageError
from hubops.model.text import inert

if TYPE_CHECKING:
    from hubops.backup.etcd.copies import Copies
    from hubops.backup.etcd.restore import Member
    from hubops.config.backup import EtcdBackupConfig
    from hubops.model.backup import Copy
    from hubops.model.restore_plan import Plan

EPILOG = """\b
Examples:
  hubops restore plan etcd
  hubops restore plan etcd --initial-cluster cp-1=https://10.0.0.1:2380
  hubops restore fetch etcd --identity key.txt --to /root/etcd.db
  hubops restore plan volume shop/data-db-0
  hubops restore plan velero shop
  hubops restore plan velero --cluster
"""
#: Seconds that a copy may take to arrive.
_LONGEST = 6 * 3600.0
#: Seconds that the journal of the cluster may take to answer: it may be the one that is lost.
_JOURNAL = 10.0
AS = click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
COPY = click.option(
    "--copy",
    "wanted",
    metavar="ID",
    help="This copy.  [default: the newest that was not found damaged]",
)


@click.group(epilog=EPILOG)
def command() -> None:
    """What to do on the day of a loss: the ordered steps with exact commands. Nothing is restored by hubops itself."""


@command.group(epilog=EPILOG)
def plan() -> None:
    """The ordered steps of a restore, with what to check after each. Nothing is done."""


@command.group(epilog=EPILOG)
def fetch() -> None:
    """Bring a copy here, decrypted and checked."""


@plan.command("etcd", epilog=EPILOG)
@click.option(
    "--initial-cluster",
    metavar="NAME=URL,…",
    help="The members that are to be, as etcd's flag.  [default: the live ones]",
)
@COPY
@click.option("--identity", metavar="FILE", help="The age identity.  [default: the first of drill.identity_files]")
@click.option("--file", metavar="PATH", help="Of the snapshot on every node.  [default: /root/<copy>.db]")
@click.option(
    "--data-dir", metavar="PATH", default="/var/lib/etcd", show_default=True, help="Of each member; {name} is its name."
)
@AS
@with_options(CONFIG)
def plan_etcd(
    options: Options, initial_cluster: str | None, wanted: str | None, identity: str | None, file: str | None,
    data_dir: str, output: str,
) -> int:  # fmt: skip
    """Restore etcd on a control plane of static pods, as kubeadm makes them, of one node or several."""
    from hubops.backup.etcd.restore import Site, members
    from hubops.backup.etcd.restore import plan as steps

    config = options.config()
    settings = _settings(config)
    names = members(initial_cluster) if initial_cluster else _live(settings)
    copy, store = _copy(config, wanted)
    key = identity or next(iter(config.drill.identity_files), "<identity-file>")
    site = Site(copy, store, names, settings, key, file or f"/root/{copy.id}.db", data_dir)
    return _print(steps(site, datetime.now(UTC)), output)


@plan.command("volume", epilog=EPILOG)
@click.argument("claim", metavar="NAMESPACE/CLAIM")
@click.option("--snapshot", metavar="NAME", help="This VolumeSnapshot.  [default: the newest that is ready]")
@AS
@with_options(CONFIG, ACCESS)
def plan_volume(options: Options, claim: str, snapshot: str | None, output: str) -> int:
    """Restore a claim from a VolumeSnapshot of hubops under its own name, with its users stopped meanwhile."""
    from hubops.backup.volumes.restore import plan as steps
    from hubops.backup.volumes.restore import read
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline

    config = options.config()
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(config.deadline.total_seconds()))
    return _print(steps(read(cluster, claim, snapshot), datetime.now(UTC)), output)


@plan.command("velero", epilog=EPILOG)
@click.argument("namespace", required=False)
@click.option("--cluster", "whole", is_flag=True, help="All of it: rebuilt by hubops bootstrap, then restored.")
@click.option(
    "--backup", metavar="NAME", help="This Backup.  [default: the newest that has all that is to be restored]"
)
@click.option("--beside", is_flag=True, help="Settings and data beside the namespace, to copy single ones back.")
@AS
@with_options(CONFIG, ACCESS, STACK)
def plan_velero(
    options: Options, namespace: str | None, whole: bool, backup: str | None, beside: bool, output: str
) -> int:
    """Restore a namespace that is gone or spoilt, or a whole cluster, from backups of Velero.

    Of a cluster that does not answer only the first steps are known: make a new one, and ask again there.
    """
    from hubops.commands.restore_velero import cluster_plan, namespace_plan

    if bool(namespace) == whole:
        raise UsageError("name one NAMESPACE, or say --cluster")
    if whole and beside:
        raise UsageError("--beside is for a namespace")
    found = cluster_plan(options, backup) if not namespace else namespace_plan(options, namespace, backup, beside)
    return _print(found, output)


@fetch.command("etcd", epilog=EPILOG)
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A file that is not there yet.")
@COPY
@click.option("--identity", "identities", multiple=True, metavar="FILE", help="An age identity; repeatable.")
@with_options(CONFIG)
def fetch_etcd(options: Options, to: Path, wanted: str | None, identities: tuple[str, ...]) -> int:
    """Fetch a copy of etcd and decrypt it; the checksums of what is stored and of the snapshot in it are compared.

    The file holds every Secret in the clear: only its owner can read it. Delete it when it is no longer needed.
    """
    from hubops.backup.etcd.copies import Copies
    from hubops.clients.retry import Deadline

    config = options.config()
    if to.exists():
        raise UsageError(f"--to {to}: there is such a file already")
    if not to.absolute().parent.is_dir():
        raise UsageError(f"--to {to}: there is no folder {to.parent}")
    copies = Copies.of(config, deadline=Deadline(_LONGEST))
    copy = _wanted(config, copies, wanted)
    copies.fetch(copy, identities or config.drill.identity_files, to)
    click.echo(
        f"{to}: {copy.id} of {copy.taken_at:%Y-%m-%d %H:%M} UTC, revision {copy.etcd.revision}, all checksums match"
    )
    return Exit.OK


def _settings(config: Config) -> EtcdBackupConfig:
    if config.backup.etcd is None:
        raise ConfigError("backup.etcd is not set in hubops.yaml: etcd's certificates are named there")
    return config.backup.etcd


def _live(settings: EtcdBackupConfig) -> tuple[Member, ...]:
    """The members that are known now. Raises UsageError where none answers."""
    from hubops.backup.etcd.restore import Member
    from hubops.clients.etcd import Etcdctl

    try:
        live = Etcdctl(settings).members()
    except (SourceError, ConfigError, UsageError) as error:
        raise UsageError(
            f"the members are not known, for no live one tells ({error}); name those that are to be with "
            "--initial-cluster, as the manifests of etcd have it"
        ) from error
    found = (Member(each.name, each.peer, each.client) for each in live)
    return tuple(sorted(found, key=lambda each: each.name))


def _copy(config: Config, wanted: str | None) -> tuple[Copy, str]:
    """The copy, and the URL of its store."""
    from hubops.backup.etcd.copies import Copies
    from hubops.clients.retry import Deadline

    copies = Copies.of(config, deadline=Deadline(config.deadline.total_seconds()))
    return _wanted(config, copies, wanted), copies.url


def _wanted(config: Config, copies: Copies, wanted: str | None) -> Copy:
    """The copy with that id, or the newest that is not known to be damaged. What else in the store cannot be read is
    said, and hinders nothing.
    """
    found = copies.found()
    for problem in found.unreadable:
        click.echo(f"hubops: {inert(problem, limit=400)}", err=True)
    fitting = [each for each in found.copies if wanted in (None, each.id)]
    if not fitting:
        which = f"no copy {wanted!r}" if wanted else "no copy of etcd"
        raise UsageError(f"{copies.url} has {which}: 'hubops backup etcd list' shows what there is")
    damaged = _damaged(config)
    copy = next((each for each in fitting if each.id not in damaged), fitting[0])
    for each in fitting[: fitting.index(copy) + 1]:
        if each.id in damaged:
            click.echo(f"hubops: {each.id} was found damaged: {inert(damaged[each.id], limit=400)}", err=True)
    return copy


def _damaged(config: Config) -> dict[str, str]:
    """The copies that their newest verification found damaged, and what it said, as far as the journal can be read: it
    is in the cluster that may be lost.
    """
    found: dict[str, str] = {}
    recorded, problem = journaled.journal(config, _JOURNAL).recorded()
    if problem:
        click.echo(f"hubops: whether a copy was found damaged is not known: {inert(problem, limit=400)}", err=True)
    for run in reversed(recorded.runs):
        if run.action != "verify" or run.copy is None:
            continue
        if run.alarm and run.copy.id in (run.reason or ""):
            found[run.copy.id] = run.reason or ""
        elif run.outcome == "succeeded":
            found.pop(run.copy.id, None)
    return found


def _print(found: Plan, output: str) -> int:
    import msgspec

    from hubops.report.restore_plan import text

    click.echo(
        msgspec.json.format(msgspec.json.encode(found)).decode() if output == "json" else text(found),
        nl=output == "json",
    )
    return Exit.OK
