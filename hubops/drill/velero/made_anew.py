"""Objects that nobody restores, or that are there whether they were restored or not: no side of a comparison.

What Kubernetes' own controllers make of other objects, what Velero never restores, and what every namespace gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubops.drill.velero.objects import Key

BY_CONTROLLERS = "made anew by controllers"
ENDED = "Pods and Jobs that had ended, which Velero does not restore"
BY_OTHERS = "made in the scratch namespaces by controllers of the site"
BY_VELERO = "never restored by Velero, or under another name"

_ALWAYS = frozenset({
    "events", "events.events.k8s.io", "leases.coordination.k8s.io", "controllerrevisions.apps",
    "csistoragecapacities.storage.k8s.io",
})  # fmt: skip
#: velero 1.18, pkg/controller/restore_controller.go (nonRestorableResources); snapshots get names of the restore's.
_NOT_BY_VELERO = frozenset({
    "backups.velero.io", "restores.velero.io", "resticrepositories.velero.io", "backuprepositories.velero.io",
    "volumesnapshots.snapshot.storage.k8s.io",
})  # fmt: skip
#: What a controller puts into every namespace: of Kubernetes, OpenShift, Istio.
_IN_EVERY_NAMESPACE = frozenset({
    ("configmaps", "kube-root-ca.crt"), ("configmaps", "openshift-service-ca.crt"),
    ("configmaps", "istio-ca-root-cert"),
})  # fmt: skip
#: As the same, but sites change them, so that they are compared where the backup holds them.
_USUAL = frozenset({
    ("serviceaccounts", "default"), ("serviceaccounts", "builder"), ("serviceaccounts", "deployer"),
    ("rolebindings.rbac.authorization.k8s.io", "system:deployers"),
    ("rolebindings.rbac.authorization.k8s.io", "system:image-builders"),
    ("rolebindings.rbac.authorization.k8s.io", "system:image-pullers"),
})  # fmt: skip
_OWNERS = frozenset({
    "Node", "Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob",
    "Service",
})  # fmt: skip
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_SLICES = "endpointslices.discovery.k8s.io"
_CLAIMS = "persistentvolumeclaims"


def why_not_compared(key: Key, item: Mapping[str, Any], others: Mapping[Key, Mapping[str, Any]]) -> str | None:
    """Why the object is on neither side of a comparison, None where it is; *others* are those around it."""
    if key.resource in _NOT_BY_VELERO:
        return BY_VELERO
    if _is_ended(key, item):
        return ENDED
    if _is_token(key, item):
        return BY_CONTROLLERS
    if key.resource in _ALWAYS or (key.resource, key.name) in _IN_EVERY_NAMESPACE:
        return BY_CONTROLLERS
    return BY_CONTROLLERS if _is_owned(key, item) or _is_of_endpoints(key, item, others) else None


def is_usual(key: Key, restored: Mapping[Key, Mapping[str, Any]]) -> bool:
    """Whether an object that the backup does not hold is there because a controller makes it in every namespace, or
    for a StatefulSet."""
    if (key.resource, key.name) in _USUAL:
        return True
    return key.resource == _CLAIMS and any(
        other.resource == "statefulsets.apps" and other.namespace == key.namespace and _is_claim_of(key, other, item)
        for other, item in restored.items()
    )


def _is_ended(key: Key, item: Mapping[str, Any]) -> bool:
    status = _map(item, "status")
    return (key.resource == "pods" and status.get("phase") in ("Succeeded", "Failed")) or (
        key.resource == "jobs.batch" and bool(status.get("completionTime"))
    )


def _is_token(key: Key, item: Mapping[str, Any]) -> bool:
    """Whether it is a Secret that was made for a ServiceAccount by itself (Kubernetes before 1.24, OpenShift)."""
    account = _map(item, "metadata", "annotations").get("kubernetes.io/service-account.name")
    if key.resource != "secrets" or not account:
        return False
    return key.name.startswith((f"{account}-token-", f"{account}-dockercfg-"))


def _is_owned(key: Key, item: Mapping[str, Any]) -> bool:
    """Whether a controller of Kubernetes owns it, or any controller that Pod; or it is a note of somebody about one.

    What a site's own controllers own is compared: in the drill nobody else may make it.
    """
    for owner in _map(item, "metadata").get("ownerReferences") or ():
        known = owner.get("kind") in _OWNERS and _is_built_in(owner.get("apiVersion", ""))
        if key.resource == _CLAIMS:
            known = owner.get("kind") == "Pod"  # all others hold data
        if (known and (owner.get("controller") or not _is_built_in(key.resource.partition(".")[2]))) or (
            key.resource == "pods" and owner.get("controller")
        ):
            return True
    return False


def _is_built_in(group: str) -> bool:
    """Of Kubernetes itself: "apps/v1", "v1", "batch", "networking.k8s.io"."""
    group = group.partition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _is_of_endpoints(key: Key, item: Mapping[str, Any], others: Mapping[Key, Mapping[str, Any]]) -> bool:
    metadata = _map(item, "metadata")
    if key.resource == _SLICES:
        return str(_map(metadata, "labels").get("endpointslice.kubernetes.io/managed-by", "")).endswith(".k8s.io")
    if key.resource not in ("endpoints", "configmaps"):
        return False
    if _LEADER in _map(metadata, "annotations"):
        return True
    service = others.get(Key("services", key.namespace, key.name))
    return key.resource == "endpoints" and service is not None and bool(_map(service, "spec").get("selector"))


def _is_claim_of(claim: Key, owner: Key, item: Mapping[str, Any]) -> bool:
    templates = _map(item, "spec").get("volumeClaimTemplates")
    for template in templates if isinstance(templates, list) else ():
        prefix = f"{_map({'of': template}, 'of', 'metadata').get('name')}-{owner.name}-"
        if claim.name.startswith(prefix) and claim.name.removeprefix(prefix).isdigit():
            return True
    return False


def _map(item: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The map at *names*; an empty one where there is none."""
    for name in names:
        found = item.get(name)
        item = found if isinstance(found, Mapping) else {}
    return item
