"""The calendar of drills: what was proven when, and what is due. Times are UTC, durations seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from hubops.model.backup import Kind, Moment, Outcome, Promised

SCHEMA = "hubops.drill-calendar/v1"
#: proven: within the first half of what was promised; due: in the second half; overdue: after it; never: not once.
State = Literal["proven", "due", "overdue", "never"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind; or, where `what` names one, a claim or a namespace of which drills restore a few at a time."""

    kind: Kind
    what: str = ""
    state: State
    last_at: Moment | None = None  # the newest drill
    run: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    proven_at: Moment | None = None  # the newest drill that did all that it had to do
    next_due: Moment | None = None  # until when the next has to, by proven_every; None: now
    rpo_s: float | None = None  # as the newest drill that restored anything measured them
    rto_s: float | None = None

    @property
    def to_be_drilled(self) -> bool:
        """Whether `hubops drill all --due` drills it: half of the time is over, or the newest drill did not succeed."""
        return self.state != "proven" or self.outcome != "succeeded"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A kind with its parts. `in_doubt` says why something newer than this may be recorded."""

    entry: Entry
    promised: Promised
    parts: tuple[Entry, ...] = ()
    in_doubt: str | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a check made of it."""

    check: str
    severity: str
    kind: str
    summary: str


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    cluster: str
    at: Moment
    rows: tuple[Row, ...]
    findings: tuple[Said, ...] = ()
