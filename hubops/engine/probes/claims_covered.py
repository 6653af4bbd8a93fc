"""claim-not-covered: data that nothing would bring back, on a platform where volumes are backed up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import msgspec

from hubops.engine.ignores import ANNOTATION
from hubops.engine.probe import Absent, Undecided, probe
from hubops.engine.probes import custom, evidence, pods
from hubops.engine.probes.evidence import counted
from hubops.engine.probes.journal import EVIDENCE as JOURNAL
from hubops.engine.probes.snapshots import SNAPSHOTS, VolumeSnapshot
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.meta import Kube, LabelSelector, ObjectMeta
from hubops.model.kube.storage import PersistentVolumeClaim
from hubops.model.quantity import human_bytes, human_duration, size_in_bytes
from hubops.model.snapshot import not_installed

BACKUPS = "backups.velero.io"
UPLOADS = "datauploads.velero.io"
POD_VOLUMES = "podvolumebackups.velero.io"
#: Labels by which somebody says that a claim need not be backed up: hubops' own, and Velero's.
_EXCLUDED = ("hubops.io/exclude-from-backup", "velero.io/exclude-from-backup")
_DRILL = "hubops.io/drill"
_Claim = tuple[str, str]


class _Done(Kube, frozen=True):
    phase: str = ""
    completion_timestamp: datetime | None = None
    volume_snapshots_completed: int = 0
    csi_volume_snapshots_completed: int = 0


class _Scope(Kube, frozen=True):
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    label_selector: LabelSelector | None = None


class VeleroBackup(Kube, frozen=True):
    """A velero.io/v1 Backup, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Scope = _Scope()
    status: _Done = _Done()

    def holds(self, claim: PersistentVolumeClaim) -> bool:
        """Whether snapshots of volumes that it took are of what *claim* is among."""
        if not self.status.volume_snapshots_completed + self.status.csi_volume_snapshots_completed:
            return False
        spec, namespace = self.spec, claim.namespace
        included = not spec.included_namespaces or _named(namespace, spec.included_namespaces)
        selected = spec.label_selector is None or spec.label_selector.matches(claim.metadata.labels)
        return included and selected and not _named(namespace, spec.excluded_namespaces)


class _Tagged(Kube, frozen=True):
    tags: dict[str, str] = {}


class _UploadSpec(Kube, frozen=True):
    source_namespace: str = ""
    source_pvc: str = msgspec.field(default="", name="sourcePVC")


class Upload(Kube, frozen=True):
    """A velero.io/v2alpha1 DataUpload, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _UploadSpec = _UploadSpec()
    status: _Done = _Done()


class PodVolumeBackup(Kube, frozen=True):
    """A velero.io/v1 PodVolumeBackup, trimmed; its tag "pvc-uid" is the claim's."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Tagged = _Tagged()
    status: _Done = _Done()


@probe(
    needs=("persistentvolumeclaims", JOURNAL),
    uses=(SNAPSHOTS, BACKUPS, UPLOADS, POD_VOLUMES),
    fields={
        SNAPSHOTS: ("spec.source", "status.readyToUse"),
        BACKUPS: (
            "spec.includedNamespaces",
            "spec.excludedNamespaces",
            "spec.labelSelector",
            "status.phase",
            "status.completionTimestamp",
            "status.volumeSnapshotsCompleted",
            "status.csiVolumeSnapshotsCompleted",
        ),
        UPLOADS: ("spec.sourceNamespace", "spec.sourcePVC", "status.phase", "status.completionTimestamp"),
        POD_VOLUMES: ("spec.tags", "status.phase", "status.completionTimestamp"),
    },
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
    backups = [each for each in custom.read(view, VeleroBackup, BACKUPS) if _is_done(each.status, since)]
    uploads = [each for each in custom.read(view, Upload, UPLOADS) if _is_done(each.status, since)]
    of_pods = [each for each in custom.read(view, PodVolumeBackup, POD_VOLUMES) if _is_done(each.status, since)]
    found |= {(each.spec.source_namespace, each.spec.source_pvc) for each in uploads}
    uids = {each.spec.tags["pvc-uid"] for each in of_pods if "pvc-uid" in each.spec.tags}
    for there in view.objects.persistentvolumeclaims:
        if there.metadata.uid in uids or any(backup.holds(there) for backup in backups):
            found.add((there.namespace, there.name))
    return found


def _is_done(status: _Done, since: datetime) -> bool:
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
