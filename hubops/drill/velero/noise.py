"""What of an object says nothing about its restore: what servers set, and what Velero itself sets or takes away.

Velero's part is that of its restore actions (velero 1.18, pkg/restore and pkg/restore/actions). Both sides of the
comparison are cleaned in the same way; neither object is altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hubops.drill.velero.objects import Key, Object

_METADATA = frozenset({
    "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionGracePeriodSeconds", "selfLink",
    "managedFields", "generateName",
    "ownerReferences",  # Velero restores none; controllers adopt what is theirs
})  # fmt: skip
_LABELS = frozenset({
    "velero.io/backup-name", "velero.io/restore-name", "velero.io/backup-uid", "velero.io/restore-uid",
    "velero.io/volume-snapshot-name",
    "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since",
})  # fmt: skip
_ANNOTATIONS = frozenset({
    # of controllers
    "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation",
    "endpoints.kubernetes.io/last-change-trigger-time", "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-resizer", "pv.kubernetes.io/migrated-to",
    "autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics",
    "kubernetes.io/service-account.uid",
    "openshift.io/internal-registry-pull-secret-ref", "field.cattle.io/publicEndpoints", "cattle.io/timestamp",
    "cattle.io/status", "cloud.google.com/neg", "cloud.google.com/neg-status",
    # of `kubectl rollout restart`
    "kubectl.kubernetes.io/restartedAt",
    # of Velero
    "velero.io/volume-snapshot-name", "velero.io/data-upload-name", "velero.io/csi-volumesnapshot-handle",
    "velero.io/csi-volumesnapshot-restore-size", "velero.io/csi-driver-name", "velero.io/csi-vsc-deletion-policy",
    "backup.velero.io/must-include-additional-items", "restore.velero.io/must-include-additional-items",
    "backup.velero.io/skipped-no-csi-pv",
})  # fmt: skip
#: Of pods: what network plugins note about the one that runs.
_POD_ANNOTATIONS = ("cni.projectcalico.org/", "k8s.v1.cni.cncf.io/network-status", "k8s.ovn.org/pod-networks",
                    "kubernetes.io/config.")  # fmt: skip
#: What controllers put there to be asked before the object goes.
_FINALIZERS = frozenset({
    "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "service.kubernetes.io/load-balancer-cleanup",
    "batch.kubernetes.io/job-tracking", "foregroundDeletion", "orphan",
    "snapshot.storage.kubernetes.io/pvc-as-source-protection",
})  # fmt: skip
_JOB_UID = frozenset({"controller-uid", "batch.kubernetes.io/controller-uid"})
_WAITING = frozenset({"restore-wait", "restic-wait"})  # init containers of Velero that wait for the files of volumes
_TOKEN = "kubernetes.io/service-account-token"
_NODE_TROUBLE = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


def cleaned(key: Key, item: Mapping[str, Any]) -> Object:
    """*item* without what is noise in objects of its resource."""
    kept: Object = {name: value for name, value in item.items() if name not in ("apiVersion", "kind", "status")}
    kept["metadata"] = _metadata(kept.get("metadata"))
    special = _SPECIAL.get(key.resource)
    return special(kept) if special else kept


def is_of_velero(item: Mapping[str, Any]) -> bool:
    """Whether a restore has made the object."""
    return "velero.io/restore-name" in _mapping(_mapping(item.get("metadata")).get("labels"))


def mapped(key: Key, item: Mapping[str, Any], mapping: Mapping[str, str]) -> Object:
    """*item* of the backup with the namespaces that Velero puts in place of others within objects.

    These are the subjects of RoleBindings, and no other reference: neither hosts in variables, nor selectors of
    namespaces, nor what custom resources refer to.
    """
    if key.resource != "rolebindings.rbac.authorization.k8s.io":
        return dict(item)
    subjects = [
        each | {"namespace": mapping.get(each["namespace"], each["namespace"])} if "namespace" in each else each
        for each in _items(item.get("subjects"))
    ]
    return {**item, "subjects": subjects} if subjects else dict(item)


def _metadata(metadata: Any) -> Object:
    kept = {name: value for name, value in _mapping(metadata).items() if name not in _METADATA}
    _without(kept, "labels", lambda name: name in _LABELS)
    _without(kept, "annotations", lambda name: name in _ANNOTATIONS)
    finalizers = [each for each in kept.pop("finalizers", None) or () if each not in _FINALIZERS]
    return kept | ({"finalizers": finalizers} if finalizers else {})


def _without(holder: Object, field: str, is_noise: Callable[[str], bool]) -> None:
    """Drop keys from the map at *field* of *holder*, which has one then: an empty map says no more than none."""
    holder[field] = {name: value for name, value in _mapping(holder.get(field)).items() if not is_noise(name)}


def _mapping(value: Any) -> Object:
    return dict(value) if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Object]:
    """The objects in a list; whatever else is there is kept out of harm's way."""
    return [dict(each) for each in value or () if isinstance(each, Mapping)] if isinstance(value, list) else []


def _but(spec: Object, names: Iterable[str]) -> Object:
    gone = frozenset(names)
    return {name: value for name, value in spec.items() if name not in gone}


def _service(item: Object) -> Object:
    spec = _but(_mapping(item.get("spec")), ("clusterIPs", "healthCheckNodePort"))
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
    if ports := spec.get("ports"):
        spec["ports"] = [_but(each, ("nodePort",)) for each in _items(ports)]
    return item | {"spec": spec}


def _claim(item: Object) -> Object:
    # Where the data came from: with Velero's snapshots another source each time.
    spec = _but(_mapping(item.get("spec")), ("volumeName", "dataSource", "dataSourceRef"))
    selector = _mapping(spec.pop("selector", None))
    _without(selector, "matchLabels", lambda name: name == "velero.io/dynamic-pv-restore")
    return item | {"spec": spec | {"selector": selector}}


def _job(item: Object) -> Object:
    spec = _mapping(item.get("spec"))
    selector = _mapping(spec.pop("selector", None))
    _without(selector, "matchLabels", lambda name: name in _JOB_UID)
    template = _mapping(spec.get("template"))
    template["metadata"] = _mapping(template.get("metadata"))
    for metadata in (item["metadata"], template["metadata"]):
        _without(metadata, "labels", lambda name: name in _JOB_UID)
    return item | {"spec": spec | {"selector": selector, "template": template}}


def _templated(item: Object) -> Object:
    spec = _mapping(item.get("spec"))
    template = _mapping(spec.get("template"))
    template["metadata"] = _metadata(template.get("metadata"))
    return item | {"spec": spec | {"template": template}}


def _stateful(item: Object) -> Object:
    item = _templated(item)
    spec = item["spec"]
    if claims := _items(spec.get("volumeClaimTemplates")):
        spec["volumeClaimTemplates"] = [_but(each, ("status", "apiVersion", "kind")) for each in claims]
    return item


def _account(item: Object) -> Object:
    """Its tokens, and what OpenShift makes for its registry, are made anew."""
    own = tuple(f"{item['metadata'].get('name')}-{kind}-" for kind in ("token", "dockercfg"))
    for field in ("secrets", "imagePullSecrets"):
        kept = [each for each in _items(item.pop(field, None)) if not str(each.get("name", "")).startswith(own)]
        item |= {field: kept} if kept else {}
    return item


def _secret(item: Object) -> Object:
    if item.get("type") != _TOKEN:
        return item
    item = dict(item)
    _without(item, "data", lambda name: name in ("token", "ca.crt"))
    return item


def _pod(item: Object) -> Object:
    _without(item["metadata"], "annotations", lambda name: name.startswith(_POD_ANNOTATIONS))
    spec = _but(_mapping(item.get("spec")), ("nodeName", "priority", "serviceAccount"))
    prefixes = ("kube-api-access-", f"{spec.get('serviceAccountName', 'default')}-token-")
    for field in ("containers", "initContainers"):
        containers = [_without_token(each, prefixes) for each in _items(spec.get(field))]
        spec[field] = [each for each in containers if each.get("name") not in _WAITING]
    spec["volumes"] = [each for each in _items(spec.get("volumes")) if not _named(each, prefixes)]
    spec["tolerations"] = [each for each in _items(spec.get("tolerations")) if not _of_admission(each)]
    return item | {"spec": spec}


def _without_token(container: Object, prefixes: tuple[str, ...]) -> Object:
    mounts = [each for each in _items(container.get("volumeMounts")) if not _named(each, prefixes)]
    return container | {"volumeMounts": mounts}


def _named(item: Object, prefixes: tuple[str, ...]) -> bool:
    return str(item.get("name", "")).startswith(prefixes)


def _of_admission(toleration: Object) -> bool:
    """Whether it is one of those that every pod gets (DefaultTolerationSeconds)."""
    return toleration.get("key") in _NODE_TROUBLE and toleration.get("tolerationSeconds") == 300


_SPECIAL: Mapping[str, Callable[[Object], Object]] = {
    "services": _service,
    "persistentvolumeclaims": _claim,
    "jobs.batch": _job,
    "deployments.apps": _templated,
    "daemonsets.apps": _templated,
    "replicasets.apps": _templated,
    "replicationcontrollers": _templated,
    "statefulsets.apps": _stateful,
    "serviceaccounts": _account,
    "secrets": _secret,
    "pods": _pod,
}
