"""host-dns-wrong: hosts of the platform that do not resolve, or to something else than its load balancer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from hubops.engine.probe import Undecided, probe
from hubops.engine.probes import evidence, hosts, ingresses, load_balancers
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.hosts import Host

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Networks that are only reached from inside: RFC 1918, RFC 6598, loopback, link-local, RFC 4193.
_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "::1/128",
        "fe80::/10",
        "fc00::/7",
    )
)


@probe(needs=("hosts", "services", "ingresses"), uses=("ingressclasses",))
def host_dns_wrong(view: View, *, addresses: tuple[str, ...]) -> Iterator[Hit]:
    """Hosts that do not resolve, or with an address that is not their load balancer's.

    The threshold `addresses` holds addresses and networks that are right as well: of a CDN, a WAF, a NAT. Only info
    where the host answers from elsewhere with a valid certificate. Public and private addresses are not held against
    each other: a NAT stands between them. Neither are hosts that only the proxy of this machine resolves. Raises
    Undecided where one of `addresses` is neither an address nor a network.
    """
    right = _networks(addresses)
    lost = [host for host in view.snapshot.hosts if host.failed == "resolve" and not host.unknown]
    every = len(lost) == len(view.snapshot.hosts)
    # Where none of them resolves it is their domain.
    for host, about, example in hosts.together(lost, lambda host: (host.reason, None if every else host.name)):
        yield _hit(host, f"does not resolve: {host.reason}", about=about, example=example)
    for host in view.snapshot.hosts:
        if host.addresses:
            yield from _elsewhere(view, host, right)


def _networks(texts: Iterable[str]) -> tuple[_Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise Undecided(f"with.addresses: {error}") from error


def _elsewhere(view: View, host: Host, right: tuple[_Network, ...]) -> Iterator[Hit]:
    given = _given(view, host)
    names = {name.lower() for name in given if not _parsed([name])}
    if host.canonical.lower() in names:
        return
    # The addresses of a load balancer with a name change, and never come all at once: one of them is enough.
    changing = _parsed(item for name in given for item in view.snapshot.load_balancers.get(name, ()))
    known, seen = _parsed(given) + changing, _parsed(host.addresses)
    compared = [item for item in seen if any(_alike(item, other) for other in known)]
    wrong = [item for item in compared if item not in known and not any(item in network for network in right)]
    if not wrong or any(item in changing for item in seen):
        return
    some = "also " if len(wrong) < len(compared) else ""
    words = f"resolves {some}to {_listed(wrong)}, and its load balancer is {', '.join(given[:3])}"
    fine = host.failed is None and host.status is not None and host.status < 500
    severity: Severity = "info" if fine and not some else "warning"
    yield _hit(host, words, about=hosts.reference(host), given=given, severity=severity)


def _given(view: View, host: Host) -> tuple[str, ...]:
    """Where the host should lead: what its own Ingresses were given, else every load balancer of the cluster."""
    own = [item for ingress in hosts.of_host(view, host.name) for item in ingresses.addresses(ingress)]
    if own:
        return tuple(dict.fromkeys(own))
    every = [item for ingress in ingresses.alive(view) for item in ingresses.addresses(ingress)]
    every += [item for service in view.objects.services for item in load_balancers.addresses(service)]
    return tuple(dict.fromkeys(every))


def _parsed(texts: Iterable[str]) -> list[_Address]:
    """Those of *texts* that are addresses; the others are names."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(text))
        except ValueError:
            continue
    return found


def _alike(one: _Address, other: _Address) -> bool:
    """Whether two addresses can be held against each other: of one family, and both inside or both outside."""
    return one.version == other.version and _inside(one) == _inside(other)


def _inside(address: _Address) -> bool:
    return any(address in network for network in _INSIDE)


def _listed(found: list[_Address]) -> str:
    return ", ".join(str(item) for item in found[:4])


def _hit(
    host: Host,
    words: str,
    *,
    about: Ref,
    given: tuple[str, ...] = (),
    severity: Severity | None = None,
    example: str | None = None,
) -> Hit:
    return Hit(
        ref=about,
        summary=evidence.bounded(words, 300),
        evidence=tuple(_evidence(host, given)),
        severity=severity,
        details=hosts.details(host),
        example=example,
    )


def _evidence(host: Host, given: tuple[str, ...]) -> Iterator[Evidence]:
    yield from hosts.shown(host)
    if given:
        yield evidence.fact(f"load balancer of the cluster: {', '.join(given[:5])}")
