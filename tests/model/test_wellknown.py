from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from hubops.model.kube.core import Service, ServicePort, ServiceSpec
from hubops.model.kube.meta import ObjectMeta
from hubops.model.wellknown import Candidate, Role, candidates

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"


def service(
    name: str, labels: Mapping[str, str], ports: Mapping[str, int], namespace: str = "monitoring", ip: str = "10.0.0.1"
) -> Service:
    return Service(
        metadata=ObjectMeta(name=name, namespace=namespace, labels=dict(labels)),
        spec=ServiceSpec(ports=tuple(ServicePort(name=n, port=p) for n, p in ports.items()), cluster_ip=ip),
    )


KUBE_PROMETHEUS_STACK = [
    service("kps-prometheus", {"app": "kube-prometheus-stack-prometheus"}, {"http-web": 9090, "reloader-web": 8080}),
    service("prometheus-operated", {"operated-prometheus": "true"}, {"http-web": 9090}, ip="None"),
    service(
        "kps-alertmanager", {"app": "kube-prometheus-stack-alertmanager"}, {"http-web": 9093, "reloader-web": 8080}
    ),
    service(
        "alertmanager-operated", {"operated-alertmanager": "true"}, {"http-web": 9093, "tcp-mesh": 9094}, ip="None"
    ),
    service("kps-operator", {"app": "kube-prometheus-stack-operator"}, {"https": 443}),
    service("kps-kube-state-metrics", {NAME: "kube-state-metrics"}, {"http": 8080}),
    service("kps-node-exporter", {NAME: "prometheus-node-exporter"}, {"http-metrics": 9100}),
    service("kps-grafana", {NAME: "grafana"}, {"http-web": 80}),
    service("kps-thanos-discovery", {"app": "kube-prometheus-stack-thanos-discovery"}, {"grpc": 10901}, ip="None"),
]
LOKI_DISTRIBUTED = [
    service(f"loki-{component}", {NAME: "loki-distributed", COMPONENT: component}, ports, "logging", ip)
    for component, ports, ip in (
        ("gateway", {"http": 80}, "10.0.0.2"),
        ("distributor", {"http": 3100, "grpc": 9095}, "10.0.0.3"),
        ("ingester", {"http": 3100, "grpc": 9095}, "10.0.0.4"),
        ("querier", {"http": 3100, "grpc": 9095}, "10.0.0.5"),
        ("query-frontend", {"http": 3100, "grpc": 9095, "grpclb": 9096}, "None"),
        ("memcached-chunks", {"memcached-client": 11211, "http-metrics": 9150}, "None"),
    )
]


def names(role: Role, *services: Service) -> list[str]:
    shuffled = list(services)
    random.Random(len(services)).shuffle(shuffled)
    return [str(candidate) for candidate in candidates(role, shuffled)]


def test_the_stack_of_the_pinned_charts() -> None:
    every = [*KUBE_PROMETHEUS_STACK, *LOKI_DISTRIBUTED]
    assert names("prometheus", *every) == [
        "monitoring/kps-prometheus:http-web",
        "monitoring/prometheus-operated:http-web",
    ]
    assert names("alertmanager", *every) == [
        "monitoring/kps-alertmanager:http-web",
        "monitoring/alertmanager-operated:http-web",
    ]
    assert names("loki", *every) == [
        "logging/loki-gateway:http",
        "logging/loki-query-frontend:http",
        "logging/loki-querier:http",
    ]


@pytest.mark.parametrize(
    ("labels", "ports", "port", "prefix"),
    [
        ({NAME: "prometheus", COMPONENT: "prometheus"}, {"web": 9090, "reloader-web": 8080}, "web", ""),
        ({NAME: "prometheus", COMPONENT: "server"}, {"http": 80}, "http", ""),
        ({"app": "prometheus", "component": "server"}, {"": 80}, "80", ""),
        ({NAME: "prometheus"}, {"web": 9090}, "web", ""),
        ({NAME: "thanos", COMPONENT: "query"}, {"grpc": 10901, "http": 9090}, "http", ""),
        ({NAME: "thanos-query-frontend"}, {"http": 10902}, "http", ""),
        ({NAME: "mimir", COMPONENT: "nginx"}, {"http-metric": 80}, "http-metric", "/prometheus"),
        (
            {NAME: "mimir", COMPONENT: "query-frontend"},
            {"http-metrics": 8080, "grpc": 9095},
            "http-metrics",
            "/prometheus",
        ),
        ({NAME: "vmsingle"}, {"http": 8428}, "http", ""),
        ({NAME: "victoria-metrics-single", "app": "server"}, {"http": 8428}, "http", ""),
        ({NAME: "victoria-metrics-cluster", "app": "vmselect"}, {"http": 8481}, "http", "/select/0/prometheus"),
        ({NAME: "vmselect"}, {"http": 8481}, "http", "/select/0/prometheus"),
    ],
)
def test_what_speaks_the_api_of_prometheus(
    labels: Mapping[str, str], ports: Mapping[str, int], port: str, prefix: str
) -> None:
    assert candidates("prometheus", [service("s", labels, ports)]) == [Candidate("monitoring", "s", port, prefix)]


@pytest.mark.parametrize(
    ("role", "labels", "ports"),
    [
        ("prometheus", {NAME: "prometheus", COMPONENT: "thanos-sidecar"}, {"grpc": 10901}),
        ("prometheus", {NAME: "prometheus-node-exporter"}, {"http-web": 9090}),
        ("prometheus", {NAME: "mimir", COMPONENT: "distributor"}, {"http-metrics": 8080}),
        ("prometheus", {NAME: "victoria-metrics-cluster", "app": "vminsert"}, {"http": 8480}),
        ("prometheus", {NAME: "prometheus", COMPONENT: "server"}, {"grpc": 10901}),
        ("alertmanager", {NAME: "alertmanager"}, {"tcp-mesh": 9094}),
        ("loki", {NAME: "loki", COMPONENT: "canary"}, {"http-metrics": 3500}),
        ("loki", {NAME: "loki", COMPONENT: "write"}, {"http-metrics": 3100}),
        ("loki", {NAME: "loki"}, {"tcp": 7946}),
        ("loki", {}, {"http-metrics": 3100}),
    ],
)
def test_what_is_not_the_one(role: Role, labels: Mapping[str, str], ports: Mapping[str, int]) -> None:
    assert candidates(role, [service("s", labels, ports)]) == []


def test_a_single_loki() -> None:
    assert names("loki", service("loki", {NAME: "loki"}, {"http-metrics": 3100, "grpc": 9095})) == [
        "monitoring/loki:http-metrics"
    ]
    assert names("loki", service("loki", {"app": "loki"}, {"http-metrics": 3100})) == ["monitoring/loki:http-metrics"]


def test_of_equals_the_one_with_an_address_then_the_name_decides() -> None:
    labels, ports = {NAME: "prometheus"}, {"web": 9090}
    same = [
        service("a", labels, ports, ip="None"),
        service("z", labels, ports, namespace="b"),
        service("b", labels, ports, namespace="c"),
        service("a", labels, ports, namespace="c"),
    ]
    assert names("prometheus", *same) == ["b/z:web", "c/a:web", "c/b:web", "monitoring/a:web"]
