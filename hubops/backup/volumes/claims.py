"""Which claims a site wants to have snapshotted, and by which VolumeSnapshotClass each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hubops.backup.volumes.snapshots import API, CLASS, DRILL, MODE, SIZE
from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import VolumeBackupConfig
from hubops.errors import ConfigError
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.kube.storage import PersistentVolume, PersistentVolumeClaim

#: Label of a claim that is not to be backed up: "true". Velero's own label of that meaning counts, too.
EXCLUDED = "hubops.io/exclude-from-backup"
_VELERO = "velero.io/exclude-from-backup"
_DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"


@dataclass(frozen=True)
class Claim:
    """A claim that can be snapshotted, by the class that is to be used."""

    namespace: str
    name: str
    driver: str
    snapshot_class: str
    annotations: Mapping[str, str]  # of its snapshots: what the claim was

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Left:
    """A claim that no snapshot is asked for. It is a failure where somebody has to mend something."""

    namespace: str
    name: str
    reason: str
    failed: bool = False

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class SnapshotClass:
    name: str
    driver: str
    default: bool


def choose(cluster: KubeWriter, settings: VolumeBackupConfig) -> tuple[list[Claim], list[Left]]:
    """The claims that *settings* name: those that can be snapshotted, and those that cannot, each with the reason.

    Raises NotServed where the cluster has no VolumeSnapshots, ConfigError where the class of the settings is missing.
    """
    classes = [_class_of(item) for item in cluster.find(API, "VolumeSnapshotClass")]
    if settings.snapshot_class and settings.snapshot_class not in (each.name for each in classes):
        known = ", ".join(sorted(each.name for each in classes)) or "none"
        raise ConfigError(
            f"backup.volumes.snapshot_class: the cluster has no VolumeSnapshotClass {settings.snapshot_class!r}; "
            f"it has {known}"
        )
    listed = cluster.list(BY_PLURAL["persistentvolumeclaims"], labels=settings.selector)
    claims = [each for each in listed if isinstance(each, PersistentVolumeClaim) and wanted(each, settings)]
    volumes = {each.name: each for each in cluster.list(BY_PLURAL["persistentvolumes"])} if claims else {}
    found: list[Claim] = []
    left: list[Left] = []
    for each in sorted(claims, key=lambda item: (item.namespace, item.name)):
        volume = volumes.get(each.spec.volume_name)
        one = _judged(each, volume if isinstance(volume, PersistentVolume) else None, classes, settings)
        (found if isinstance(one, Claim) else left).append(one)  # type: ignore[arg-type]
    return found, left


def wanted(claim: PersistentVolumeClaim, settings: VolumeBackupConfig) -> bool:
    """Whether *settings* name the claim, apart from its labels, which the API server judges."""
    labels, namespace = claim.metadata.labels, claim.namespace
    if DRILL in labels or "true" in (labels.get(EXCLUDED), labels.get(_VELERO)):
        return False
    if any(fnmatchcase(namespace, pattern) for pattern in settings.exclude):
        return False
    if settings.namespaces and not any(fnmatchcase(namespace, pattern) for pattern in settings.namespaces):
        return False
    return not settings.storage_classes or (claim.spec.storage_class_name or "") in settings.storage_classes


def _judged(
    claim: PersistentVolumeClaim,
    volume: PersistentVolume | None,
    classes: Sequence[SnapshotClass],
    settings: VolumeBackupConfig,
) -> Claim | Left:
    def left(reason: str, *, failed: bool = False) -> Left:
        return Left(claim.namespace, claim.name, reason, failed)

    if claim.metadata.deletion_timestamp is not None:
        return left("it is being deleted")
    if claim.status.phase == "Lost":
        return left("its volume is lost", failed=True)
    if claim.status.phase != "Bound" or not claim.spec.volume_name:
        return left("it is not bound to a volume")
    if volume is None:
        return left(f"its volume {claim.spec.volume_name} is not there", failed=True)
    if volume.spec.csi is None:
        return left(f"volume {volume.name} is not of a CSI driver, and others have no snapshots")
    driver = volume.spec.csi.driver
    name, reason, failed = class_for(driver, classes, settings.snapshot_class)
    return Claim(claim.namespace, claim.name, driver, name, _facts(claim)) if name else left(reason, failed=failed)


def class_for(driver: str, classes: Iterable[SnapshotClass], configured: str | None) -> tuple[str, str, bool]:
    """The class for volumes of *driver*; or the reason why there is none, and whether that is to be mended.

    The configured class is for the volumes of its own driver; those of others have their driver's default.
    """
    fitting = [each for each in classes if each.driver == driver]
    if any(each.name == configured for each in fitting):
        return configured or "", "", False
    if not fitting:
        return "", f"no VolumeSnapshotClass is for its driver {driver}", False
    defaults = sorted(each.name for each in fitting if each.default)
    if len(defaults) == 1:
        return defaults[0], "", False
    if defaults:
        return "", f"driver {driver} has several default VolumeSnapshotClasses: {', '.join(defaults)}", True
    names = ", ".join(sorted(each.name for each in fitting))
    return "", f"driver {driver} has no default VolumeSnapshotClass, only {names}: annotate one, or set it", True


def _class_of(item: Mapping[str, Any]) -> SnapshotClass:
    meta = item["metadata"]
    annotations = meta.get("annotations") or {}
    return SnapshotClass(meta["name"], item.get("driver") or "", annotations.get(_DEFAULT) == "true")


def _facts(claim: PersistentVolumeClaim) -> dict[str, str]:
    size = claim.status.capacity.get("storage") or claim.spec.resources.requests.get("storage", "")
    known = {CLASS: claim.spec.storage_class_name or "", SIZE: size, MODE: claim.spec.volume_mode or "Filesystem"}
    return {key: value for key, value in known.items() if value}
