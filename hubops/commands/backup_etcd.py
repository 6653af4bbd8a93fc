"""hubops backup etcd: takes a backup; lists, shows, verifies and prunes the copies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hubops.commands.options import ACCESS, CATALOG, CONFIG, OUTPUT, Options, with_options
from hubops.errors import Exit, UsageError

if TYPE_CHECKING:
    from hubops.backup.etcd.copies import Copies
    from hubops.config import Config
    from hubops.deliver.steps import Steps
    from hubops.journal.journal import Journal
    from hubops.model.backup import Copy, Run

EPILOG = """\b
Examples:
  hubops backup etcd
  hubops backup etcd --output plain --output json=etcd.json
  hubops backup etcd list
  hubops backup etcd show etcd-20260131T120000Z-9f3c
  hubops backup etcd verify --all
  hubops backup etcd prune --plan

\b
What it needs, on PATH: etcdctl and etcdutl, 3.5 or newer.
"""
_AS = click.option("--output", "-o", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.option(
    "--new-history", is_flag=True,
    help="The etcd was restored or made anew: do not compare it with earlier copies, this once.",
)  # fmt: skip
@with_options(ACCESS, CATALOG, OUTPUT)
@click.pass_context
def command(context: click.Context, options: Options, new_history: bool) -> int | None:
    """Save a snapshot of etcd, check it, encrypt it, send it off-site, read it back; then drop what is too old.

    Only what was read back counts. A snapshot of another etcd, or of an earlier revision than that of a copy, is kept
    aside and is an alarm. Where the store fails, the copy stays on this machine. Exit code 2 where it failed or
    succeeded only in part, 75 where another backup of etcd is at work.
    """
    if context.invoked_subcommand is None:
        from hubops.commands.backup_round import run_kinds

        return run_kinds("backup", options, {"etcd": partial(_take, new_history)})
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"flags belong behind the command: hubops backup etcd {context.invoked_subcommand} --…")
    return None


def _take(new_history: bool, config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.etcd.take import take

    return take(config, journal, say=steps, new_history=new_history)


@command.command("list", epilog=EPILOG)
@_AS
@with_options(CONFIG)
def listed(form: str, options: Options) -> int:
    """The copies that count, newest first, and what else lies among them. Exit code 2 where a record is unreadable."""
    copies = _copies(options.config())
    found = copies.found()
    if form == "json":
        _print_json(found)
    else:
        from tabulate import tabulate

        headers = ("ID", "TAKEN (UTC)", "REVISION", "KEYS", "SIZE", "ENCRYPTED")
        rows = [_row(copy) for copy in found.copies]
        click.echo(tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True))
        for stored in found.unfinished:
            click.echo(f"{stored.name}: no copy: it was never finished, or still is being sent")
    for problem in found.unreadable:
        click.echo(f"hubops: {problem}", err=True)
    return Exit.CRITICAL if found.unreadable else Exit.OK


@command.command(epilog=EPILOG)
@click.argument("name", metavar="ID")
@_AS
@with_options(CONFIG)
def show(name: str, form: str, options: Options) -> int:
    """The record of one copy, and where it lies."""
    copies = _copies(options.config())
    copy = next((each for each in copies.found().copies if each.id == name), None)
    if copy is None:
        raise UsageError(f"{copies.url} has no copy {name}; `hubops backup etcd list` shows what there is")
    if form == "json":
        _print_json(copy)
        return Exit.OK
    for label, value in _told(copy, copies):
        click.echo(f"{label:<14}{value}")
    return Exit.OK


@command.command(epilog=EPILOG)
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every copy.  [default: the newest]")
@with_options(ACCESS, CATALOG, OUTPUT)
def verify(names: tuple[str, ...], every: bool, options: Options) -> int:
    """Read copies again where they lie, and compare them with their records.

    With drill.identity_files they are decrypted, too, and etcdutl reads what is in them. The run is recorded, and the
    checks of backups decide. Exit code 2 where a copy is not what it was.
    """
    from hubops.commands.backup_round import run_kinds

    if names and every:
        raise UsageError("name copies, or give --all")
    return run_kinds("backup", options, {"etcd": partial(_verify, names, every)})


def _verify(names: tuple[str, ...], every: bool, config: Config, journal: Journal, steps: Steps) -> Run:
    from hubops.backup.etcd.verify import verify

    return verify(config, journal, say=steps, names=names, every=every)


@command.command(epilog=EPILOG)
@click.option("--plan", is_flag=True, help="Only say what would be dropped.")
@with_options(CONFIG, ACCESS)
def prune(plan: bool, options: Options) -> int:
    """Drop the off-site copies that backup.etcd.keep no longer keeps, as each backup does, and what was never finished.

    Never the newest, and never the newest that a drill has restored; none at all while the newest drill did not
    succeed. Exit code 2 where nothing may be dropped for such a reason.
    """
    from datetime import UTC, datetime

    from hubops.backup.etcd import pruning
    from hubops.backup.etcd.copies import Copies
    from hubops.commands.journaled import journal
    from hubops.config.backup import EtcdBackupConfig

    config, now = options.config(), datetime.now(UTC)
    copies = Copies.of(config)
    keep = (config.backup.etcd or EtcdBackupConfig()).keep
    planned = pruning.look(copies, journal(config), keep, now=now)
    abandoned = copies.found().abandoned(now)
    for copy in planned.drop:
        click.echo(f"{copy.id}  taken {copy.taken_at:%Y-%m-%d %H:%M} UTC, revision {copy.etcd.revision}")
    for name in abandoned:
        click.echo(f"{name}  never finished")
    if not plan:
        for copy in planned.drop:
            copies.delete(copy)
        for name in abandoned:
            copies.discard(name)
    would = "would be dropped" if plan else "were dropped"
    click.echo(f"{len(planned.drop)} copies and {len(abandoned)} that never were finished {would}.")
    if planned.hindrance:
        click.echo(f"hubops: no copy may be dropped: {planned.hindrance}", err=True)
    return Exit.CRITICAL if planned.hindrance else Exit.OK


def _copies(config: Config) -> Copies:
    from hubops.backup.etcd.verify import counted

    return counted(config)


def _row(copy: Copy) -> tuple[str, ...]:
    from hubops.model.quantity import human_bytes

    taken, encrypted = f"{copy.taken_at:%Y-%m-%d %H:%M:%S}", "yes" if copy.encrypted else "NO"
    return copy.id, taken, str(copy.etcd.revision), str(copy.etcd.keys), human_bytes(copy.size), encrypted


def _told(copy: Copy, copies: Copies) -> list[tuple[str, str]]:
    from hubops.model.quantity import human_bytes

    state = copy.etcd
    return [
        ("copy", copy.id),
        ("cluster", copy.cluster),
        ("taken", f"{copy.taken_at:%Y-%m-%d %H:%M:%S} UTC, by hubops {copy.hubops_version}"),
        ("lies at", f"{copies.url}/{copies.folder}/{copy.file}"),
        ("size", f"{human_bytes(copy.size)}, sha256 {copy.sha256}"),
        ("snapshot", f"{human_bytes(state.size)}, sha256 {copy.plain_sha256}"),
        ("etcd", f"{state.version}, cluster {state.cluster_id}, member {state.member_id}"),
        ("content", f"revision {state.revision}, {state.keys} keys, hash {state.hash}"),
        ("recipients", ", ".join(copy.recipients) or "none: it is NOT encrypted"),
    ]


def _print_json(found: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
