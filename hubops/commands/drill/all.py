"""hubops drill all: every kind that hubops.yaml configures, one report, one exit code."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from hubops.commands.options import ACCESS, CATALOG, OUTPUT, Options, with_options
from hubops.errors import UsageError

if TYPE_CHECKING:
    from hubops.commands.backup_round import Take
    from hubops.config import Config
    from hubops.model.backup import Kind

EPILOG = """\b
Examples:
  hubops drill all
  hubops drill all --due --output plain
  hubops drill all --output plain --output json=drills.json
"""


@click.command(epilog=EPILOG)
@click.option(
    "--due", is_flag=True,
    help="Only the kinds whose last proof is older than half of proven_every, or whose newest drill did not succeed.",
)  # fmt: skip
@with_options(ACCESS, CATALOG, OUTPUT)
def command(options: Options, due: bool) -> int:
    """Drill every kind that hubops.yaml configures, one after the other, and report on them.

    A kind that fails keeps no other from its drill. With --due it may be called every day: a drill that is due and
    fails is tried again the next day, while half of the time that was promised is still left. Where the journal cannot
    be read, nothing counts as proven. Exit code 2 where a drill failed or could not prove all.
    """
    from hubops.commands.backup_round import run_kinds
    from hubops.journal.promises import configured

    config = options.config()
    kinds = tuple(configured(config.backup))
    if not kinds:
        raise UsageError("no kind is backed up: hubops.yaml has no backup.etcd, backup.volumes or backup.velero")
    chosen = _due(config, kinds) if due else kinds
    others = tuple(kind for kind in kinds if kind not in chosen)
    return run_kinds("drill", options, {kind: _take(kind) for kind in chosen}, others=others)


def _take(kind: Kind) -> Take:
    found: Take = importlib.import_module(f"hubops.commands.drill.{kind}").take
    return found


def _due(config: Config, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Those of *kinds* that are due, all of them where that is not known; says when the others were proven."""
    from datetime import UTC, datetime

    import msgspec

    from hubops.commands.journaled import journal
    from hubops.drill.calendar import calendar
    from hubops.journal.promises import configured

    recorded, problem = journal(config).recorded()
    if problem:
        click.echo(f"hubops: every kind is drilled, for what was proven is not known: {problem}", err=True)
        return kinds
    recorded = msgspec.structs.replace(recorded, configured=configured(config.backup))
    rows = {row.entry.kind: row for row in calendar(recorded, config.cluster or "", datetime.now(UTC)).rows}
    chosen = tuple(kind for kind in kinds if rows[kind].entry.to_be_drilled or rows[kind].in_doubt)
    for kind in kinds:
        entry = rows[kind].entry
        if kind not in chosen and entry.proven_at:
            click.echo(f"hubops: {kind}: not due: it was proven on {entry.proven_at:%Y-%m-%d %H:%M} UTC", err=True)
    return chosen
