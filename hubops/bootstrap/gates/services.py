"""The way from here to a server of a component: its Service, through the API server."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from hubops.bootstrap.gate import Installed, Verdict, untried
from hubops.clients.proxied import NoWay, PostingProxied
from hubops.errors import Retryable
from hubops.model.kube.core import Service
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.wellknown import Role, candidates

#: Seconds for one answer: longer than an API server tries to connect to a pod (30 s), so that its own words arrive.
PATIENCE = 40.0


def way_to(at: Installed, role: Role) -> PostingProxied:
    """The Service that is the *role* in the component's namespace. Raises Retryable where there is none yet."""
    namespace = at.rendered.component.namespace or ""
    listed = at.target.cluster.list(BY_PLURAL["services"], namespace=namespace)
    found = candidates(role, (each for each in listed if isinstance(each, Service)))
    if not found:
        raise Retryable(f"no Service in {namespace} has the labels of {role.capitalize()}")
    return way(at, namespace, found[0].service, found[0].port)


def way(at: Installed, namespace: str, service: str, port: str) -> PostingProxied:
    """The way to one port of a Service."""
    return PostingProxied(at.target.cluster.proxy(namespace, service, port), f"{namespace}/{service}:{port}")


def through_api_server(gate: Callable[[Installed], Verdict]) -> Callable[[Installed], Verdict]:
    """*gate*, which cannot be tried where the API server gets no connection to pods that are ready.

    Default deny does that where the network plugin holds the API server's own packets to it, which many do not.
    """

    @wraps(gate)
    def asked(at: Installed) -> Verdict:
        try:
            return gate(at)
        except NoWay as error:
            return untried(f"{error}; its pods are ready: a network policy or a firewall keeps the API server out")

    return asked
