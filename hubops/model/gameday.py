"""Game days: what a scenario asks of a team, and what was recorded of one. Times are UTC, durations seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from hubops.model.backup import Kind, Moment, Outcome, Promised

SCHEMA = "hubops.gameday/v1"
#: What a step belongs to. The clock runs from the end of the last `loss`.
Phase = Literal["prepare", "loss", "detect", "decide", "restore", "learn"]
Answer = Literal["done", "failed", "skipped"]


class ScenarioStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`inject` is for the game master, who does it by hand; `find_out` is for the team.

    Of a runbook the commands of one section are shown, `commands` besides.
    """

    title: str
    phase: Phase
    inject: str = ""
    find_out: str = ""
    commands: tuple[str, ...] = ()
    runbook: str = ""
    section: str = ""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is practised. `kinds` are those of backups whose objectives it is about, `names` what commands are filled in
    with, and what each is.
    """

    title: str
    about: str
    kinds: tuple[Kind, ...]
    names: dict[str, str] = {}
    steps: tuple[ScenarioStep, ...]


class Note(msgspec.Struct, frozen=True):
    at: Moment
    text: str


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A step as it went."""

    title: str
    phase: Phase
    answer: Answer
    began_at: Moment
    ended_at: Moment
    notes: tuple[Note, ...] = ()


class GameDay(msgspec.Struct, frozen=True, kw_only=True):
    """A game day, from its beginning on; `finished_at` is None while it can be gone on with.

    `backup` is the newest good backup when the loss began, `rpo_s` its age then.
    """

    schema: str = SCHEMA
    id: str  # gameday-lost-namespace-20260131T120000Z
    scenario: str
    title: str
    cluster: str
    host: str
    hubops_version: str
    started_at: Moment
    finished_at: Moment | None = None
    names: dict[str, str] = {}
    kind: Kind | None = None
    promised: Promised | None = None
    backup: str | None = None
    rpo_s: float | None = None
    steps: tuple[Played, ...] = ()
    step_began_at: Moment  # of the step that is open
    notes: tuple[Note, ...] = ()  # of the step that is open
    actions: tuple[str, ...] = ()  # what is to be done about it

    @property
    def lost_at(self) -> datetime | None:
        """When the loss was there, and the clock began."""
        return self._end("loss")

    def _end(self, phase: Phase) -> datetime | None:
        """When the last step of *phase* was done; None where none was."""
        return max(
            (each.ended_at for each in self.steps if each.phase == phase and each.answer == "done"), default=None
        )

    def took(self, phase: Phase, after: Sequence[Phase]) -> float | None:
        """Seconds from the end of what came before *phase*, the latest of *after*, until it was done."""
        end = self._end(phase)
        start = max((at for each in after if (at := self._end(each))), default=None)
        return max((end - start).total_seconds(), 0.0) if end and start else None

    @property
    def detect_s(self) -> float | None:
        return self.took("detect", ["loss"])

    @property
    def decide_s(self) -> float | None:
        return self.took("decide", ["loss", "detect"])

    @property
    def restore_s(self) -> float | None:
        return self.took("restore", ["loss", "detect", "decide"])

    @property
    def rto_s(self) -> float | None:
        """From the loss until it was restored; None where that did not come about."""
        last = next((each for each in reversed(self.steps) if each.phase == "restore"), None)
        restored = self.finished_at is not None and last is not None and last.answer == "done"
        return self.took("restore", ["loss"]) if restored else None

    @property
    def outcome(self) -> Outcome:
        """failed: not restored; partial: restored, with steps that failed or were left out."""
        if self.rto_s is None:
            return "failed"
        return "succeeded" if all(each.answer == "done" for each in self.steps) else "partial"
