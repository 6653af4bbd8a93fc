"""The newest runs of the journal as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from tabulate import tabulate

from hubops.model.backup import Recorded, Run, VeleroBackupRecord
from hubops.model.quantity import human_bytes, human_duration
from hubops.model.text import inert

#: Runs of one kind and action that are shown.
SHOWN = 5
_HEADERS = ("RUN", "AGE", "TOOK", "OUTCOME", "OF", "WHERE", "REASON")


def table(recorded: Recorded, now: datetime) -> str:
    """The newest runs of each kind and action, and what in the journal cannot be read; empty where there is nothing."""
    rows = [_row(run, now) for run in _newest(recorded.runs)]
    shown = tabulate(rows, headers=_HEADERS, tablefmt="plain", disable_numparse=True) + "\n" if rows else ""
    return shown + "".join(
        f"{each.kind}: record {inert(each.name, limit=200)} cannot be read: {inert(each.reason, limit=200)}\n"
        for each in recorded.unreadable
    )


def _newest(runs: Sequence[Run]) -> Iterator[Run]:
    counts: Counter[tuple[str, str]] = Counter()
    for run in sorted(runs, key=lambda run: (run.kind, run.action)):  # keeps the newest first
        counts[run.kind, run.action] += 1
        if counts[run.kind, run.action] <= SHOWN:
            yield run


def _row(run: Run, now: datetime) -> tuple[str, ...]:
    ahead = run.at > now
    age = f"{human_duration(run.at - now)} ahead" if ahead else human_duration(now - run.at)
    outcome = f"{run.outcome}, ALARM" if run.alarm else run.outcome
    where = run.store or run.host
    took = human_duration(run.finished_at - run.started_at)
    texts = (run.id, age, took, outcome, about(run) or "-", where, run.reason or "-")
    return tuple(inert(text, limit=120) for text in texts)


def about(run: Run) -> str:
    """What the run was about, and how much of it there was; empty where it did not come that far."""
    if run.copy:
        return f"{run.copy.etcd.keys:,} keys, {human_bytes(run.copy.etcd.size)}"
    if run.proof:
        return run.proof.copy
    if run.velero:
        return _velero(run.velero)
    ready = sum(each.ready for each in run.volumes) + run.volumes_left_out
    return f"{ready} of {len(run.volumes) + run.volumes_left_out} claims" if run.kind == "volumes" else ""


def _velero(record: VeleroBackupRecord) -> str:
    if not record.name:
        return ""
    volumes = f", {_count(record.volumes, 'volume')}" if record.volumes else ""
    unsure = "" if record.expected is not None and not record.not_compared else ", not all of it compared"
    within = _count(record.namespaces_total, "namespace")
    held = f"{_count(record.items, 'object')} of {within}{volumes}{unsure}"
    return f"{record.name}: {held if record.items else record.phase}"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"
