"""What hubops has installed: one ConfigMap for each component in the namespace hubops.

It is written before anything of the component is, and again when all of it is there; so what a killed run left is known
to the next one, and what a component no longer has can be found and removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent

NAMESPACE = "hubops"
_LABEL = "hubops.io/component"
_DATA = "record.json"


class Ref(msgspec.Struct, frozen=True, order=True):
    """An object by its name."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def item(self) -> dict[str, Any]:
        """The object with nothing but its name."""
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}

    def key(self) -> tuple[str, str, str, str]:
        """What tells the object from others; the version of its API does not."""
        return self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One component, as it was installed, or was about to be."""

    component: str
    version: str = ""  # of the chart
    chart: str = ""
    release: str = ""  # namespace/name
    objects: tuple[Ref, ...] = ()  # of the manifests
    complete: bool = False  # all of it was applied, and its gates passed
    needs: tuple[str, ...] = ()


@dataclass
class Records:
    """The records of a cluster."""

    cluster: KubeWriter
    known: Mapping[str, Record] = field(default_factory=dict)

    def read(self) -> Mapping[str, Record]:
        """All records by component; none where hubops has installed nothing. Raises Permanent for a broken one."""
        try:
            maps = self.cluster.find("v1", "ConfigMap", NAMESPACE, _LABEL)
        except NotServed:
            return {}
        self.known = {record.component: record for record in map(_decoded, maps)}
        return self.known

    def write(self, record: Record) -> None:
        """Store *record* in place of the component's last one."""
        data = {_DATA: msgspec.json.encode(record).decode()}
        self.cluster.apply(_map(record.component) | {"data": data})
        self.known = {**self.known, record.component: record}

    def forget(self, component: str) -> None:
        """Remove the record of *component*."""
        self.cluster.delete(_map(component))
        self.known = {name: record for name, record in self.known.items() if name != component}


def refs(objects: Iterable[Mapping[str, Any]]) -> tuple[Ref, ...]:
    """The names of *objects*; each of a namespaced kind names its namespace itself."""
    named = ((each["apiVersion"], each["kind"], each["metadata"]) for each in objects)
    return tuple(sorted(Ref(version, kind, meta.get("namespace", ""), meta["name"]) for version, kind, meta in named))


def _map(component: str) -> dict[str, Any]:
    labels = {_LABEL: component, "app.kubernetes.io/managed-by": "hubops"}
    metadata = {"namespace": NAMESPACE, "name": f"component-{component}", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _decoded(item: Mapping[str, Any]) -> Record:
    try:
        return msgspec.json.decode((item.get("data") or {}).get(_DATA, ""), type=Record)
    except msgspec.DecodeError as error:
        name = f"{NAMESPACE}/{item['metadata']['name']}"
        raise Permanent(f"ConfigMap {name} is no record of hubops; delete it, and hubops looks anew") from error
