"""What mounts a claim, and whether it can be stopped and started again by its number of replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hubops.clients.kube.writer import KubeWriter, Manifest

_SCALED = {"Deployment": "deployment", "StatefulSet": "statefulset", "ReplicaSet": "replicaset"}


@dataclass(frozen=True)
class User:
    """What runs pods that mount the claim. `replicas` is None for what cannot be scaled."""

    kind: str
    name: str
    replicas: int | None = None
    deletes_claims: bool = False  # a StatefulSet that deletes the claims of the replicas that it loses
    owner: str = ""  # what would scale it back

    @property
    def word(self) -> str:
        return f"{_SCALED.get(self.kind, self.kind.lower())}/{self.name}"


def users(cluster: KubeWriter, namespace: str, claim: str) -> Iterator[User]:
    """What runs the pods of *namespace* that mount *claim*, each once."""
    found: dict[str, User] = {}
    for pod in cluster.find("v1", "Pod", namespace):
        volumes = (pod.get("spec") or {}).get("volumes") or []
        if any((each.get("persistentVolumeClaim") or {}).get("claimName") == claim for each in volumes):
            user = _above(cluster, namespace, pod)
            found[user.word] = user
    yield from found.values()


def _above(cluster: KubeWriter, namespace: str, item: Manifest) -> User:
    """What keeps *item* running: the last of its controllers that can be scaled, or else itself."""
    kind, name = item["kind"], item["metadata"]["name"]
    owner: Mapping[str, Any] = next(
        (each for each in item["metadata"].get("ownerReferences") or [] if each.get("controller")), {}
    )
    if owner.get("kind") in _SCALED:
        above = {
            "apiVersion": "apps/v1",
            "kind": owner["kind"],
            "metadata": {"namespace": namespace, "name": owner["name"]},
        }
        if live := cluster.read(above):
            return _above(cluster, namespace, live)
    by = f"{owner['kind']} {owner['name']}" if owner else ""
    if kind not in _SCALED:
        return User(kind, name, owner=by)
    spec = item.get("spec") or {}
    retention = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled")
    return User(kind, name, spec.get("replicas", 1), deletes_claims=retention == "Delete", owner=by)
