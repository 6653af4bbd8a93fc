"""The scratch namespaces that a backup is restored into: their names, what is made in each, what tells of them later.

What a drill makes carries its id as a label. The ConfigMap with its changes, in Velero's namespace, is made first and
removed last, and names the namespaces: while it is there, something may be left.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hubops.clients.kube.errors import AlreadyExists
from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import VeleroDrillConfig
from hubops.errors import ConfigError, Permanent

Manifest = dict[str, Any]

MANAGED = {"app.kubernetes.io/managed-by": "hubops"}
#: Label of all that a drill makes: its id.
MARK = "hubops.io/velero-drill"
#: Annotation of its ConfigMap: the names of its namespaces.
NAMESPACES = "hubops.io/velero-drill-namespaces"
#: What is made in each namespace is called so; objects of these kinds and this name are not the backup's.
NAME = "hubops-velero-drill"
MADE = frozenset({("networkpolicies.networking.k8s.io", NAME), ("resourcequotas", NAME)})

_LONGEST = 63
_PREFIX = 30
_DIGEST = 6
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ENFORCE = "pod-security.kubernetes.io/enforce"
#: Where the DNS of a cluster is: its own pods, OpenShift's, and the address of the cache on each node.
_DNS_SPACES = ("kube-system", "openshift-dns")
_DNS_CACHE = "169.254.20.10/32"


@dataclass(frozen=True)
class Scratch:
    """The namespaces of one drill: `mapping` leads to them from the original ones; `site` are the site's own labels."""

    id: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    site: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the Restore and of the ConfigMap."""
        return f"{NAME}-{self.id}"

    @property
    def labels(self) -> dict[str, str]:
        return {**self.site, "app.kubernetes.io/name": "hubops-drill", **MANAGED, MARK: self.id}

    def namespace(self, name: str, level: str) -> Manifest:
        """It lets pods be no more than what *level* of Pod Security allows."""
        pods = {_ENFORCE: level, f"{_ENFORCE}-version": "latest"}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**self.labels, **pods}}}

    def closed(self, namespace: str) -> Manifest:
        """Pods reach those of this drill and the DNS, and nobody else reaches them."""
        inside = {"namespaceSelector": {"matchLabels": {MARK: self.id}}}
        dns = {"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(_DNS_SPACES)},
        ]}}  # fmt: skip
        ports = [{"protocol": protocol, "port": port} for protocol in ("UDP", "TCP") for port in (53, 5353)]
        spec = {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [inside]}],
            "egress": [{"to": [inside]}, {"to": [dns, {"ipBlock": {"cidr": _DNS_CACHE}}], "ports": ports}],
        }
        return self._named("networking.k8s.io/v1", "NetworkPolicy", namespace) | {"spec": spec}

    def quota(self, namespace: str) -> Manifest:
        """No Service of these types comes about, whatever happens to the changes."""
        spec = {"hard": {"services.loadbalancers": "0", "services.nodeports": "0"}}
        return self._named("v1", "ResourceQuota", namespace) | {"spec": spec}

    def record(self, of: str, changes: str) -> Manifest:
        """The ConfigMap in the namespace *of* Velero: the changes are its only key, as Velero wants it."""
        item = self._named("v1", "ConfigMap", of)
        item["metadata"] |= {"name": self.name, "annotations": {NAMESPACES: ",".join(sorted(self.mapping.values()))}}
        return item | {"data": {"modifiers.json": changes}}

    def _named(self, api_version: str, kind: str, namespace: str) -> Manifest:
        metadata = {"namespace": namespace, "name": NAME, "labels": self.labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def checked(settings: VeleroDrillConfig) -> None:
    """Raises ConfigError for a prefix that cannot begin the name of a namespace."""
    if len(settings.prefix) > _PREFIX or not _LABEL.fullmatch(settings.prefix):
        said = f"is to be {_PREFIX} small letters, digits and hyphens at most"
        raise ConfigError(f"drill.velero.prefix: {settings.prefix!r} {said}")


def new(cluster: KubeWriter, settings: VeleroDrillConfig, namespaces: Sequence[str]) -> Scratch:
    """Names that no namespace of the cluster has, one for each of *namespaces*."""
    taken = {each["metadata"]["name"] for each in cluster.find("v1", "Namespace")}
    while True:
        own = _new_id()
        names = {each: name_of(settings.prefix, each, own) for each in namespaces}
        if not taken.intersection(names.values()):
            return Scratch(own, names, settings.labels)


def _new_id() -> str:
    return secrets.token_hex(4)


def name_of(prefix: str, namespace: str, own: str) -> str:
    """`<prefix>-<namespace>-<id>`; a namespace that is too long is cut, and told from others by a digest."""
    room = _LONGEST - len(prefix) - len(own) - 2
    if len(namespace) > room:
        digest = hashlib.sha256(namespace.encode()).hexdigest()[:_DIGEST]
        namespace = f"{namespace[: room - _DIGEST - 1].rstrip('-')}-{digest}"
    return f"{prefix}-{namespace}-{own}"


def make(cluster: KubeWriter, scratch: Scratch, of: str, changes: str) -> None:
    """Make the ConfigMap in the namespace *of* Velero, and then the namespaces, closed before anything is in them.

    Raises Permanent in the words of whoever refuses, and where a namespace of that name came about meanwhile.
    """
    _made(cluster, scratch, scratch.record(of, changes))
    for original, name in scratch.mapping.items():
        _made(cluster, scratch, scratch.namespace(name, _level(cluster, original)))
        for item in (scratch.closed(name), scratch.quota(name)):
            _made(cluster, scratch, item)


def _level(cluster: KubeWriter, original: str) -> str:
    """As the original namespace has it, and at least baseline: nothing that is restored has the run of a node."""
    live = cluster.metadata({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": original}})
    said = ((live or {}).get("metadata", {}).get("labels") or {}).get(_ENFORCE)
    return "restricted" if said == "restricted" else "baseline"


def _made(cluster: KubeWriter, scratch: Scratch, item: Manifest) -> None:
    with suppress(AlreadyExists):
        cluster.create(item)
        return
    live = cluster.metadata(item)  # asked for twice where the first answer was lost
    if not live or not is_own(live, scratch.id):
        name = item["metadata"]["name"]
        raise Permanent(f"{item['kind']} {name} is there already and does not belong to this drill")


def is_own(item: Mapping[str, Any], of: str) -> bool:
    """Whether the drill *of* that id made it."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(MARK) == of and MANAGED.items() <= labels.items()
