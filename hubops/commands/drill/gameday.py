"""hubops drill gameday: a team practises a loss, with a stopwatch and the runbooks."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubops.commands.options import ACCESS, CONFIG, Options, with_options
from hubops.commands.runbook import pairs
from hubops.errors import Exit, HubopsError, UsageError

if TYPE_CHECKING:
    from hubops.clients.kube.writer import KubeWriter
    from hubops.config import Config
    from hubops.journal.gamedays import GameDays
    from hubops.model.backup import Run
    from hubops.model.gameday import Answer, GameDay, Scenario

EPILOG = """\b
Examples:
  hubops drill gameday
  hubops drill gameday lost-namespace
  hubops drill gameday lost-node --set node=worker-3
  hubops drill gameday --list
  hubops drill show gameday-lost-namespace-20260131T120000Z -o html > gameday.html

\b
Exit codes:
  0  it was restored, and every step was done
  2  it was not restored, or a step failed or was left out
"""
_Clock = Callable[[], datetime]
_ANSWERS: dict[str, Answer] = {"d": "done", "f": "failed", "s": "skipped"}
_ASK = "[d]one, [f]ailed, [s]kipped, [n]ote, [q]uit and go on later"


@click.command(epilog=EPILOG)
@click.argument("scenario", required=False)
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", callback=pairs, help="A name; repeatable.")
@click.option("--scenarios", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A folder with scenarios of your own.")  # fmt: skip
@click.option("--new", is_flag=True, help="Begin anew, though one is not finished.")
@click.option("--list", "listing", is_flag=True, help="The game days that were recorded.")
@with_options(CONFIG, ACCESS)
def command(
    options: Options, scenario: str | None, given: dict[str, str], folder: Path | None, new: bool, listing: bool
) -> int:
    """Walk a team through the loss of a namespace, a node or the cluster; without SCENARIO: which ones there are.

    hubops shows each step with the commands of its runbook and keeps the time; it runs none of them, and what the game
    master is told to break is broken by hand. After each step it asks: done, failed, skipped, or a note. A terminal
    that is lost costs nothing: the same command goes on. At the end there is a protocol, and a record in the cluster.
    """
    from hubops.drill.gameday.scenarios import scenario as named
    from hubops.drill.gameday.scenarios import scenarios

    config = options.config()
    recorded = days(config)
    if listing:
        return _listed(recorded)
    if scenario is None:
        return _overview(scenarios(folder), recorded)
    found = named(scenario, folder)
    if not sys.stdin.isatty():
        raise UsageError("a game day asks people after each step: run it in a terminal")
    runs = _runs(config)
    open_one = next((day for day in recorded.unfinished() if day.scenario == scenario), None)
    if open_one and not new:
        click.echo(f"{open_one.id} goes on; --new begins another one.")
        day = open_one
    else:
        day = _begun(scenario, found, config, given)
        recorded.keep(day)
    return _walk(day, found, recorded, config, runs, lambda: datetime.now(UTC))


def _walk(
    day: GameDay,
    scenario: Scenario,
    recorded: GameDays,
    config: Config,
    runs: tuple[Run, ...],
    clock: Callable[[], datetime],
) -> int:
    """Every step that is left, then what is to be done about it; each answer is kept before the next is asked for."""
    from hubops.commands.flow import rendering
    from hubops.content import runbooks
    from hubops.deliver import terminal
    from hubops.drill.gameday import walk
    from hubops.report import gameday_view

    texts = runbooks()
    while (step := walk.current(day, scenario)) is not None:
        terminal.write(gameday_view.write(day, scenario, texts, clock(), rendering({})))
        while (answer := click.prompt(_ASK, type=click.Choice([*_ANSWERS, "n", "q"]), show_choices=False)) == "n":
            day = walk.noted(day, click.prompt("Note"), clock())
            recorded.keep(day)
        if answer == "q":
            click.echo("It is kept; the same command goes on.")
            return Exit.INTERRUPTED
        day = walk.answered(day, step, _ANSWERS[answer], clock(), runs)
        recorded.keep(day)
    actions = _actions()
    day = walk.finished(day, actions, clock())
    recorded.keep(day)
    terminal.write(gameday_view.ended(day, rendering({})))
    return _ended(day, recorded, config)


def _actions() -> list[str]:
    click.echo("\nActions to take, one a line, with who and until when; an empty line ends them.")
    found: list[str] = []
    while text := click.prompt(f"Action {len(found) + 1}", default="", show_default=False).strip():
        found.append(text)
    return found


def _ended(day: GameDay, recorded: GameDays, config: Config) -> Exit:
    """Write the protocol, hand the record over."""
    from hubops.deliver import files
    from hubops.report.document import FORMATS
    from hubops.report.protocol.gameday import protocol

    folder = Path(config.backup.directory) / "gamedays"
    for name, form in FORMATS.items():
        files.write(folder / f"{day.id}.{form.suffix}", protocol(day, name))
    click.echo(f"Protocol: {folder / day.id}.md and .html")
    if problem := recorded.deliver():
        click.echo(f"hubops: the record waits on this machine: {problem}", err=True)
    return Exit.OK if day.outcome == "succeeded" else Exit.CRITICAL


def _begun(name: str, scenario: Scenario, config: Config, given: dict[str, str]) -> GameDay:
    """A game day with every name that the scenario needs: as given, or asked for with what the cluster has."""
    from hubops.drill.gameday import walk
    from hubops.drill.gameday.names import suggestions
    from hubops.journal.promises import configured

    if unknown := set(given) - set(scenario.names):
        known = ", ".join(scenario.names) or "none"
        raise UsageError(f"--set {sorted(unknown)[0]}: the scenario has no such name; it has {known}")
    names = {}
    for each, meaning in scenario.names.items():
        there = suggestions(_cluster(config), each, config.cluster) if each not in given else ()
        if there:
            click.echo(f"{each}: {', '.join(there)}")
        default = there[0] if each == "cluster" and there else None  # what will be deleted is typed by a person
        names[each] = given.get(each) or click.prompt(f"{each}, {meaning}", default=default)
    return walk.begin(
        name, scenario, datetime.now(UTC).replace(microsecond=0), cluster=config.cluster or "unknown",
        host=socket.gethostname(), names=names, promised=configured(config.backup),
    )  # fmt: skip


def _listed(recorded: GameDays) -> Exit:
    from tabulate import tabulate

    from hubops.report.protocol.gameday import stopwatch

    problem = recorded.deliver()
    found, unread = recorded.recorded()
    headers = ("ID", "BEGUN (UTC)", "OUTCOME", "DETECT", "DECIDE", "RESTORE", "ACTIONS")
    rows = []
    for day in found:
        took = [stopwatch(each) if each is not None else "-" for each in (day.detect_s, day.decide_s, day.restore_s)]
        outcome = day.outcome if day.finished_at else "not finished"
        rows.append((day.id, f"{day.started_at:%Y-%m-%d %H:%M}", outcome, *took, len(day.actions)))
    click.echo(tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True))
    if said := unread or problem:
        click.echo(f"hubops: only what is on this machine is shown: {said}", err=True)
    return Exit.UNKNOWN if unread else Exit.OK


def _overview(found: dict[str, Scenario], recorded: GameDays) -> Exit:
    from hubops.commands.flow import rendering
    from hubops.deliver import terminal
    from hubops.report.gameday_view import overview

    terminal.write(overview(found, rendering({})))
    for day in recorded.unfinished():
        click.echo(f"{day.id} is not finished: hubops drill gameday {day.scenario}")
    return Exit.OK


def days(config: Config) -> GameDays:
    """The game days of the cluster that *config* names, and those on this machine."""
    from hubops.journal.gamedays import GameDays

    return GameDays(_cluster(config), Path(config.backup.directory) / "gamedays")


def _runs(config: Config) -> tuple[Run, ...]:
    """What is known of backups; a cluster that is lost tells nothing, and a game day goes on."""
    from hubops.commands.journaled import journal

    recorded, problem = journal(config, 20.0).recorded()
    if problem:
        click.echo(f"hubops: the newest backup is not known: {problem}", err=True)
    return recorded.runs


def _cluster(config: Config) -> KubeWriter | None:
    """The cluster, where there is a way to one: the one that is practised with may be gone."""
    from hubops.commands.journaled import cluster

    try:
        return cluster(config, 20.0)
    except HubopsError:
        return None
