"""hubops drill: restores what was backed up, away from what lives, and measures it."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click

EPILOG = """\b
Examples:
  hubops drill all --due
  hubops drill etcd --output rich --output json=drill.json
  hubops drill status
  hubops drill show --output html > protocol.html
  hubops drill gameday lost-namespace
"""


class _Part(NamedTuple):
    module: str
    help: str


#: Every part stands in a module of its own, imported when it is used.
_PARTS = {
    "all": _Part("all", "Drill every kind that hubops.yaml configures: one report, one exit code."),
    "etcd": _Part("etcd", "Restore the newest off-site copy of etcd into a scratch etcd, and compare."),
    "volumes": _Part("volumes", "Restore claims from their snapshots into a scratch namespace, and read them."),
    "velero": _Part("velero", "Restore the newest backup of Velero into scratch namespaces, and compare."),
    "status": _Part("status", "The calendar: what was proven when, what is due, what was promised."),
    "gameday": _Part("gameday", "Practise a loss with the team, with a stopwatch and the runbooks."),
    "list": _Part("listing", "The drills that the journal knows, newest first."),
    "show": _Part("show", "The protocol of a drill as Markdown, HTML or JSON."),
    "clean": _Part("clean", "Remove what drills that were killed left, here and of Velero's in the cluster."),
}


class _Parts(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PARTS:
            return None
        found: click.Command = importlib.import_module(f"hubops.commands.drill.{_PARTS[cmd_name].module}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.help) for name, part in _PARTS.items()])


@click.group(cls=_Parts, epilog=EPILOG)
def command() -> None:
    """Restore what was backed up, away from what lives, and measure it: a backup counts when it was restored."""
