"""How the volumes of a drill come back, as the backup has them; and which claims get none of their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import VeleroDrillConfig
from hubops.drill.velero.objects import Key, Object
from hubops.drill.velero.scope import Scope
from hubops.model.velero import VolumeInfo

Claim = tuple[str, str]  # namespace and name

CLAIMS = "persistentvolumeclaims"
_NATIVE, _CSI, _FILES = "NativeSnapshot", "CSISnapshot", "PodVolumeBackup"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_RESTORE_HOOKS = ("post.hook.restore.velero.io/command", "init.hook.restore.velero.io/container-image")


@dataclass(frozen=True)
class Volumes:
    """What a Restore has to include for them, and what comes back without its data.

    bound   claims whose PersistentVolume is restored with them
    empty   claims that come back empty, each with the reason
    """

    scope: Scope
    bound: frozenset[Claim] = frozenset()
    empty: Mapping[Claim, str] = field(default_factory=dict)


def volumes(original: Mapping[Key, Object], infos: Sequence[VolumeInfo], settings: VeleroDrillConfig) -> Volumes:
    """How the claims of *original* come back, of which the backup says *infos*."""
    claims = {(key.namespace, key.name) for key in original if key.resource == CLAIMS}
    held = {(each.pvc_namespace, each.pvc_name): each.backup_method for each in infos if _is_held(each)}
    methods = {claim: held[claim] for claim in claims if claim in held} if settings.volumes else {}
    # Velero restores the PersistentVolume of a claim that has no snapshot as it was: the original's own storage, which
    # two would write to then. So they come back only where none of that kind is among them.
    native = frozenset(claim for claim, method in methods.items() if method == _NATIVE)
    volumes_too = bool(native) and set(methods) == claims
    hooks = any(key.resource == "pods" and _has_hook(item) for key, item in original.items())
    pods = settings.workloads and (_FILES in methods.values() or hooks)
    scope = Scope(custom=settings.custom_resources, pods=pods, snapshots=_CSI in methods.values(), volumes=volumes_too)
    empty = dict(_empty(claims, methods, scope, settings))
    return Volumes(scope, native if volumes_too else frozenset(), empty)


def _empty(
    claims: set[Claim],
    methods: Mapping[Claim, str],
    scope: Scope,
    settings: VeleroDrillConfig,
) -> Iterator[tuple[Claim, str]]:
    for claim in sorted(claims):
        method = methods.get(claim)
        if not settings.volumes:
            yield claim, "drill.velero.volumes is false"
        elif method is None:
            yield claim, "the backup does not hold its volume"
        elif method == _FILES and not scope.pods:
            yield claim, "Velero writes its files in a pod only, and drill.velero.workloads is false"
        elif method == _NATIVE and not scope.volumes:
            yield claim, "Velero would restore volumes beside it that the backup does not hold as the originals' own"


def _is_held(info: VolumeInfo) -> bool:
    return bool(info.backup_method) and not info.skipped and info.result != "failed"


def _has_hook(pod: Mapping[str, Any]) -> bool:
    annotations = pod["metadata"].get("annotations") or {}
    return any(each in annotations for each in _RESTORE_HOOKS)


def taken_classes(cluster: KubeWriter) -> frozenset[str]:
    """Storage classes in which a new claim would take a volume that is there, in place of getting one of its own."""
    static = {
        each["metadata"]["name"]
        for each in cluster.find("storage.k8s.io/v1", "StorageClass")
        if each.get("provisioner") == _NO_PROVISIONER
    }
    free = {
        each["spec"].get("storageClassName") or ""
        for each in cluster.find("v1", "PersistentVolume")
        if not each["spec"].get("claimRef") and (each.get("status") or {}).get("phase") in (None, "", "Available")
    }
    return frozenset(static | free)
