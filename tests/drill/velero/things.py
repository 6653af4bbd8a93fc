"""Objects of an application as an API server writes them, and what a restore makes of each without any loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hubops.drill.velero.objects import Key

Object = dict[str, Any]

SHOP, SCRATCH = "shop", "hubops-drill-shop-1"
MAPPING = {SHOP: SCRATCH}


def server_set(version: int) -> Object:
    """What a server writes into metadata."""
    return {
        "uid": f"uid-{version}", "resourceVersion": str(version), "generation": version,
        "creationTimestamp": f"2026-01-01T00:00:{version % 60:02}Z",
        "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {}}}],
    }  # fmt: skip


def thing(api_version: str, kind: str, name: str, **fields: Any) -> Object:
    metadata = {"namespace": SHOP, "name": name, **server_set(7), **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def template(**spec: Any) -> Object:
    container = {
        "name": "app", "image": "shop/cart:1.2", "imagePullPolicy": "IfNotPresent", "args": ["--serve", "--port=8080"],
        "env": [{"name": "DB", "value": "db.shop.svc"}, {"name": "MODE", "value": "fast"}],
        "ports": [{"containerPort": 8080, "protocol": "TCP", "name": "http"}], "resources": {"limits": {"cpu": "1"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "config", "mountPath": "/etc/more"}],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    }  # fmt: skip
    return {
        "metadata": {"labels": {"app": "cart"}, "annotations": {"team": "a"}, "creationTimestamp": None},
        "spec": {"containers": [container, {"name": "side", "image": "shop/side:3"}], "restartPolicy": "Always",
                 "securityContext": {}, "volumes": [{"name": "config", "configMap": {"name": "cart"}}], **spec},
    }  # fmt: skip


def application() -> dict[Key, Object]:
    """A dozen kinds, in the namespace SHOP."""
    selector = {"matchLabels": {"app": "cart"}}
    own = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "cart", "uid": "u", "controller": True}
    items = {
        "configmaps": [
            thing("v1", "ConfigMap", "cart", data={"app.conf": "a=1\n", "mode": "fast"}),
            thing("v1", "ConfigMap", "kube-root-ca.crt", data={"ca.crt": "old"}),
        ],
        "secrets": [thing("v1", "Secret", "db", type="Opaque", data={"password": "digest-1", "user": "digest-2"})],
        "serviceaccounts": [thing("v1", "ServiceAccount", "default"), thing("v1", "ServiceAccount", "cart")],
        "services": [
            thing("v1", "Service", "cart", spec={
                "type": "NodePort", "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "selector": {"app": "cart"},
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080, "protocol": "TCP"}],
                "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}),
            thing("v1", "Service", "peers", spec={"clusterIP": "None", "clusterIPs": ["None"],
                                                  "ports": [{"port": 9000}]}),
        ],
        "endpoints": [thing("v1", "Endpoints", "cart", subsets=[{"addresses": [{"ip": "10.1.0.4"}]}])],
        "deployments.apps": [
            thing("apps/v1", "Deployment", "cart", status={"replicas": 3},
                  metadata={"annotations": {"deployment.kubernetes.io/revision": "4", "note": "b"}},
                  spec={"replicas": 3, "selector": selector, "template": template(), "revisionHistoryLimit": 10}),
        ],
        "replicasets.apps": [thing("apps/v1", "ReplicaSet", "cart-5d9f", metadata={"ownerReferences": [own]},
                                   spec={"replicas": 3, "selector": selector, "template": template()})],
        "statefulsets.apps": [
            thing("apps/v1", "StatefulSet", "db", spec={
                "replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template(),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]},
                                          "status": {"phase": "Pending"}}]}),
        ],
        "persistentvolumeclaims": [
            thing("v1", "PersistentVolumeClaim", "data-db-0", status={"phase": "Bound"},
                  metadata={"annotations": {"pv.kubernetes.io/bind-completed": "yes", "team": "a",
                                            "volume.kubernetes.io/storage-provisioner": "csi.example.com"},
                            "finalizers": ["kubernetes.io/pvc-protection"]},
                  spec={"accessModes": ["ReadWriteOnce"], "volumeName": "pvc-1", "storageClassName": "fast",
                        "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"}),
        ],
        "jobs.batch": [
            thing("batch/v1", "Job", "import", metadata={"labels": {"controller-uid": "u1", "app": "import"}}, spec={
                "backoffLimit": 6, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}},
                "template": {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": "u1", "job-name": "import"}},
                             "spec": {"containers": [{"name": "i", "image": "shop/i:1"}], "restartPolicy": "Never"}}}),
            thing("batch/v1", "Job", "done", spec={}, status={"completionTime": "2026-01-01T00:00:00Z"}),
        ],
        "cronjobs.batch": [thing("batch/v1", "CronJob", "night", spec={"schedule": "0 3 * * *", "suspend": False})],
        "pods": [
            thing("v1", "Pod", "bare", status={"phase": "Running"}, spec={
                **template()["spec"], "nodeName": "worker-1", "priority": 0, "serviceAccountName": "default",
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                                 "tolerationSeconds": 300}, {"key": "gpu", "operator": "Exists"}]}),
        ],
        "rolebindings.rbac.authorization.k8s.io": [
            thing("rbac.authorization.k8s.io/v1", "RoleBinding", "cart", roleRef={"kind": "Role", "name": "cart"},
                  subjects=[{"kind": "ServiceAccount", "name": "cart", "namespace": SHOP},
                            {"kind": "ServiceAccount", "name": "prometheus", "namespace": "monitoring"},
                            {"kind": "User", "name": "anna", "apiGroup": "rbac.authorization.k8s.io"}]),
        ],
        "events": [thing("v1", "Event", "cart.1", message="started")],
        "widgets.example.com": [thing("example.com/v1", "Widget", "w", metadata={"finalizers": ["example.com/keep"]},
                                      spec={"size": 3, "ratio": 1.0, "parts": [{"key": "a", "n": 1}, {"key": "b"}],
                                            "flag": True, "password": "hidden"}, status={"seen": 3})],
    }  # fmt: skip
    return {Key(of, SHOP, each["metadata"]["name"]): each for of, found in items.items() for each in found}


def restored(original: Mapping[Key, Object], seed: int = 1) -> dict[Key, Object]:
    """What a restore into the scratch namespace makes of *original* where nothing is lost.

    As the real servers do it: tests/drill/velero/test_compare_real.py.
    """
    found = copy.deepcopy(dict(original))
    for ended in [
        key for key, item in found.items() if key.name == "done" or key.resource in ("events", "replicasets.apps")
    ]:
        del found[ended]
    for number, (key, item) in enumerate(found.items()):
        item.pop("status", None)
        metadata = {
            name: value for name, value in item["metadata"].items() if name not in ("managedFields", "selfLink")
        }
        metadata |= server_set(100 * seed + number) | {"namespace": SCRATCH}
        metadata["labels"] = metadata.get("labels", {}) | {"velero.io/backup-name": "b", "velero.io/restore-name": "r"}
        item["metadata"] = metadata
        _REMADE.get(key.resource, lambda _: None)(item)
    return found | _made_anew()


def _service(item: Object) -> None:
    if item["spec"]["clusterIP"] != "None":
        item["spec"] |= {"clusterIP": "10.0.9.9", "clusterIPs": ["10.0.9.9"]}
        item["spec"]["ports"][0]["nodePort"] = 31999


def _claim(item: Object) -> None:
    item["metadata"]["annotations"].pop("pv.kubernetes.io/bind-completed")
    item["spec"] |= {"volumeName": "pvc-2", "dataSource": {"kind": "VolumeSnapshot", "name": "velero-x"}}


def _job(item: Object) -> None:
    labels = {"batch.kubernetes.io/controller-uid": "u2", "controller-uid": "u2"}
    item["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": "u2"}}
    item["spec"]["template"]["metadata"]["labels"] |= labels


def _pod(item: Object) -> None:
    spec = item["spec"]
    spec |= {"nodeName": "worker-2", "priority": 1000}
    spec["volumes"] = [*spec["volumes"], {"name": "kube-api-access-x7", "projected": {}}]
    for container in spec["containers"]:
        mounts = container.get("volumeMounts", [])
        container["volumeMounts"] = [*mounts, {"name": "kube-api-access-x7", "mountPath": "/var/run/secrets"}]


def _binding(item: Object) -> None:
    item["subjects"][0]["namespace"] = SCRATCH


def _root(item: Object) -> None:
    if item["metadata"]["name"] == "kube-root-ca.crt":
        item["data"] = {"ca.crt": "new"}


def _deployment(item: Object) -> None:
    item["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"


_REMADE = {
    "services": _service, "persistentvolumeclaims": _claim, "jobs.batch": _job, "pods": _pod, "configmaps": _root,
    "rolebindings.rbac.authorization.k8s.io": _binding, "deployments.apps": _deployment,
}  # fmt: skip


def _made_anew() -> dict[Key, Object]:
    owner = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "cart-7f", "uid": "x", "controller": True}
    pod = thing("v1", "Pod", "cart-7f-abc", metadata={"ownerReferences": [owner]}, spec={})
    set_owner = owner | {"kind": "Deployment", "name": "cart"}
    replicas = thing("apps/v1", "ReplicaSet", "cart-7f", metadata={"ownerReferences": [set_owner]}, spec={})
    labels = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    slices = thing("discovery.k8s.io/v1", "EndpointSlice", "cart-x", metadata={"labels": labels})
    lease = thing("coordination.k8s.io/v1", "Lease", "leader")
    return {
        Key("pods", SHOP, "cart-7f-abc"): pod, Key("replicasets.apps", SHOP, "cart-7f"): replicas,
        Key("endpointslices.discovery.k8s.io", SHOP, "cart-x"): slices,
        Key("leases.coordination.k8s.io", SHOP, "leader"): lease,
    }  # fmt: skip
