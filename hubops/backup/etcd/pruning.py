"""Which copies of an etcd may go. Beyond the policy, what a drill proved decides.

Never dropped are the newest copies (`keep.last`) and the newest one that a drill has restored without a difference.
While the newest drill did not succeed, nothing is dropped at all: one of the older copies may be the last that can be
restored. Where the journal cannot be read, that is not known, and nothing is dropped either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hubops.backup.etcd.copies import Copies
from hubops.backup.retention import dropped
from hubops.config.backup import Keep
from hubops.journal.journal import Journal
from hubops.model.backup import Copy, Run


@dataclass(frozen=True)
class Pruning:
    """`drop` is oldest first; `proven` the copy that stays because a drill restored it; `hindrance` why none may go."""

    drop: tuple[Copy, ...] = ()
    proven: str | None = None
    hindrance: str | None = None


def look(copies: Copies, journal: Journal, keep: Keep, *, now: datetime) -> Pruning:
    """What may go of *copies* by the drills in *journal*. Raises SourceError where the store cannot be read."""
    recorded, problem = journal.recorded()
    unreadable = next((each.reason for each in recorded.unreadable if each.kind == "etcd"), None)
    return plan(copies.all(), recorded.runs, keep, now=now, unread=problem or unreadable)


def plan(copies: Sequence[Copy], runs: Iterable[Run], keep: Keep, *, now: datetime, unread: str | None) -> Pruning:
    """What may go of *copies*, newest first, by the *runs* of the journal; *unread* is why these are not all. Pure."""
    if unread:
        return Pruning(hindrance=f"what drills have proven is not known: {unread}")
    drills = sorted((run for run in runs if run.action == "drill" and run.kind == "etcd"), key=lambda run: run.at)
    if drills and not _without_difference(drills[-1]):
        return Pruning(hindrance=f"the newest drill did not succeed: {drills[-1].reason or 'it found differences'}")
    proven = {run.proof.copy for run in drills if run.proof and run.outcome == "succeeded" and _without_difference(run)}
    last = next((copy.id for copy in copies if copy.id in proven), None)
    return Pruning(dropped(copies, keep, now=now, never=[last] if last else []), last)


def _without_difference(drill: Run) -> bool:
    return drill.outcome != "failed" and not (drill.proof and drill.proof.differences_total)
