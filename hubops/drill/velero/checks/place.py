"""Where a check is to be tried: a pod that is ready, by its name, its labels or its Service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent

_READY = "Ready"


class NotPassed(Permanent):
    """What was tried did not come to what it was to come to; the words say what came instead."""


@dataclass(frozen=True)
class Place:
    """A scratch namespace, and what it was restored from."""

    cluster: KubeWriter
    namespace: str
    original: str


def pod(place: Place, wanted: str) -> tuple[str, str]:
    """The name of the pod *wanted*, and of the container that commands are for unless somebody says another.

    It is the pod of that name, or the first that is ready of those with such labels ("app=postgres"). Raises NotPassed
    where there is none, or none that is ready.
    """
    if "=" in wanted:
        found = place.cluster.find("v1", "Pod", place.namespace, wanted)
    else:
        bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": place.namespace, "name": wanted}}
        found = [live] if (live := place.cluster.read(bare)) else []
    if not found:
        raise NotPassed(f"there is no pod {wanted}")
    ready = sorted((str(each["metadata"]["name"]), _container(each)) for each in found if _is_ready(each))
    if not ready:
        raise NotPassed(f"no pod {wanted} is ready")
    return ready[0]


def _container(item: dict[str, Any]) -> str:
    """As kubectl takes it: the annotated one, or the first."""
    marked = (item["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    return str(marked or item["spec"]["containers"][0]["name"])


def port(place: Place, where: str) -> tuple[str, int]:
    """The pod and the port of it that "service:port" leads to; the port of the Service by its number or name.

    Raises NotPassed where there is no such Service or port, or no pod behind it that is ready.
    """
    service, _, wanted = where.rpartition(":")
    bare = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": place.namespace, "name": service}}
    live = place.cluster.read(bare)
    if live is None:
        raise NotPassed(f"there is no Service {service}")
    ports = [each for each in live["spec"].get("ports") or () if each.get("protocol", "TCP") == "TCP"]
    names = [each.get("name", "") for each in ports if wanted in (str(each["port"]), each.get("name"))]
    if not names:
        raise NotPassed(f"the Service {service} has no port {wanted}")
    slices = place.cluster.find(
        "discovery.k8s.io/v1", "EndpointSlice", place.namespace, f"kubernetes.io/service-name={service}"
    )
    targets = sorted(target for each in slices for target in _targets(each, names[0]))
    if not targets:
        raise NotPassed(f"the Service {service} leads to no pod that is ready")
    return targets[0]


def _targets(item: dict[str, Any], name: str) -> list[tuple[str, int]]:
    """The pods of one EndpointSlice that are ready (the API leaves it out for a yes), with the port that has *name*."""
    ports = [each["port"] for each in item.get("ports") or () if (each.get("name") or "") == name and each.get("port")]
    ready = [each for each in item.get("endpoints") or () if (each.get("conditions") or {}).get("ready") is not False]
    pods = [target["name"] for each in ready if (target := each.get("targetRef") or {}).get("kind") == "Pod"]
    return [(each, number) for each in pods for number in ports[:1]]


def _is_ready(item: dict[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions") or ()
    return any(each["type"] == _READY and each["status"] == "True" for each in conditions)
