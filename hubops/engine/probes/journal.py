"""The journal of backups and drills as probes look at it: kind by kind, the newest run first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hubops.engine.probe import Absent, Undecided
from hubops.engine.probes import evidence
from hubops.engine.view import View
from hubops.model.backup import Action, Kind, Promised, Proof, Run, Unreadable
from hubops.model.finding import Evidence, Ref
from hubops.model.quantity import human_duration

EVIDENCE = "journal"
#: How far a run may be dated after the snapshot: clocks that agree as far as clocks do.
CLOCKS = timedelta(minutes=5)
_NAMED = re.compile(r"(?:backup|verify|drill)-[a-z]+-(\d{8}T\d{6}Z)")


@dataclass(frozen=True)
class Kept:
    """What is known of one kind. `runs` are newest first; `in_doubt` says why something newer may be known."""

    kind: Kind
    runs: Sequence[Run]
    promised: Promised
    configured: bool
    in_doubt: str | None

    @property
    def ref(self) -> Ref:
        return Ref("Backup", self.kind)

    def of(self, *actions: Action) -> list[Run]:
        return [run for run in self.runs if run.action in actions]

    def newest(self, action: Action) -> Run | None:
        return next(iter(self.of(action)), None)

    def newest_good(self, action: Action) -> Run | None:
        """The newest run that did all that it had to do."""
        return next((run for run in self.of(action) if run.outcome == "succeeded" and not run.alarm), None)


def kinds(view: View) -> list[Kept]:
    """The kinds that hubops.yaml backs up, or that the journal tells of. Raises Absent where there are none."""
    journal = view.snapshot.journal
    found = []
    for kind in sorted(
        {*journal.configured, *(run.kind for run in journal.runs), *(e.kind for e in journal.unreadable)}
    ):
        every = [run for run in journal.runs if run.kind == kind and not run.narrowed]
        runs = [run for run in every if run.at <= view.now + CLOCKS]
        promised = journal.configured.get(kind) or (every[0].promised if every else None)
        doubt = _unread(runs, [each for each in journal.unreadable if each.kind == kind]) or _future(every, runs)
        if promised:
            found.append(Kept(kind, runs, promised, kind in journal.configured, doubt))
    if not found:
        raise Absent("hubops.yaml configures no backup, and none was ever recorded")
    return found


def _unread(runs: Sequence[Run], unreadable: Sequence[Unreadable]) -> str | None:
    """What of *unreadable* may be a newer run than those that can be read."""
    for each in unreadable:
        match = _NAMED.match(each.name)
        if match and (not runs or _moment(match[1]) > runs[0].started_at):
            return f"record {each.name} of the journal cannot be read: {each.reason}"
    return None


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def _future(every: Sequence[Run], runs: Sequence[Run]) -> str | None:
    if len(every) == len(runs):
        return None
    return f"run {every[0].id} is dated after this round: the clock of {every[0].host or 'its machine'} was wrong"


def decided(found: Sequence[Kept]) -> Iterator[Kept]:
    """Those of *found* whose newest runs are known; raises Undecided, after them, if there are others."""
    yield from (each for each in found if not each.in_doubt)
    doubts = [f"{each.kind}: {each.in_doubt}" for each in found if each.in_doubt]
    if doubts:
        raise Undecided("; ".join(doubts))


def proofs(run: Run) -> list[Proof]:
    """What a drill restored: the etcd, or volumes."""
    return [*([run.proof] if run.proof else []), *(each.proof for each in run.volumes if each.proof)]


def ago(view: View, run: Run) -> str:
    """When *run* began, in words: "6h ago"."""
    return f"{human_duration(max(view.now - run.at, timedelta(0)))} ago"


def told(run: Run) -> Evidence:
    """*run* in one line."""
    reason = f": {run.reason}" if run.reason else ""
    where = f" on {run.host}" if run.host else ""
    return evidence.fact(f"{run.action} {run.id}{where}, hubops {run.hubops_version}, {run.outcome}{reason}", run.at)


def last_good(kept: Kept, action: Action) -> Evidence:
    good = kept.newest_good(action)
    return told(good) if good else evidence.fact(f"the journal knows no {action} of {kept.kind} that succeeded")
