"""The platform's hosts, asked at the load balancer as a client would, before DNS knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, untried, waiting
from hubops.bootstrap.load_balancer import LoadBalancer, front
from hubops.clients.hosts import HostClient, resolve
from hubops.clients.kube.services import Directory
from hubops.model.hosts import Host

_TIMEOUT = 5.0  # seconds for a connection
#: A load balancer whose names and health checks are not done by then cannot be reached from here at all.
_NEW = timedelta(minutes=10)
_CANARY = "nginx.ingress.kubernetes.io/canary"


@dataclass(frozen=True)
class Route:
    """One host of an Ingress: its first path, and the Service that answers there."""

    host: str
    path: str
    service: str
    namespace: str
    ingress: Mapping[str, Any]


@dataclass
class Seen:
    """What the hosts did. `idle` are those of applications that are not there yet: hubops does not install them."""

    answered: int = 0
    problems: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    uncertified: list[str] = field(default_factory=list)


def hosts_answer(at: Installed) -> Verdict:
    """Every host answers with less than 500, without credentials, where its Service has a pod that could."""
    balancer = front(at.target.cluster)
    if balancer is None:
        return untried("the ingress controller has no load balancer of the cluster's whose hosts could be asked")
    if not balancer.addresses:
        return waiting(f"Service {balancer.name} has no address yet")
    new = balancer.age(at.target.cluster.clock_offset()) < _NEW
    address, problem = _address(balancer.addresses[0])
    if problem:
        return waiting(problem) if new else untried(f"{problem}, as far as this machine can tell")
    seen = Seen()
    for route in routes(at):
        _look(at, route, balancer, address, seen)
        if seen.unreached and not seen.answered:
            break  # the next ones would take as long
    return _verdict(seen, balancer, new)


def _verdict(seen: Seen, balancer: LoadBalancer, new: bool) -> Verdict:
    if seen.problems:
        more = f" and {len(seen.problems) - 1} more" if seen.problems[1:] else ""
        return waiting(seen.problems[0] + more)
    if seen.unreached:
        words = f"this machine cannot reach the load balancer: {seen.unreached[0]}"
        return waiting(words) if new else untried(words)
    where = f"{seen.answered} hosts answer at {', '.join(balancer.addresses)}"
    if seen.uncertified:
        return untried(f"{where}, but not yet with a certificate of their own: {', '.join(seen.uncertified)}")
    return untried(f"{where}; {'; '.join(seen.idle)}") if seen.idle else passed(where)


def routes(at: Installed) -> Iterator[Route]:
    """Each host once; of several Ingresses the first that is not the canary of another."""
    known = set()
    for item in at.rendered.objects():
        if item["kind"] != "Ingress" or (item["metadata"].get("annotations") or {}).get(_CANARY) == "true":
            continue
        for rule in item["spec"].get("rules") or []:
            if rule.get("host") and rule["host"] not in known:
                known.add(rule["host"])
                first = rule["http"]["paths"][0]
                path = first["path"] if first.get("pathType") != "ImplementationSpecific" else "/"
                service = first["backend"]["service"]["name"]
                yield Route(rule["host"], path, service, item["metadata"]["namespace"], item)


def _look(at: Installed, route: Route, balancer: LoadBalancer, address: str, seen: Seen) -> None:
    cluster = at.target.cluster
    if not Directory(cluster).is_ready(route.namespace, route.service):
        words = f"{route.host}: Service {route.namespace}/{route.service} has no ready pod yet"
        (seen.idle if route.namespace in at.site.applications else seen.problems).append(words)
        return
    live = cluster.read(dict(route.ingress)) or {}
    if not ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        name = f"{route.namespace}/{route.ingress['metadata']['name']}"
        seen.problems.append(f"{route.host}: the controller has not taken up Ingress {name} yet")
        return
    host = HostClient(timeout=_TIMEOUT, port=balancer.port).look_at(route.host, address, route.path)
    if host.unknown:
        seen.unreached.append(host.unknown)
    elif host.failed:
        seen.problems.append(f"{route.host}: {host.reason}")
    elif host.status is None or host.status >= 500:
        seen.problems.append(f"{route.host} answers {host.status}")
    else:
        seen.answered += 1
        if not _covers(host):
            seen.uncertified.append(route.host)


def _covers(host: Host) -> bool:
    """Whether the certificate is for the name, itself or by a wildcard in place of the first label."""
    names = host.certificate.names if host.certificate else ()
    return host.name in names or f"*.{host.name.partition('.')[2]}" in names


def _address(address: str) -> tuple[str, str]:
    """An IP address of the load balancer, and what is wrong where there is none."""
    found = resolve(address)
    if found.addresses:
        return found.addresses[0], ""
    return "", f"the load balancer's name {address} has no address: {found.problem}"
