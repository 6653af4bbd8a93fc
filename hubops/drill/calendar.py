"""Which drills are due, by what the journal knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hubops.journal.entries import KINDS
from hubops.model.backup import Kind, Outcome, Promised, Proof, Recorded, Run
from hubops.model.drill_calendar import Calendar, Entry, Row, State

#: How far clocks that agree may differ; what is dated later proves nothing yet.
_CLOCKS = timedelta(minutes=5)


def calendar(recorded: Recorded, cluster: str, now: datetime) -> Calendar:
    """The kinds that are configured, or of which a drill is recorded; each with the claims or namespaces of its drills.

    *recorded* is newest first.
    """
    rows = (_row(recorded, kind, now) for kind in KINDS)
    return Calendar(cluster=cluster, at=now, rows=tuple(row for row in rows if row))


def _row(recorded: Recorded, kind: Kind, now: datetime) -> Row | None:
    every = [run for run in recorded.runs if run.kind == kind and run.action == "drill"]
    promised = recorded.configured.get(kind) or (every[0].promised if every else None)
    if promised is None:
        return None
    drills = [run for run in every if run.at <= now + _CLOCKS]
    unreadable = [each.name for each in recorded.unreadable if each.kind == kind]
    doubt = f"record {unreadable[0]} of the journal cannot be read" if unreadable else None
    if len(drills) < len(every):
        doubt = f"drill {every[0].id} is dated in the future"
    entry = _entry(drills, promised, now, kind)
    return Row(entry=entry, promised=promised, parts=tuple(_parts(drills, promised, now, kind)), in_doubt=doubt)


def _entry(drills: Sequence[Run], promised: Promised, now: datetime, kind: Kind) -> Entry:
    newest = drills[0] if drills else None
    good = next((run for run in drills if run.outcome == "succeeded" and not run.alarm), None)
    measured = next((run.proofs for run in drills if run.proofs), ())
    state, next_due = _when(good.at if good else None, promised, now)
    return Entry(
        kind=kind, state=state, proven_at=good.at if good else None, next_due=next_due,
        last_at=newest.at if newest else None, run=newest.id if newest else None,
        outcome=_outcome(newest) if newest else None, reason=newest.reason if newest else None,
        rpo_s=max((each.rpo_s for each in measured), default=None),
        rto_s=max((each.rto_s for each in measured), default=None),
    )  # fmt: skip


def _outcome(run: Run) -> Outcome:
    return "failed" if run.alarm else run.outcome


def _when(proven: datetime | None, promised: Promised, now: datetime) -> tuple[State, datetime | None]:
    """How old the proof is beside what was promised, and until when the next one is needed."""
    if proven is None:
        return "never", None
    age, most = (now - proven).total_seconds(), promised.proven_every_s
    state: State = "overdue" if age > most else "due" if age > most / 2 else "proven"
    return state, proven + timedelta(seconds=most)


@dataclass(frozen=True)
class _Piece:
    """A claim, or a namespace, in one drill."""

    run: Run
    what: str
    outcome: Outcome
    reason: str | None
    proof: Proof | None


def _parts(drills: Iterable[Run], promised: Promised, now: datetime, kind: Kind) -> Iterator[Entry]:
    """What was drilled of a kind, the longest ago first: whose turn it is."""
    tried: dict[str, list[_Piece]] = {}
    for piece in (piece for run in drills for piece in _pieces(run)):
        tried.setdefault(piece.what, []).append(piece)
    for newest, *older in sorted(tried.values(), key=lambda pieces: (pieces[0].run.at, pieces[0].what)):
        good = next((each for each in (newest, *older) if each.outcome == "succeeded"), None)
        state, next_due = _when(good.run.at if good else None, promised, now)
        yield Entry(
            kind=kind, what=newest.what, state=state, next_due=next_due, last_at=newest.run.at, run=newest.run.id,
            outcome=newest.outcome, reason=newest.reason, proven_at=good.run.at if good else None,
            rpo_s=good.proof.rpo_s if good and good.proof else None,
            rto_s=good.proof.rto_s if good and good.proof else None,
        )  # fmt: skip


def _pieces(run: Run) -> Iterator[_Piece]:
    for each in run.volumes:
        proven = each.proof is not None and bool(each.proof.proven)
        outcome: Outcome = "failed" if each.error else "succeeded" if proven else "partial"
        yield _Piece(run, f"{each.namespace}/{each.claim}", outcome, each.error, each.proof)
    if run.kind == "velero" and run.proof:
        for namespace in filter(None, run.proof.by_namespace):
            yield _Piece(run, namespace, run.outcome, run.reason, run.proof)
