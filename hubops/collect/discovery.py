"""The way to Prometheus, Alertmanager and Loki: a configured URL, a configured Service, or one found by its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from hubops.clients.http import DirectTransport, Transport
from hubops.clients.proxied import Proxied
from hubops.config import EndpointConfig
from hubops.errors import ConfigError, Permanent, SourceError
from hubops.model.kube.core import Service
from hubops.model.snapshot import SWITCHED_OFF
from hubops.model.wellknown import Candidate, Role, candidates

#: "namespace/service:port" as Kubernetes writes it; "https:" before the service for one that speaks TLS.
_SERVICE = re.compile(r"([a-z0-9-]+)/((?:https?:)?[a-z0-9.-]+):([a-zA-Z0-9-]+)")
_CALLED: Mapping[Role, str] = {"prometheus": "Prometheus", "alertmanager": "Alertmanager", "loki": "Loki"}


class Cluster(Protocol):
    """What discovery asks of a cluster. Every method raises SourceError where it cannot be read."""

    def services(self) -> Sequence[Service]:
        """All Services."""
        ...

    def is_ready(self, namespace: str, service: str) -> bool:
        """Whether the Service has a ready endpoint."""
        ...

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str]) -> Transport:
        """The way to the Service through the API server."""
        ...


class Endpoint(msgspec.Struct, frozen=True):
    """The way to a server, and how it was found, for people."""

    transport: Transport
    via: str
    service: Candidate | None = None  # where it is reached through the API server


def locate(role: Role, config: EndpointConfig, cluster: Cluster) -> Endpoint:
    """The way to the *role*.

    Raises SourceError with what to do about it where there is none, ConfigError for a configuration that cannot be
    used, and ClusterUnreachable where the cluster would have to be asked.
    """
    if not config.enabled:
        raise Permanent(f"{SWITCHED_OFF} in the configuration ({role}.enabled: false)")
    if config.url:
        return Endpoint(DirectTransport(role, config), "configured url")
    _proxied(role, config)
    if config.service:
        chosen, how = _configured(role, config.service), "configured"
    else:
        chosen, how = _found(role, cluster)
    transport = cluster.proxy(chosen.namespace, chosen.service, chosen.port, _headers(config))
    return Endpoint(Proxied(transport, str(chosen), chosen.prefix), f"service proxy {chosen}, {how}", chosen)


def _found(role: Role, cluster: Cluster) -> tuple[Candidate, str]:
    advice = f"{role}.url or {role}.service in hubops.yaml says where it is, {role}.enabled: false that there is none"
    try:
        found = candidates(role, cluster.services())
    except SourceError as error:
        raise Permanent(f"{_CALLED[role]} cannot be looked for: {error}; {advice}") from error
    for candidate in found:
        if _may_be_ready(cluster, candidate):
            others = [str(other) for other in found if other != candidate]
            also = f" (also there: {', '.join(others[:3])}{', …' if others[3:] else ''})" if others else ""
            return candidate, f"found by its labels{also}"
    if found:
        raise Permanent(f"{found[0]} has no ready endpoint; {advice}")
    raise Permanent(f"not found: no Service has the labels of a known {_CALLED[role]}; {advice}")


def _may_be_ready(cluster: Cluster, candidate: Candidate) -> bool:
    """Whether the Service has a ready endpoint; where that is not shown to hubops, asking the Service will tell."""
    try:
        return cluster.is_ready(candidate.namespace, candidate.service)
    except SourceError:
        return True


def _configured(role: Role, text: str) -> Candidate:
    match = _SERVICE.fullmatch(text)
    if match is None:
        raise ConfigError(f"{role}.service: {text!r} is not namespace/name:port")
    namespace, service, port = match.groups()
    return Candidate(namespace, service, port)


def _proxied(role: Role, config: EndpointConfig) -> None:
    """Refuse what the way through the API server cannot carry, rather than leave it out in silence."""
    keys = ("basic", "bearer_file", "bearer_env", "ca_file", "cert_file", "key_file")
    if named := next((key for key in keys if getattr(config, key)), None):
        raise ConfigError(
            f"{role}.{named} needs {role}.url: the API server, through which Services are reached, does not pass it on"
        )


def _headers(config: EndpointConfig) -> dict[str, str]:
    return {**config.headers, **({"X-Scope-OrgID": config.tenant} if config.tenant else {})}
