"""The DNS records that lead the platform's hosts to its load balancer, as lines of a zone file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from hubops.bootstrap.load_balancer import front
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError
from hubops.model.text import inert
from hubops.stack.render import Rendered
from hubops.stack.site import Site

_TTL = 300  # seconds; a load balancer that is made anew has another address


def hosts(components: Iterable[Rendered]) -> list[str]:
    """The hosts of all Ingresses of *components*, each once, in the order of the alphabet."""
    return sorted({
        rule["host"]
        for each in components
        for item in each.objects()
        if item["kind"] == "Ingress"
        for rule in item["spec"].get("rules") or []
        if rule.get("host")
    })  # fmt: skip


def lines(cluster: KubeWriter, components: Sequence[Rendered], site: Site) -> Iterator[str]:
    """What to tell the operator of the records: a heading and the records, or why there are none yet."""
    names = hosts(components)
    if not names:
        return
    try:
        balancer = front(cluster)
    except SourceError as error:
        yield f"DNS records: the load balancer cannot be looked at: {error}"
        return
    if balancer is None:
        yield "DNS records: the cluster makes no load balancer for the ingress controller; point the hosts to yours"
    elif not balancer.addresses:
        yield f"DNS records: the load balancer {balancer.name} has no address yet"
    else:
        yield f"DNS records to create (the load balancer {balancer.name}):"
        for name in names:
            yield from (f"  {_record(name, address, site)}" for address in balancer.addresses)


def _record(name: str, address: str, site: Site) -> str:
    try:
        kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
        return f"{name}. {_TTL} IN {kind} {address}"
    except ValueError:
        pass
    target = f"{inert(address, limit=253)}."
    if name == site.domain:
        # RFC 1034: beside a CNAME a name has no other record, and the domain itself may have SOA and NS.
        return f"{name}. {_TTL} IN ALIAS {target} ; a zone's own name cannot be a CNAME"
    return f"{name}. {_TTL} IN CNAME {target}"
