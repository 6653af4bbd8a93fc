"""claim-not-covered: data that nothing would bring back, on a platform where volumes are backed up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from hubops.engine.ignores import ANNOTATION
from hubops.engine.probe import Absent, Undecided, probe
from hubops.engine.probes import custom, evidence, pods
from hubops.engine.probes.evidence import counted
from hubops.engine.probes.journal import EVIDENCE as JOURNAL
from hubops.engine.probes.snapshots import SNAPSHOTS, VolumeSnapshot
from hubops.engine.probes.velero import BACKUPS, POD_VOLUMES, UPLOADS, Resources, fields
from hubops.engine.probes.velero_coverage import CLAIMS
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.storage import PersistentVolumeClaim
from hubops.model.quantity import human_bytes, human_duration, size_in_bytes
from hubops.model.snapshot import not_installed
from hubops.model.velero import Backup, Status
from hubops.model.velero_scope import Scope
from hubops.model.velero_volumes import CopyStatus, DataUpload, PodVolumeBackup

#: Labels by which somebody says that a claim need not be backed up: hubops' own, and Velero's.
_EXCLUDED = ("hubops.io/exclude-from-backup", "velero.io/exclude-from-backup")
_DRILL = "hubops.io/drill"
_Claim = tuple[str, str]


@probe(
    needs=("persistentvolumeclaims", JOURNAL),
    uses=(SNAPSHOTS, BACKUPS, UPLOADS, POD_VOLUMES),
    fields={SNAPSHOTS: ("spec.source", "status.readyToUse"), **fields(BACKUPS, UPLOADS, POD_VOLUMES)},
)
def claim_not_covered(view: View, *, within: timedelta, grace: timedelta, named: int) -> Iterator[Hit]:
    """Bound claims older than *grace* of which there is no snapshot and no backup of the last *within*.

    Where hubops.yaml backs up volumes, all claims are looked at but those of the namespaces that it excludes; else
    only those of namespaces in which something else is backed up. Claims of single pods are scratch space. Of more
    than *named* claims of a namespace it is told as one.
    """
    _readable(view)
    covered = _covered(view, view.now - within)
    journal = view.snapshot.journal
    if "volumes" not in journal.configured and not covered:
        raise Absent("hubops.yaml backs up no volumes, and no snapshot of one is there")
    known = {namespace for namespace, _ in covered}
    bare: dict[str, list[PersistentVolumeClaim]] = defaultdict(list)
    for claim in view.objects.persistentvolumeclaims:
        looked_at = "volumes" in journal.configured or claim.namespace in known
        if looked_at and _counts(view, claim, journal.excluded, grace) and (claim.namespace, claim.name) not in covered:
            bare[claim.namespace].append(claim)
    for namespace, claims in sorted(bare.items()):
        yield from _hits(namespace, claims, within, named)


def _readable(view: View) -> None:
    """Raise Undecided where a backup may be there that could not be read: nothing is said to be uncovered then."""
    for name in (SNAPSHOTS, BACKUPS, UPLOADS, POD_VOLUMES):
        reason = view.snapshot.unread.get(name)
        if reason and not not_installed(name, reason):
            raise Undecided(f"{name} could not be read, so that what is backed up is not known: {reason}")


def _counts(view: View, claim: PersistentVolumeClaim, excluded: Sequence[str], grace: timedelta) -> bool:
    """Whether somebody would miss what is in *claim*."""
    meta, controller = claim.metadata, claim.metadata.controller()
    if claim.status.phase != "Bound" or meta.deletion_timestamp is not None:
        return False
    if controller is not None and controller.kind == "Pod":
        return False
    if _DRILL in meta.labels or any(meta.labels.get(label) == "true" for label in _EXCLUDED):
        return False
    return not _named(claim.namespace, excluded) and pods.longer_than(view, meta.creation_timestamp, grace)


def _covered(view: View, since: datetime) -> set[_Claim]:
    """The claims of which something was taken after *since*."""
    found: set[_Claim] = set()
    for item in custom.read(view, VolumeSnapshot, SNAPSHOTS):
        claim, made = item.spec.source.persistent_volume_claim_name, item.metadata.creation_timestamp
        if claim and item.status.ready_to_use and made and made > since:
            found.add((item.metadata.namespace, claim))
    velero = Resources(view)
    labels = {each.name: each.metadata.labels for each in view.objects.namespaces}
    scopes = [Scope(each.spec, labels, (CLAIMS,)) for each in velero.backups if _snapshotted(each, since)]
    uploads = [each for each in velero.read(UPLOADS, DataUpload) if _is_done(each.status, since)]
    of_pods = [each for each in velero.read(POD_VOLUMES, PodVolumeBackup) if _is_done(each.status, since)]
    velero.doubt()
    found |= {(each.spec.source_namespace, each.spec.source_pvc) for each in uploads}
    uids = {each.spec.tags["pvc-uid"] for each in of_pods if "pvc-uid" in each.spec.tags}
    for there in view.objects.persistentvolumeclaims:
        taken = any(scope.takes(CLAIMS, there.namespace, there.name, there.metadata.labels) for scope in scopes)
        if there.metadata.uid in uids or taken:
            found.add((there.namespace, there.name))
    return found


def _snapshotted(backup: Backup, since: datetime) -> bool:
    """Whether it took snapshots of volumes after *since*; which ones, its spec says."""
    status = backup.status
    return _is_done(status, since) and bool(status.volume_snapshots_completed + status.csi_volume_snapshots_completed)


def _is_done(status: Status | CopyStatus, since: datetime) -> bool:
    return (
        status.phase == "Completed" and status.completion_timestamp is not None and status.completion_timestamp > since
    )


def _named(namespace: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


def _hits(namespace: str, claims: Sequence[PersistentVolumeClaim], within: timedelta, named: int) -> Iterator[Hit]:
    """One for each claim; of many, those of the namespace, but for claims that have an annotation of their own."""
    span = human_duration(within)
    many = [claim for claim in claims if ANNOTATION not in claim.metadata.annotations]
    of_namespace = len(many) > named
    size = sum(size_in_bytes(claim.status.capacity) for claim in many)
    for claim in claims:
        own = size_in_bytes(claim.status.capacity)
        told = of_namespace and claim in many
        words = f"{counted(len(many), 'claim')} of it, {human_bytes(size)}, are" if told else f"{human_bytes(own)}, is"
        storage = claim.spec.storage_class_name or "none"
        yield Hit(
            ref=Ref("Namespace", namespace) if told else Ref("PersistentVolumeClaim", claim.name, namespace),
            summary=f"{words} in no snapshot and no backup of the last {span}",
            evidence=(evidence.fact(f"claim {namespace}/{claim.name}: {human_bytes(own)}, StorageClass {storage}"),),
            value=Value(size if told else own, "bytes"),
            details={"claim": claim.name},
            example=claim.name if told else None,
        )
