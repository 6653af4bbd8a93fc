"""The load balancer in front of the ingress controller: where the platform's hosts are reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hubops.clients.kube.writer import KubeWriter

#: The labels of ingress-nginx' own Service, in whichever namespace.
_LABELS = "app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller"


@dataclass(frozen=True)
class LoadBalancer:
    """A Service of the type LoadBalancer; `addresses` are IPs or, on AWS, names. None yet: the cloud makes it."""

    service: Mapping[str, Any]
    addresses: tuple[str, ...]

    @property
    def name(self) -> str:
        metadata = self.service["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    @property
    def port(self) -> int:
        """Where it takes TLS."""
        ports = self.service["spec"].get("ports") or []
        return int(next((each["port"] for each in ports if each.get("name") == "https"), 443))

    def age(self, offset: timedelta) -> timedelta:
        """How long the Service has been there; *offset* is that of the server's clock."""
        return datetime.now(UTC) + offset - datetime.fromisoformat(self.service["metadata"]["creationTimestamp"])


def front(cluster: KubeWriter) -> LoadBalancer | None:
    """The load balancer; None where the controller's Service is not there or of another type. Raises SourceError."""
    for item in cluster.find("v1", "Service", labels=_LABELS):
        if item["spec"].get("type") == "LoadBalancer":
            given = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            return LoadBalancer(item, tuple(each.get("ip") or each.get("hostname") for each in given))
    return None
