"""Ways into the cluster that lead nowhere, and names that do not resolve."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.testbed.api import Object
from tests.testbed.faults.base import Expected, Fault, remove
from tests.testbed.faults.signals import forget, fresh_address
from tests.testbed.objects import meta, service
from tests.testbed.process import poll
from tests.testbed.telemetry import coredns_target

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(hours=2)
_ADDRESS = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}
_QUOTA = (
    "Error syncing load balancer: failed to ensure load balancer: TooManyLoadBalancers: Exceeded quota of account "
    "111122223333"
)


def ingress(name: str, host: str, to: str, *, path: str = "/", of: str = "nginx", served: bool = True) -> Object:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    found: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta("shop", name),
        "spec": {"ingressClassName": of, "rules": [rule]},
    }
    return found | {"status": _ADDRESS} if served else found


@dataclass(frozen=True)
class Routed(Fault):
    """Objects that are wrong by being there, with what a controller says of the first."""

    objects: tuple[Object, ...]
    reason: str = ""
    message: str = ""

    def inject(self, bed: Testbed) -> None:
        for obj in self.objects:
            applied = bed.api.apply(obj)
            name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
            if obj["kind"] == "Service":
                poll(partial(_has_endpoints, bed, namespace, name), "its endpoints")
            kinds = ("ingress", "services/specs", "endpointslices")
            bed.backdate(SINCE, *(f"/registry/{kind}/{namespace}/{name}" for kind in kinds))
            if self.reason:
                bed.api.event(obj | {"metadata": applied["metadata"]}, self.reason, self.message, "service-controller")

    def clear(self, bed: Testbed) -> None:
        remove(bed, *self.objects)


def _has_endpoints(bed: Testbed, namespace: str, name: str) -> bool:
    slices = bed.api.list("EndpointSlice", namespace, labelSelector=f"kubernetes.io/service-name={name}")
    return any(item.get("endpoints") for item in slices)


@dataclass(frozen=True)
class FailingDns(Fault):
    """A third DNS server, which cannot resolve what it is asked, for hours."""

    key = "coredns-failing"

    def inject(self, bed: Testbed) -> None:
        target = coredns_target(self.key, "coredns-failing", f"{fresh_address('10.7')}:9153", failing=60.0)
        bed.stack.scrape([target])
        query = 'rate(coredns_dns_responses_total{rcode="SERVFAIL",pod="coredns-failing"}[15m]) > 1'
        poll(lambda: bool(bed.stack.query(query)), "Prometheus sees the errors")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self.key)
        bed.stack.hide(self.key)
        forget(bed, '{pod="coredns-failing"}')


def _two_ports() -> Object:
    found = service("shop", "frontend-metrics", {"app": "frontend"})
    found["spec"]["ports"].append({"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"})
    return found


def _denied() -> Object:
    spec = {"podSelector": {"matchLabels": {"app": "ingest"}}, "policyTypes": ["Egress"]}
    metadata = meta("data", "deny-egress")
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


FAULTS: tuple[Fault, ...] = (
    Routed(
        "ingress-without-address/class-missing",
        Expected("ingress-without-address", "Ingress", "shop", "wishlist", "ingress class ngnix does not exist"),
        (),
        (ingress("wishlist", "wishlist.example.com", "cart", of="ngnix", served=False),),
    ),
    Routed(
        "ingress-backend-missing",
        Expected("ingress-backend-missing", "Ingress", "shop", "reviews", "Service reviews does not exist"),
        (),
        (ingress("reviews", "reviews.example.com", "reviews"),),
    ),
    Routed(
        "ingress-path-conflict",
        Expected("ingress-path-conflict", "Ingress", "shop", "cart-v2", "belongs to Ingress shop/shop"),
        (),
        (ingress("cart-v2", "shop.example.com", "checkout", path="/cart"),),
    ),
    Routed(
        "load-balancer-pending",
        Expected("load-balancer-pending", "Service", "shop", "gateway", "TooManyLoadBalancers"),
        (),
        (service("shop", "gateway", {"app": "frontend"}, type="LoadBalancer"),),
        "SyncLoadBalancerFailed",
        _QUOTA,
    ),
    Routed(
        "service-without-endpoints/one-port",
        Expected("service-without-endpoints", "Service", "shop", "frontend-metrics", "a port named metrics"),
        (),
        (_two_ports(),),
    ),
    Routed(
        "network-policy-denies-dns",
        Expected("network-policy-denies-dns", "NetworkPolicy", "data", "deny-egress", "Deployment data/ingest"),
        (),
        (_denied(),),
    ),
    FailingDns("coredns-errors", Expected("coredns-errors", "Cluster", None, "testbed", "are SERVFAIL"), ()),
)
