"""What a drill has proven, what it has not, and how it ended; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from hubops.backup.velero.record import recorded, run_id
from hubops.config.backup import VeleroBackupConfig, VeleroDrillConfig
from hubops.drill.velero.choice import Chosen
from hubops.drill.velero.compare import Comparison
from hubops.drill.velero.modifiers import Modifiers
from hubops.drill.velero.objects import Key, Object, title
from hubops.drill.velero.restore import Restored
from hubops.drill.velero.volumes import Volumes
from hubops.drill.velero.waiting import Awaited
from hubops.model.backup import CheckResult, Outcome, Proof, Run, VeleroBackupRecord
from hubops.model.text import inert

#: Differences that are recorded, and examples of each kind of sentence.
_DIFFERENCES, _EXAMPLES = 20, 3
_WORDS = 300  # characters of one message of Velero


@dataclass
class Came:
    """How far a drill came: what it has not reached is not there."""

    chosen: Chosen | None = None
    age: timedelta = timedelta()  # of the newest backup
    original: Mapping[Key, Object] = field(default_factory=dict)
    volumes: Volumes | None = None
    modifiers: Modifiers | None = None
    restored: Restored | None = None
    awaited: Awaited | None = None
    comparison: Comparison | None = None
    checks: Sequence[CheckResult] = ()  # of the site's own
    unread: tuple[str, ...] = ()  # kinds that may not be listed
    version: str = ""  # of Velero's server
    network: str | None = None  # that enforces NetworkPolicies
    steps: dict[str, float] = field(default_factory=dict)


def judged(
    came: Came, settings: VeleroDrillConfig, problems: Sequence[str], left: Sequence[str]
) -> tuple[Outcome, str | None]:
    """How the drill ended, and in one sentence why it did not succeed."""
    if problems or not (came.restored and came.comparison and came.chosen):
        return "failed", "; ".join([*problems, *left]) or "nothing was restored"
    if not came.comparison.compared.total():
        return "failed", "; ".join(["nothing of the backup is what a drill restores", *came.restored.failed[:1], *left])
    if found := came.comparison.differences:
        first = f"{found[0].what} {found[0].how}"
        said = f"{_counted(len(found), 'difference')} between the backup and what was restored of it; {first}"
        return "failed", "; ".join([said, *_short(came.restored.failed), *left])
    if failed := [each for each in came.checks if not each.passed]:
        said = _some([f"{each.name} ({each.said})" for each in failed])
        return "failed", "; ".join([f"{len(failed)} of {len(came.checks)} checks did not pass: {said}", *left])
    if doubts := [*_doubts(came, settings), *left]:
        return "partial", f"restored, but {'; '.join(doubts)}"
    return "succeeded", None


def _doubts(came: Came, settings: VeleroDrillConfig) -> Iterator[str]:
    """What keeps a restore without differences from being a proof of all that was asked for."""
    assert came.restored
    assert came.chosen
    yield from came.chosen.doubts
    yield from _short(came.restored.failed)
    yield from (f"Velero warned: {each}" for each in _short(came.restored.warnings))
    if came.awaited and came.awaited.unready:
        said = _some([f"{name} ({why})" for name, why in came.awaited.unready.items()])
        yield f"{_counted(len(came.awaited.unready), 'workload')} did not become ready: {said}"
    if settings.checks and not came.checks:
        yield "drill.velero.checks were not tried, since drill.velero.workloads is false"
    if came.unread:
        yield f"what was added of {', '.join(came.unread)} is not known: they may not be listed"


def _counted(number: int, of: str) -> str:
    return f"{number:,} {of}" if number == 1 else f"{number:,} {of}s"


def _short(messages: Sequence[str]) -> list[str]:
    shown = [inert(each, limit=_WORDS) for each in messages[:_EXAMPLES]]
    return [*shown, f"and {len(messages) - _EXAMPLES} more"] if messages[_EXAMPLES:] else shown


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _EXAMPLES} more" if names[_EXAMPLES:] else ""
    return ", ".join(names[:_EXAMPLES]) + more


def run_of(
    came: Came,
    started: datetime,
    promises: VeleroBackupConfig,
    settings: VeleroDrillConfig,
    outcome: Outcome,
    reason: str | None,
) -> Run:
    """The run as it is recorded, over now."""
    backup = _record(came) if came.chosen else None
    run = recorded("drill", run_id("drill", started), started, promises, outcome, reason, backup)
    return msgspec.structs.replace(run, proof=_proof(came, settings) if came.restored and came.chosen else None)


def _record(came: Came) -> VeleroBackupRecord:
    assert came.chosen
    backup = came.chosen.backup
    return VeleroBackupRecord(
        name=backup.name, uid=backup.metadata.uid, schedule=backup.schedule, location=backup.spec.storage_location,
        phase=backup.phase, namespaces=came.chosen.every_namespace,
        items=sum(len(names) for names in came.chosen.held.values()), errors_total=backup.status.errors,
        warnings_total=backup.status.warnings, expires_at=backup.status.expiration,
        volumes=backup.status.volume_snapshots_completed + backup.status.csi_volume_snapshots_completed,
    )  # fmt: skip


def _proof(came: Came, settings: VeleroDrillConfig) -> Proof:
    assert came.restored
    assert came.chosen
    found = came.comparison.differences if came.comparison else []
    waited = came.awaited.took_s if came.awaited else 0.0
    return Proof(
        copy=came.chosen.backup.name,
        taken_at=came.chosen.taken_at,
        rpo_s=max(came.age.total_seconds(), 0.0),
        rto_s=round(came.restored.took_s + waited, 3),
        steps=came.steps,
        compared=_compared(came),
        differences=tuple(found[:_DIFFERENCES]),
        differences_total=len(found),
        by_namespace=dict(Counter(key.namespace for key in came.original)),
        proven=tuple(_proven(came)),
        unproven=tuple(_unproven(came, settings)),
        checks=tuple(came.checks),
        versions={"velero": came.version} if came.version else {},
    )


def _compared(came: Came) -> dict[str, int]:
    if not came.comparison:
        return {}
    counts = came.comparison.compared
    return {"objects": counts.total(), "namespaces": len(came.chosen.namespaces if came.chosen else ()), **counts}


def _proven(came: Came) -> Iterator[str]:
    if came.comparison and came.comparison.compared.total():
        same = came.comparison.compared.total() - len({each.what for each in came.comparison.differences})
        if same > 0:
            yield f"{_counted(same, 'object')} came back as backed up"
    if came.awaited and came.awaited.ready:
        yield f"{_counted(came.awaited.ready, 'workload')} became ready, closed off from everything else"
    yield from (f"check {each.name} passed" for each in came.checks if each.passed)


def _unproven(came: Came, settings: VeleroDrillConfig) -> Iterator[str]:
    assert came.restored
    assert came.chosen
    yield from came.chosen.doubts
    yield from _of_objects(came)
    yield from _of_workloads(came, settings)
    if came.volumes and came.volumes.empty:
        said = _some([f"{space}/{name} ({why})" for (space, name), why in came.volumes.empty.items()])
        yield f"the data of {_counted(len(came.volumes.empty), 'claim')} that came back empty: {said}"
    yield "what is in no namespace: a drill writes nothing of it"


def _of_objects(came: Came) -> Iterator[str]:
    assert came.restored
    yield from (f"Velero warned: {each}" for each in _short(came.restored.warnings))
    if came.comparison:
        for why, count in sorted(came.comparison.not_compared.items()):
            yield f"{_counted(count, 'object')} not compared: {why}"
    if came.modifiers and came.modifiers.counted:
        said = ", ".join(f"{words} ({count:,})" for words, count in sorted(came.modifiers.counted.items()))
        yield f"what was changed on purpose, so that nothing acts outside: {said}"
    if came.unread:
        yield f"that nothing was added of {', '.join(came.unread)}: they may not be listed"


def _of_workloads(came: Came, settings: VeleroDrillConfig) -> Iterator[str]:
    if not settings.workloads:
        yield "that the workloads run, as drill.velero.workloads says"
        return
    if came.awaited:
        for name, why in [*came.awaited.unready.items()][:_DIFFERENCES]:
            yield f"{name} did not become ready: {why}"
        if not came.awaited.ready and not came.awaited.unready:
            yield "that anything runs: the backup has no workload that could"
    resting = came.modifiers.resting if came.modifiers else {}
    at_rest = [f"{_named(came, key)} ({why})" for key, why in resting.items() if not _is_owned(came, key)]
    if at_rest:
        yield f"that these run: {_some(at_rest)}"
    if not came.network:
        yield "that what ran reached nothing outside: the cluster is not known to enforce NetworkPolicies"


def _named(came: Came, key: Key) -> str:
    return title(key, came.original.get(key, {}))


def _is_owned(came: Came, key: Key) -> bool:
    return bool(came.original.get(key, {}).get("metadata", {}).get("ownerReferences"))
