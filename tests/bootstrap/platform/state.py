"""Everything that a cluster stores, without what servers, controllers and chance put into it, to be compared."""

from __future__ import annotations

import re
from typing import Any

from tests.testbed.api import Api, ApiError, concurrently
from tests.testbed.process import poll

Object = dict[str, Any]
State = dict[str, Object]
#: Made of others by controllers, or about no more than the moment.
_DERIVED = {"Event", "Endpoints", "EndpointSlice", "Lease", "Pod", "ReplicaSet", "ControllerRevision", "Node",
            "ComponentStatus", "PersistentVolume", "APIService", "NodeMetrics", "PodMetrics", "ClusterLogs", "CSINode",
            "PriorityLevelConfiguration", "FlowSchema", "VolumeAttachment", "IPAddress"}  # fmt: skip
_OF_SERVERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
#: What controllers note of their work, with numbers of their own.
_NOTES = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation",
          "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "prometheus-operator-input-hash",
          "volume.kubernetes.io/selected-node", "volume.kubernetes.io/storage-provisioner",
          "volume.beta.kubernetes.io/storage-provisioner")  # fmt: skip
_CHOSEN = ("clusterIP", "clusterIPs", "healthCheckNodePort", "volumeName")
_RELEASE = "helm.sh/release.v1"
#: The Prometheus Operator names each file of rules in its ConfigMaps after the uid of the PrometheusRule.
_UID = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\.yaml$)")


def stored(api: Api) -> State:
    """Each object by its kind, group, namespace and name. Of Secrets only the keys; of Helm's, none."""
    kinds: dict[tuple[str, str], str] = {}
    for version, kind in sorted(api.served()):
        group = version.rpartition("/")[0]
        kinds.setdefault((group, kind), version)
    wanted = [(kind, version) for (_, kind), version in kinds.items() if kind not in _DERIVED]
    found = {}
    for (kind, version), items in zip(wanted, concurrently(lambda each: _listed(api, *each), wanted), strict=True):
        for each in items:
            if each.get("type") != _RELEASE:
                metadata = each["metadata"]
                name = f"{kind}.{version.rpartition('/')[0]} {metadata.get('namespace', '')}/{metadata['name']}"
                found[name] = _cleared(each)
    return found


def releases(api: Api) -> dict[str, str]:
    """The state of the newest revision of each release, by namespace and name."""
    found = {}
    for each in sorted(
        api.list("Secret", labelSelector="owner=helm"), key=lambda e: int(e["metadata"]["labels"]["version"])
    ):
        labels = each["metadata"]["labels"]
        found[f"{each['metadata']['namespace']}/{labels['name']}"] = labels["status"]
    return found


def differences(before: State, after: State) -> list[str]:
    """What differs between two states, in a line each."""
    found = [f"- {name}" for name in before if name not in after] + [
        f"+ {name}" for name in after if name not in before
    ]
    for name in before:
        if name in after and before[name] != after[name]:
            found += [f"~ {name}: {each}" for each in _paths(before[name], after[name])]
    return sorted(found)


def _paths(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [each for key in keys for each in _paths(before.get(key), after.get(key), f"{path}.{key}")]
    return [] if before == after else [f"{path}: {before!r:.200} → {after!r:.200}"]


def _listed(api: Api, kind: str, version: str) -> list[Object]:
    found: list[Object] = []

    def answered() -> bool:
        try:
            found[:] = api.call("GET", api.path(kind, group=version))["items"]
        except ApiError as error:
            if error.status == 429:  # the storage of a new kind begins
                return False
            if error.status not in (404, 405):  # what is asked for and not stored, such as a TokenReview
                raise
        return True

    poll(answered, f"{kind} of {version} listed")
    return found


def _cleared(item: Object) -> Object:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _OF_SERVERS}
    metadata["annotations"] = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _NOTES
    }
    metadata["ownerReferences"] = [{**each, "uid": ""} for each in metadata.get("ownerReferences", [])]
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    if "data" in rest and "type" in rest:
        rest["data"] = sorted(rest["data"])
    elif isinstance(rest.get("data"), dict):
        rest["data"] = {_UID.sub("", key): value for key, value in rest["data"].items()}
    if isinstance(rest.get("spec"), dict):
        rest["spec"] = {key: value for key, value in rest["spec"].items() if key not in _CHOSEN}
        for port in rest["spec"].get("ports", []) if isinstance(rest["spec"].get("ports"), list) else []:
            if isinstance(port, dict):
                port.pop("nodePort", None)
    return {"metadata": metadata, **rest}
