"""The Services of a cluster as discovery asks for them: listed once for all who ask."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from hubops.clients.http import Transport
from hubops.model.kube.core import Service
from hubops.model.kube.kinds import BY_PLURAL, Kind
from hubops.model.kube.meta import Object
from hubops.model.kube.networking import EndpointSlice


class Client(Protocol):
    """The part of the Kubernetes client that discovery uses."""

    def list(self, kind: Kind, *, namespace: str | None = None, labels: str = "") -> Sequence[Object]: ...

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str]) -> Transport: ...


class Directory:
    """May be asked from several threads. Raises what the client raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._services: tuple[Service, ...] | None = None

    def services(self) -> Sequence[Service]:
        """All Services."""
        with self._lock:
            if self._services is None:
                listed = self._client.list(BY_PLURAL["services"])
                self._services = tuple(item for item in listed if isinstance(item, Service))
            return self._services

    def is_ready(self, namespace: str, service: str) -> bool:
        """Whether the Service has a ready endpoint: without one the API server's proxy cannot reach it."""
        selector = f"kubernetes.io/service-name={service}"
        slices = self._client.list(BY_PLURAL["endpointslices"], namespace=namespace, labels=selector)
        found = (endpoint for item in slices if isinstance(item, EndpointSlice) for endpoint in item.endpoints or ())
        return any(endpoint.conditions.ready is not False for endpoint in found)  # the API leaves it out for a yes

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str]) -> Transport:
        """The way to the Service through the API server."""
        return self._client.proxy(namespace, service, port, headers)
