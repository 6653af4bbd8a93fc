"""The way in: IngressClass, webhook and address of the controller, then hosts that are really asked over TLS."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hubops.bootstrap.gates import ingress_hosts
from hubops.bootstrap.gates.ingress import ingress_routes
from hubops.bootstrap.show import dns_records
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import ADMIT, Manifest, Webhooks, deny
from tests.stack import rendered
from tests.testbed.bed import Testbed
from tests.testbed.pki import Authority

DOMAIN = rendered.site("none").domain
GRAFANA = f"grafana.{DOMAIN}"
API = f"api.{DOMAIN}"
CLASS = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
         "spec": {"controller": "k8s.io/ingress-nginx"}}  # fmt: skip
LABELS = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}


def controller(*addresses: str, port: int = 443, kind: str = "LoadBalancer") -> Manifest:
    """The controller's Service, with the addresses that a cloud gave it."""
    given = [{"ip": each} if each[0].isdigit() or ":" in each else {"hostname": each} for each in addresses]
    metadata = {"namespace": "ingress-nginx", "name": "ingress-nginx-controller", "labels": LABELS}
    ports = [{"name": "http", "port": 80}, {"name": "https", "port": port}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"type": kind, "selector": LABELS, "ports": ports},
            "status": {"loadBalancer": {"ingress": given or None}}}  # fmt: skip


def test_the_controller_is_in_charge(
    component: Component, store: Store, webhooks: Webhooks, control_plane: Testbed
) -> None:
    def judge(item: Manifest) -> Manifest:
        snippets = [each for each in item["metadata"].get("annotations") or {} if each.endswith("-snippet")]
        return deny(f"{snippets[0]} annotation cannot be used") if snippets else ADMIT

    at = component("ingress-nginx")
    store.namespace("hubops")
    expect(ingress_routes, at, "waiting", "there is no IngressClass of ingress-nginx")
    store(CLASS)
    expect(ingress_routes, at, "waiting", "no webhook judges the kind Ingress yet")
    webhooks.configure("validate.nginx.ingress.kubernetes.io", judge, ("networking.k8s.io", "ingresses"))
    expect(ingress_routes, at, "untried", "is not of the type LoadBalancer")
    stored = store(controller())
    control_plane.api.event(stored, "SyncLoadBalancerFailed", "no subnet has the tag kubernetes.io/role/elb", "cloud")
    expect(ingress_routes, at, "waiting", "has no address yet (SyncLoadBalancerFailed: no subnet has the tag")
    store(controller("203.0.113.10"))
    expect(ingress_routes, at, "passed", "IngressClass nginx; the load balancer is 203.0.113.10")
    assert control_plane.api.list("Ingress") == []


class Front:
    """What stands at the load balancer's address: TLS, and an answer to each host."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.status: dict[str, int] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        pair = Authority(folder).sign("front", addresses=names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self.sni: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.sni.append(name)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host = self.headers["Host"]
                front.asked.append((host, self.path, self.headers["Authorization"]))
                self.send_response(front.status.get(host, 401))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    front = Front(tmp_path / "pki", f"*.{DOMAIN}", DOMAIN)
    yield front
    front.stop()


def taken_up(store: Store, component: Component, *, applications: bool = True) -> list[str]:
    """The hosts' Ingresses with the status that the controller writes, and a ready pod behind each; their names."""
    at = component("hosts")
    for route in ingress_hosts.routes(at):
        status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}
        store(dict(route.ingress) | {"status": status})
        if applications or route.namespace not in at.site.applications:
            store(endpoint(route))
    return [route.host for route in ingress_hosts.routes(at)]


def endpoint(route: ingress_hosts.Route) -> Manifest:
    labels = {"kubernetes.io/service-name": route.service}
    metadata = {"namespace": route.namespace, "name": f"{route.service}-a", "labels": labels}
    ready = [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}}]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "metadata": metadata,
            "endpoints": ready, "ports": [{"name": "http", "port": 8080}]}  # fmt: skip


def test_every_host_answers(component: Component, store: Store, front: Front) -> None:
    at = component("hosts")
    expect(ingress_routes, at, "untried", "has no load balancer of the cluster's")
    store(controller(port=front.port))
    expect(ingress_routes, at, "waiting", "has no address yet")
    names = taken_up(store, component)
    store(controller("127.0.0.1", port=front.port))
    assert {GRAFANA, f"prometheus.{DOMAIN}", DOMAIN} <= set(names)
    verdict = expect(ingress_routes, at, "passed", f"{len(names)} hosts answer at 127.0.0.1")
    assert verdict.words == f"{len(names)} hosts answer at 127.0.0.1"
    assert {host for host, _, _ in front.asked} == set(names) == set(front.sni)
    assert all(authorization is None for _, _, authorization in front.asked)

    front.status[GRAFANA] = 503
    expect(ingress_routes, at, "waiting", f"{GRAFANA} answers 503")


def test_applications_that_are_not_there_yet(component: Component, store: Store, front: Front) -> None:
    store(controller("127.0.0.1", port=front.port))
    taken_up(store, component, applications=False)
    expect(ingress_routes, component("hosts"), "untried", "hosts answer at", f"{API}: Service", "no ready pod")
    assert API not in {host for host, _, _ in front.asked}


def test_a_certificate_of_another_name(component: Component, store: Store, tmp_path: Path) -> None:
    """As until cert-manager has issued the host's own; Let's Encrypt may wait for DNS."""
    front = Front(tmp_path / "pki", "ingress.local")
    try:
        store(controller("127.0.0.1", port=front.port))
        taken_up(store, component)
        expect(ingress_routes, component("hosts"), "untried", "not yet with a certificate of their own: ", GRAFANA)
    finally:
        front.stop()


def test_an_ingress_that_the_controller_does_not_serve(component: Component, store: Store, front: Front) -> None:
    """Its default backend would answer with 404, which is less than 500."""
    store(controller("127.0.0.1", port=front.port))
    taken_up(store, component)
    [route] = [each for each in ingress_hosts.routes(component("hosts")) if each.host == GRAFANA]
    store(dict(route.ingress) | {"status": {"loadBalancer": {"ingress": None}}})
    front.status[GRAFANA] = 404
    expect(ingress_routes, component("hosts"), "waiting", "the controller has not taken up Ingress monitoring/grafana")


def test_a_load_balancer_that_is_not_there(component: Component, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses is waited for; one that this machine cannot get to is, too, until it had the time to appear."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        store(controller("127.0.0.1", port=port))
        taken_up(store, component)
        expect(ingress_routes, component("hosts"), "waiting", "connection refused")
    store(controller("name.invalid"))
    expect(ingress_routes, component("hosts"), "waiting", "the load balancer's name name.invalid has no address")
    monkeypatch.setattr(ingress_hosts, "_NEW", dt.timedelta(0))
    expect(ingress_routes, component("hosts"), "untried", "name.invalid has no address", "as far as this machine")


def test_a_load_balancer_that_is_silent(component: Component, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress_hosts, "_TIMEOUT", 0.3)
    with socket.socket() as full:  # takes one connection into its queue and answers no further one
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        store(controller("127.0.0.1", port=port))
        taken_up(store, component)
        expect(ingress_routes, component("hosts"), "waiting", "this machine cannot reach the load balancer")
        monkeypatch.setattr(ingress_hosts, "_NEW", dt.timedelta(0))
        expect(ingress_routes, component("hosts"), "untried", "this machine cannot reach the load balancer")
        for each in waiting:
            each.close()


def test_dns_records(component: Component, store: Store) -> None:
    at = component("hosts")

    def records() -> list[str]:
        return list(dns_records.lines(at.target.cluster, [at.rendered], at.site))

    [none] = records()
    assert "the cluster makes no load balancer" in none
    store(controller())
    assert records() == ["DNS records: the load balancer ingress-nginx/ingress-nginx-controller has no address yet"]
    store(controller("203.0.113.10", "2001:db8::10"))
    said = records()
    assert said[0] == "DNS records to create (the load balancer ingress-nginx/ingress-nginx-controller):"
    assert f"  {GRAFANA}. 300 IN A 203.0.113.10" in said
    assert f"  {GRAFANA}. 300 IN AAAA 2001:db8::10" in said
    assert f"  {DOMAIN}. 300 IN A 203.0.113.10" in said
    assert len(said) == 1 + 2 * len({each.host for each in ingress_hosts.routes(at)})
    store(controller("a.elb.amazonaws.com"))
    assert f"  {GRAFANA}. 300 IN CNAME a.elb.amazonaws.com." in records()
    assert [each for each in records() if each.startswith(f"  {DOMAIN}. 300 IN ALIAS a.elb.amazonaws.com.")]
    assert list(dns_records.lines(at.target.cluster, [], at.site)) == []
