"""hubops drill: restores what was backed up, away from what lives, and measures it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import NamedTuple

import click

from hubops.commands.options import ACCESS, CONFIG, Options, with_options
from hubops.errors import Exit, UsageError

EPILOG = """\b
Examples:
  hubops drill etcd
  hubops drill etcd --output rich --output json=drill.json
  hubops drill list
  hubops drill show > protocol.md
"""


class _Kind(NamedTuple):
    module: str
    help: str


#: What can be drilled stands in modules of its own, imported when it is used.
_KINDS = {
    "etcd": _Kind("etcd", "Restore the newest off-site copy of etcd into a scratch etcd, and compare."),
    "volumes": _Kind("volumes", "Restore claims from their snapshots into a scratch namespace, and read them."),
}


class _Drills(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_KINDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _KINDS:
            return super().get_command(ctx, cmd_name)
        found: click.Command = importlib.import_module(f"hubops.commands.drill.{_KINDS[cmd_name].module}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: each.get_short_help_str(200) for name, each in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl([*((name, kind.help) for name, kind in _KINDS.items()), *own.items()])


@click.group(cls=_Drills, epilog=EPILOG)
def command() -> None:
    """Restore what was backed up, away from what lives, and measure it: a backup counts when it was restored."""


@command.command("list", epilog=EPILOG)
@with_options(CONFIG, ACCESS)
def list_drills(options: Options) -> int:
    """The drills that the journal knows, newest first."""
    from tabulate import tabulate

    from hubops.commands.journaled import journal
    from hubops.report.protocol import duration

    recorded, problem = journal(options.config()).recorded()
    rows = []
    for run in recorded.runs:
        if run.action == "drill":
            proofs = [each for each in (run.proof, *(volume.proof for volume in run.volumes)) if each]
            worst = (max(each.rpo_s for each in proofs), max(each.rto_s for each in proofs)) if proofs else None
            measured = (duration(worst[0]), duration(worst[1])) if worst else ("-", "-")
            rows.append((run.id, f"{run.started_at:%Y-%m-%d %H:%M}", run.outcome, *measured, run.reason or ""))
    click.echo(tabulate(rows, headers=("ID", "BEGUN (UTC)", "OUTCOME", "RPO", "RTO", "REASON"), tablefmt="plain"))
    return _incomplete(problem)


@command.command(epilog=EPILOG)
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--output", "-o", "form", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
@with_options(CONFIG, ACCESS)
def show(run_id: str | None, form: str, options: Options) -> int:
    """The protocol of the drill that is recorded as ID, by default of the newest."""
    import msgspec

    from hubops.commands.journaled import journal
    from hubops.report import protocol, volumes_protocol

    recorded, problem = journal(options.config()).recorded()
    drills = [run for run in recorded.runs if run.action == "drill"]
    found = next((run for run in drills if run_id in (None, run.id)), None)
    if found is None:
        missing = f"no drill {run_id}" if run_id else "no drill"
        because = f"; of the cluster's part it is not known: {problem}" if problem else ""
        raise UsageError(f"the journal has {missing} ('hubops drill list' shows all){because}")
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        written = protocol.protocol if found.kind == "etcd" else volumes_protocol.protocol
        click.echo(written(found), nl=False)
    return Exit.OK


@command.command(epilog="\b\nExamples:\n  hubops drill clean")
@with_options(CONFIG)
def clean(options: Options) -> int:
    """Remove what drills of etcd that were killed left on this machine; the next drill would, too."""
    from hubops.drill.etcd.scratch import clean as remove

    left = remove(Path(options.config().backup.directory))
    click.echo(f"{left} left by killed drills, removed." if left else "Nothing was left by a drill.")
    return Exit.OK


def _incomplete(problem: str | None) -> Exit:
    """Say why a part of the journal is missing, where it is."""
    if problem:
        click.echo(f"hubops: only what waits on this machine is shown: {problem}", err=True)
    return Exit.UNKNOWN if problem else Exit.OK
