"""A large cluster at rest, for benchmarks: nodes, pods and what belongs to them, as real ones would be stored.

The objects go straight into etcd: the API server of a bare testbed reads them there like those that it wrote itself.
Writing them through the API takes minutes.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.testbed.api import Object, now
from tests.testbed.objects import app_labels, meta
from tests.testbed.static_pod import pod, pod_spec

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

Entry = tuple[str, Object]
NAMESPACES = 50
REPLICAS = 5
AGE = dt.timedelta(days=20)

_PATHS = {
    "Node": "minions",
    "Service": "services/specs",
    "EndpointSlice": "endpointslices",
}
_MANAGERS = {"Pod": "kubelet", "Node": "kubelet", "Service": "helm", "Deployment": "helm"}


def fields_v1(value: Any) -> Any:
    """The managedFields of a manager that set all of *value*."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_v1(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and ("name" in value[0] or "type" in value[0]):
        key = "name" if "name" in value[0] else "type"
        return {f'k:{{"{key}":"{item.get(key)}"}}': {".": {}, **fields_v1(item)} for item in value}
    return {}


def stored(obj: Object) -> Entry:
    """*obj* as the API server would store it: with a uid, an age and managedFields."""
    kind, metadata = obj["kind"], obj["metadata"]
    identity = "/".join(filter(None, (kind, metadata.get("namespace"), metadata["name"])))
    labels = {key: metadata[key] for key in ("labels", "annotations") if key in metadata}
    parts = [("Update", "spec", {"metadata": labels, "spec": obj.get("spec", {})})]
    if "status" in obj:
        parts.append(("Update", "status", {"status": obj["status"]}))
    metadata |= {
        "uid": str(uuid.uuid5(uuid.NAMESPACE_OID, identity)),
        "creationTimestamp": now(AGE),
        "managedFields": [
            {
                "manager": _MANAGERS.get(kind, "kube-controller-manager"),
                "operation": operation,
                "apiVersion": obj["apiVersion"],
                "time": now(AGE),
                "fieldsType": "FieldsV1",
                "fieldsV1": fields_v1(owned),
                **({"subresource": "status"} if part == "status" else {}),
            }
            for operation, part, owned in parts
        ],
    }
    path = _PATHS.get(kind, f"{kind.lower()}s")
    space = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"/registry/{path}/{space}{metadata['name']}", obj


def _uid(kind: str, namespace: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{namespace}/{name}"))


def _owned_by(kind: str, namespace: str, name: str) -> list[Object]:
    return [
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "name": name,
            "uid": _uid(kind, namespace, name),
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def node(index: int) -> Object:
    name = f"node-{index:04}"
    zone = f"eu-west-1{'abc'[index % 3]}"
    ok = {"lastHeartbeatTime": now(), "lastTransitionTime": now(AGE)}
    conditions = [
        {"type": kind, "status": "False", "reason": f"KubeletHasNo{kind}", "message": f"kubelet has no {kind}", **ok}
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    conditions.append({"type": "Ready", "status": "True", "reason": "KubeletReady",
                       "message": "kubelet is posting ready status", **ok})  # fmt: skip
    images = [
        {"names": [f"registry.example.com/team/app-{n}@sha256:{n:064x}", f"registry.example.com/team/app-{n}:1.{n}.0"],
         "sizeBytes": 50_000_000 + n} for n in range(40)
    ]  # fmt: skip
    room = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "200Gi"}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": "m6i.4xlarge",
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": zone,
    }
    info = {"architecture": "amd64", "bootID": str(index), "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.8.0-1021-aws", "kubeProxyVersion": "", "kubeletVersion": "v1.36.3",
            "machineID": str(index), "operatingSystem": "linux", "osImage": "Ubuntu 24.04.3 LTS",
            "systemUUID": str(index)}  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(None, name, labels),
        "spec": {"providerID": f"aws:///{zone}/i-{index:017x}"},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": f"10.{index // 250}.{index % 250}.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": info,
            "images": images,
        },
    }


def workload(namespace: str, name: str, replicas: int) -> Iterator[Object]:
    """A Deployment with its ReplicaSet and Service; pods and endpoints come apart."""
    labels = app_labels(name)
    hashed = f"{name}-5d5f8c7b9d"
    template = {"metadata": {"labels": labels}, "spec": pod_spec(namespace, name)}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    counts = {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1}
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": "", "lastUpdateTime": now(AGE),
         "lastTransitionTime": now(AGE)}
        for kind, reason in (("Available", "MinimumReplicasAvailable"), ("Progressing", "NewReplicaSetAvailable"))
    ]  # fmt: skip
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(namespace, name, labels, generation=1),
        "spec": spec,
        "status": {**counts, "updatedReplicas": replicas, "conditions": conditions},
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta(
            namespace, hashed, labels, generation=1, ownerReferences=_owned_by("Deployment", namespace, name)
        ),
        "spec": spec,
        "status": counts,
    }
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(namespace, name, labels),
        "spec": {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"], "ports": ports,
                 "selector": {"app": name}, "sessionAffinity": "None", "ipFamilies": ["IPv4"],
                 "ipFamilyPolicy": "SingleStack"},
        "status": {"loadBalancer": {}},
    }  # fmt: skip


def endpoints(namespace: str, name: str, pods: list[Object]) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta(namespace, f"{name}-x7k2p", {"kubernetes.io/service-name": name}),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [each["status"]["podIP"]],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": each["spec"]["nodeName"],
                "targetRef": {"kind": "Pod", "namespace": namespace, "name": each["metadata"]["name"]},
            }
            for each in pods
        ],
    }


def claim(namespace: str, name: str) -> Iterator[Object]:
    bound = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast-ssd", "volumeMode": "Filesystem"}
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta(namespace, name),
        "spec": {**spec, "resources": {"requests": {"storage": "20Gi"}}, "volumeName": f"pvc-{namespace}-{name}"},
        "status": {"phase": "Bound", **bound},
    }
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": meta(None, f"pvc-{namespace}-{name}"),
        "spec": {**spec, "capacity": {"storage": "20Gi"}, "persistentVolumeReclaimPolicy": "Delete",
                 "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name,
                              "uid": _uid("PersistentVolumeClaim", namespace, name)},
                 "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{name}"}},
        "status": {"phase": "Bound"},
    }  # fmt: skip


def event(about: Object) -> Object:
    """The readiness probe of a pod failed a few times, long enough ago."""
    metadata = about["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(metadata["namespace"], f"{metadata['name']}.18ea9951"),
        "involvedObject": {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"]},
        "reason": "Unhealthy",
        "message": "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "type": "Warning",
        "source": {"component": "kubelet", "host": about["spec"]["nodeName"]},
        "firstTimestamp": now(dt.timedelta(minutes=50)),
        "lastTimestamp": now(dt.timedelta(minutes=49)),
        "count": 3,
    }


def objects(nodes: int, pods: int, broken: int) -> Iterator[Object]:
    """Everything; the first *broken* pods, all of one Deployment, crash on start."""
    yield from (node(index) for index in range(nodes))
    spaces = [f"team-{index:02}" for index in range(NAMESPACES)]
    for space in spaces:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, space, {"team": space}),
               "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}  # fmt: skip
    made = number = 0
    while made < pods:
        replicas = min(broken if number == 0 and broken else REPLICAS, pods - made)
        namespace, name = spaces[number % NAMESPACES], f"service-{number:04}"
        yield from workload(namespace, name, replicas)
        owner = _owned_by("ReplicaSet", namespace, f"{name}-5d5f8c7b9d")
        mine = [
            pod(namespace, name, made + index, f"node-{(made + index) % nodes:04}", owner, made + index < broken)
            for index in range(replicas)
        ]
        yield endpoints(namespace, name, mine)
        if number % 4 == 0:
            yield event(mine[0])
            yield from claim(namespace, f"{name}-data")
        yield from mine
        made, number = made + replicas, number + 1


def write(bed: Testbed, nodes: int = 1000, pods: int = 10_000, broken: int = 0) -> Counter[str]:
    """Fill a bare testbed; returns how many of each kind there are now."""
    counts: Counter[str] = Counter()

    def entries() -> Iterator[Entry]:
        for obj in objects(nodes, pods, broken):
            counts[obj["kind"]] += 1
            yield stored(obj)

    bed.store.put(entries())
    return counts


def timed(bed: Testbed, nodes: int, pods: int, broken: int) -> str:
    began = time.monotonic()
    counts = write(bed, nodes, pods, broken)
    listed = ", ".join(f"{count} {kind}s" for kind, count in sorted(counts.items()))
    return f"wrote {listed} in {time.monotonic() - began:.0f} s"
