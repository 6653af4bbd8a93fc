"""velero-volume-failed: volumes whose data the newest backup of Velero does not hold, or is still waiting for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import TypeAlias

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.velero import BACKUPS, POD_VOLUMES, SCHEDULES, UPLOADS, Planned, Resources, fields, server
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.quantity import human_duration
from hubops.model.velero import label_value
from hubops.model.velero_volumes import DataUpload, PodVolumeBackup

_Copy: TypeAlias = DataUpload | PodVolumeBackup


@probe(
    needs=(UPLOADS, POD_VOLUMES, BACKUPS, SCHEDULES),
    uses=("persistentvolumeclaims", "pods"),
    fields=fields(UPLOADS, POD_VOLUMES, BACKUPS, SCHEDULES),
)
def velero_volume_failed(view: View, *, untaken: timedelta) -> Iterator[Hit]:
    """Volumes whose newest copy failed or was cancelled, of those that schedules ask for.

    A copy that no node agent has begun with for *untaken* will fail: Velero gives up after half an hour, or waits for
    an agent that is not there.
    """
    velero = Resources(view)
    copies: list[_Copy] = [*velero.read(UPLOADS, DataUpload), *velero.read(POD_VOLUMES, PodVolumeBackup)]
    claims = {item.metadata.uid: _claim(item.namespace, item.name) for item in view.objects.persistentvolumeclaims}
    for planned in velero.planned:
        newest: dict[tuple[Ref, str], _Copy] = {}
        for copy in _of_newest(planned, copies):
            newest[_volume(copy, claims), _named(copy)] = copy
        for (ref, _), copy in newest.items():
            if ref.kind != "PersistentVolumeClaim" or not claims or ref in claims.values():
                yield from _judged(view, planned, ref, copy, untaken)
    velero.doubt()


def _claim(namespace: str, name: str) -> Ref:
    return Ref("PersistentVolumeClaim", name, namespace)


def _of_newest(planned: Planned, copies: Sequence[_Copy]) -> list[_Copy]:
    """Those of its newest backup that has ended, and of what is at work since, the oldest first."""
    recent = list(takewhile(lambda each: not each.ended, planned.backups)) + list(planned.over[:1])
    names = {label_value(each.name) for each in recent}
    namespace = planned.schedule.namespace
    found = [each for each in copies if each.namespace == namespace and each.backup in names]
    return sorted(found, key=lambda each: str(each.metadata.creation_timestamp))


def _volume(copy: _Copy, claims: dict[str, Ref]) -> Ref:
    """What a person would look at: the claim, or the pod of a volume that is none."""
    if isinstance(copy, DataUpload):
        return _claim(copy.spec.source_namespace, copy.spec.source_pvc)
    pod = copy.spec.pod
    return claims.get(copy.spec.tags.get("pvc-uid", "")) or Ref("Pod", pod.name, pod.namespace)


def _named(copy: _Copy) -> str:
    return copy.spec.volume if isinstance(copy, PodVolumeBackup) else ""


def _judged(view: View, planned: Planned, ref: Ref, copy: _Copy, untaken: timedelta) -> Iterator[Hit]:
    made = copy.metadata.creation_timestamp
    if copy.failed:
        said = evidence.innermost(copy.status.message) or "Velero gives no reason"
        yield _hit(planned, ref, copy, f"its data is not in backup {copy.backup}: {said}")
    elif not copy.over and not copy.status.start_timestamp and made and view.now - made > untaken:
        waited = human_duration(view.now - made)
        yield _hit(planned, ref, copy, f"no node agent has begun to copy it into backup {copy.backup} for {waited}")


def _hit(planned: Planned, ref: Ref, copy: _Copy, words: str) -> Hit:
    volume = f" (volume {name})" if (name := _named(copy)) else ""
    node = copy.status.node or (copy.spec.node if isinstance(copy, PodVolumeBackup) else "")
    nodes: Sequence[Ref] = (Ref("Node", node),) if node else ()
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"{words}{volume}", 300),
        evidence=tuple(_evidence(planned, copy, node)),
        since=copy.metadata.creation_timestamp,
        depends_on=(planned.ref, *nodes, server(copy.namespace), Ref("DaemonSet", "node-agent", copy.namespace)),
        details={"backup": copy.backup} | ({"node": node} if node else {}),
    )


def _evidence(planned: Planned, copy: _Copy, node: str) -> Iterator[Evidence]:
    kind = type(copy).__name__
    where = f" on node {node}" if node else ""
    yield evidence.fact(f"{kind} {copy.name}{where}: {copy.status.phase or 'New'}", copy.metadata.creation_timestamp)
    if copy.status.message:
        yield evidence.fact(copy.status.message, copy.status.completion_timestamp)
    yield evidence.fact(f"of Schedule {planned.schedule.name}")
