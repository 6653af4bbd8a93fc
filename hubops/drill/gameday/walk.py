"""A game day from step to step. Pure: what was answered comes from a person, and the time with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from hubops import __version__
from hubops.model.backup import Kind, Promised, Run
from hubops.model.gameday import Answer, GameDay, Note, Played, Scenario, ScenarioStep
from hubops.model.text import inert

#: Characters of one note or action.
_TEXT = 500
#: Notes of one step, and actions.
_MOST = 30


def begin(
    name: str, scenario: Scenario, at: datetime, *, cluster: str, host: str, names: Mapping[str, str],
    promised: Mapping[Kind, Promised],
) -> GameDay:  # fmt: skip
    """A game day that begins *at*. Its objectives are those of the first of its kinds that are backed up."""
    kind = next((each for each in scenario.kinds if each in promised), None)
    return GameDay(
        id=f"gameday-{name}-{at:%Y%m%dT%H%M%SZ}", scenario=name, title=scenario.title, cluster=cluster, host=host,
        hubops_version=__version__, started_at=at, names=dict(names), kind=kind,
        promised=promised[kind] if kind else None, step_began_at=at,
    )  # fmt: skip


def current(day: GameDay, scenario: Scenario) -> ScenarioStep | None:
    """The step that is open; None after the last one."""
    return scenario.steps[len(day.steps)] if len(day.steps) < len(scenario.steps) else None


def noted(day: GameDay, text: str, at: datetime) -> GameDay:
    """*day* with a note on the open step."""
    return replace(day, notes=(*day.notes, Note(at, _text(text)))[:_MOST])


def answered(day: GameDay, step: ScenarioStep, answer: Answer, at: datetime, runs: Sequence[Run]) -> GameDay:
    """*day* with the open step behind it. At the loss the newest good backup of *runs* (newest first) is written down:
    what it does not hold would be lost.
    """
    at = max(at, day.step_began_at)  # a clock that was set back makes no time negative
    played = Played(
        title=step.title, phase=step.phase, answer=answer, began_at=day.step_began_at, ended_at=at, notes=day.notes
    )
    day = replace(day, steps=(*day.steps, played), step_began_at=at, notes=())
    return _with_backup(day, runs, at) if step.phase == "loss" and answer == "done" else day


def _with_backup(day: GameDay, runs: Sequence[Run], at: datetime) -> GameDay:
    good = (run for run in runs if run.kind == day.kind and run.action == "backup" and run.outcome == "succeeded")
    newest = next((run for run in good if not run.alarm and not run.narrowed and run.at <= at), None)
    if newest is None:
        return day
    name = newest.velero.name if newest.velero else newest.copy.id if newest.copy else newest.id
    return replace(day, backup=name, rpo_s=(at - newest.at) / timedelta(seconds=1))


def finished(day: GameDay, actions: Sequence[str], at: datetime) -> GameDay:
    """*day* at its end, with what is to be done about it."""
    return replace(day, finished_at=max(at, day.step_began_at), actions=tuple(map(_text, actions))[:_MOST])


def _text(text: str) -> str:
    return inert(text.strip(), limit=_TEXT)
