"""Which claim's turn it is to be restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from hubops.backup.volumes.snapshots import Snapshot
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, UsageError
from hubops.model.backup import Run

_Claim = tuple[str, str]
_NEVER = datetime.min.replace(tzinfo=UTC)


def due(
    cluster: KubeWriter, found: Iterable[Snapshot], runs: Sequence[Run], *, claims: Sequence[str], count: int
) -> list[Snapshot]:
    """The newest ready snapshots of *claims* (namespace/name), or of the *count* claims that were longest not drilled.

    *found* and *runs* are newest first. Raises UsageError for a claim that has none, Permanent where there is none at
    all.
    """
    newest: dict[_Claim, Snapshot] = {}
    for each in found:
        if each.ready and not each.leaving:
            newest.setdefault(each.of, each)
    if claims:
        return [_named(newest, each) for each in dict.fromkeys(claims)]
    here = list(islice((claim for claim in turns(newest, runs) if cluster.has(_claim(claim))), count))
    if not here:
        raise Permanent("there is no ready snapshot of hubops whose claim could be restored: run hubops backup volumes")
    return [newest[claim] for claim in here]


def turns(claims: Iterable[_Claim], runs: Iterable[Run]) -> list[_Claim]:
    """*claims* in the order of their last drill, the longest ago first.

    The journal is short: of those that it does not know, the ones that follow the last one by name come first, so that
    in a cluster of many claims each has its turn.
    """
    last: dict[_Claim, datetime] = {}
    for run in runs:
        for each in run.volumes if run.action == "drill" else ():
            last.setdefault((each.namespace, each.claim), run.started_at)
    latest = max(last, key=lambda claim: (last[claim], claim), default=("", ""))
    return sorted(claims, key=lambda claim: (last.get(claim, _NEVER), claim <= latest, claim))


def restored_before(snapshot: Snapshot, runs: Iterable[Run]) -> str | None:
    """The sum of what an earlier drill read from the same snapshot."""
    for run in runs:
        for each in run.volumes if run.action == "drill" else ():
            if each.proof and each.proof.sha256 and each.proof.copy == snapshot.id:
                return each.proof.sha256
    return None


def _named(newest: Mapping[_Claim, Snapshot], name: str) -> Snapshot:
    namespace, slash, claim = name.partition("/")
    if not (namespace and slash and claim):
        raise UsageError(f"--claim {name}: write NAMESPACE/NAME")
    if (namespace, claim) not in newest:
        raise UsageError(f"--claim {name}: hubops has no ready snapshot of it; hubops backup volumes list names those")
    return newest[namespace, claim]


def _claim(claim: _Claim) -> dict[str, object]:
    metadata = {"namespace": claim[0], "name": claim[1]}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
