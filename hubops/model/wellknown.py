"""Which Service is the Prometheus, the Alertmanager, the Loki of a cluster: by the labels of the charts they come from.

One table. Where several Services match, the earlier row wins; within a row one with a cluster address wins over a
headless one, then the namespace and the name decide, so that every run asks the same server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from hubops.model.kube.core import Service

Role = Literal["prometheus", "alertmanager", "loki"]
ROLES: tuple[Role, ...] = ("prometheus", "alertmanager", "loki")

_NAME = "app.kubernetes.io/name"
_COMPONENT = "app.kubernetes.io/component"


class Known(msgspec.Struct, frozen=True):
    """A Service as one chart or operator labels it: the ports that may carry the API, by name or number, best first."""

    labels: Mapping[str, str]
    ports: tuple[str | int, ...]
    prefix: str = ""  # before the paths of the API


_WEB = ("http-web", "web", 9090)
_VM_SELECT = "/select/0/prometheus"

KNOWN: Mapping[Role, tuple[Known, ...]] = {
    "prometheus": (
        Known({"app": "kube-prometheus-stack-prometheus"}, _WEB),
        Known({"app": "prometheus-operator-prometheus"}, _WEB),  # the chart before it was renamed
        Known({_NAME: "prometheus", _COMPONENT: "prometheus"}, _WEB),  # kube-prometheus
        Known({_NAME: "prometheus", _COMPONENT: "server"}, ("http", "http-web", 9090, 80)),  # chart prometheus
        Known({"app": "prometheus", "component": "server"}, ("http", 9090, 80)),  # the same, before version 20
        Known({_NAME: "prometheus"}, ("http-web", "web", "http", 9090)),
        Known({"operated-prometheus": "true"}, _WEB),
        Known({_NAME: "thanos", _COMPONENT: "query-frontend"}, ("http", 9090, 10902)),
        Known({_NAME: "thanos-query-frontend"}, ("http", 9090, 10902)),
        Known({_NAME: "thanos", _COMPONENT: "query"}, ("http", 9090, 10902)),
        Known({_NAME: "thanos-query"}, ("http", 9090, 10902)),
        Known({_NAME: "mimir", _COMPONENT: "gateway"}, ("http-metrics", "http-metric", "http", 80), "/prometheus"),
        Known({_NAME: "mimir", _COMPONENT: "nginx"}, ("http-metric", "http-metrics", "http", 80), "/prometheus"),
        Known({_NAME: "mimir", _COMPONENT: "query-frontend"}, ("http-metrics", 8080), "/prometheus"),
        Known({_NAME: "vmsingle"}, ("http", 8428, 8429)),
        Known({_NAME: "victoria-metrics-single", "app": "server"}, ("http", 8428)),
        Known({_NAME: "vmselect"}, ("http", 8481), _VM_SELECT),
        Known({_NAME: "victoria-metrics-cluster", "app": "vmselect"}, ("http", 8481), _VM_SELECT),
    ),
    "alertmanager": (
        Known({"app": "kube-prometheus-stack-alertmanager"}, ("http-web", "web", 9093)),
        Known({"app": "prometheus-operator-alertmanager"}, ("web", 9093)),
        Known({_NAME: "alertmanager"}, ("http-web", "web", "http", 9093)),
        Known({"app": "prometheus", "component": "alertmanager"}, ("http", 9093, 80)),
        Known({"operated-alertmanager": "true"}, ("http-web", "web", 9093)),
        Known({_NAME: "vmalertmanager"}, ("web", "http", 9093)),
        Known({_NAME: "mimir", _COMPONENT: "alertmanager"}, ("http-metrics", 8080), "/alertmanager"),
    ),
    "loki": (
        Known({_NAME: "loki", _COMPONENT: "gateway"}, ("http", "http-metrics", 80, 8080)),
        Known({_NAME: "loki-distributed", _COMPONENT: "gateway"}, ("http", 80)),
        Known({_NAME: "loki", _COMPONENT: "query-frontend"}, ("http-metrics", "http", 3100)),
        Known({_NAME: "loki-distributed", _COMPONENT: "query-frontend"}, ("http", "http-metrics", 3100)),
        Known({_NAME: "loki", _COMPONENT: "read"}, ("http-metrics", "http", 3100)),
        Known({_NAME: "loki", _COMPONENT: "single-binary"}, ("http-metrics", "http", 3100)),
        Known({_NAME: "loki-distributed", _COMPONENT: "querier"}, ("http", "http-metrics", 3100)),
        Known({_NAME: "loki", _COMPONENT: ""}, ("http-metrics", "http", 3100)),  # the single binary, older charts
        Known({"app": "loki"}, ("http-metrics", "http", 3100)),  # chart loki-stack
    ),
}  # fmt: skip


class Candidate(msgspec.Struct, frozen=True):
    """A Service that may be the one, and its port as the service proxy takes it."""

    namespace: str
    service: str
    port: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}:{self.port}"


def candidates(role: Role, services: Iterable[Service]) -> list[Candidate]:
    """The Services that may be the *role*, the best first."""
    found = []
    for service in services:
        for rank, known in enumerate(KNOWN[role]):
            port = _port(service, known) if _matches(service, known) else None
            if port is not None:
                headless = service.spec.cluster_ip == "None"
                order = (rank, headless, service.namespace, service.name)
                found.append((order, Candidate(service.namespace, service.name, port, known.prefix)))
                break
    return [candidate for _, candidate in sorted(found, key=lambda item: item[0])]


def _matches(service: Service, known: Known) -> bool:
    """Whether the labels are those of *known*; one that is empty there must be absent."""
    labels = service.metadata.labels
    return all(labels.get(name, "") == value for name, value in known.labels.items())


def _port(service: Service, known: Known) -> str | None:
    """The port of *service* that carries the API: its name, or its number where it has no name."""
    for wanted in known.ports:
        for port in service.spec.ports:
            if wanted in (port.name, port.port):
                return port.name or str(port.port)
    return None
