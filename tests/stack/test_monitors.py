"""Which pods are scraped, on which port and as which job: the monitors as the operator writes them, judged by a real
Prometheus that is shown the pods of the platform (pods.yaml), as Kubernetes would show them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.stack.operated import Operated
from tests.testbed import build
from tests.testbed.process import State, Supervisor, free_port, myself

PODS = yaml.safe_load((Path(__file__).parent / "pods.yaml").read_text(encoding="utf-8"))["pods"]
NODE = "node-1"
CONTROLLER = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}
#: Services that monitors select: their labels, their ports, and the pod behind them, as the charts have them.
SERVICES: dict[str, tuple[dict[str, str], dict[str, int], str]] = {
    "cert-manager/cert-manager": (
        {"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "controller"},
        {"tcp-prometheus-servicemonitor": 9402}, "cert-manager/controller"),
    "cert-manager/cert-manager-webhook": (
        {"app.kubernetes.io/name": "webhook", "app.kubernetes.io/component": "webhook"},
        {"https": 10250}, "cert-manager/webhook"),
    "ingress-nginx/ingress-nginx-controller": (CONTROLLER, {"http": 80, "https": 443}, "ingress-nginx/controller"),
    "ingress-nginx/ingress-nginx-controller-metrics": (CONTROLLER, {"metrics": 10254}, "ingress-nginx/controller"),
    "ingress-nginx/ingress-nginx-controller-admission": (
        CONTROLLER, {"https-webhook": 8443}, "ingress-nginx/controller"),
    "keda/keda-operator": (
        {"app.kubernetes.io/name": "keda-operator"}, {"metricsservice": 9666, "metrics": 8080}, "keda/operator"),
    "keda/keda-operator-metrics-apiserver": (
        {"app.kubernetes.io/name": "keda-operator-metrics-apiserver"},
        {"https": 6443, "metrics": 8080}, "keda/metrics-apiserver"),
    "keda/keda-admission-webhooks": (
        {"app.kubernetes.io/name": "keda-admission-webhooks"}, {"http": 9443, "metrics": 8080}, "keda/webhooks"),
    "kube-system/metrics-server": (
        {"app.kubernetes.io/name": "metrics-server", "app.kubernetes.io/instance": "metrics-server"},
        {"https": 10250}, "kube-system/metrics-server"),
    "istio-system/istiod": (
        {"app": "istiod", "istio": "pilot"}, {"grpc-xds": 15010, "http-monitoring": 15014}, "istio-system/istiod"),
}  # fmt: skip
LOKI = ("compactor", "distributor", "index-gateway", "ingester", "querier", "query-frontend", "query-scheduler")
#: pod: (job, port) of each of its targets, in a mesh.
EXPECTED = {
    "cert-manager/controller": {("cert-manager", 9402)},
    "ingress-nginx/controller": {("ingress-nginx-controller-metrics", 10254)},
    **{f"logging/{component}": {(f"logging/{component}", 3100)} for component in LOKI},
    "logging/memcached": {("logging/memcached-chunks", 9150)},
    "logging/loki-ingester": {("logging/ingester", 3100)},
    "logging/promtail": {("promtail", 3101)},
    "logging/alloy": {("alloy", 12345)},
    "keda/operator": {("keda-operator", 8080)},
    "keda/metrics-apiserver": {("keda-operator-metrics-apiserver", 8080)},
    "keda/webhooks": {("keda-admission-webhooks", 8080)},
    "kube-system/metrics-server": {("metrics-server", 10250)},
    "vpa/recommender": {("vpa-recommender", 8942)},
    "vpa/updater": {("vpa-updater", 8943)},
    "vpa/admission-controller": {("vpa-admission-controller", 8944)},
    "gatekeeper-system/controller": {("gatekeeper-controller-manager", 8888)},
    "gatekeeper-system/audit": {("gatekeeper-audit-controller", 8888)},
    "velero/server": {("velero", 8085)},
    "velero/node-agent": {("node-agent", 8085)},
    "external-secrets/operator": {("external-secrets", 8080)},
    "external-secrets/webhook": {("external-secrets-webhook", 8080)},
    "external-secrets/cert-controller": {("external-secrets-cert-controller", 8080)},
    "istio-system/istiod": {("istiod", 15014)},
    "istio-ingress/gateway": {("istio-gateway", 15020)},
    "llm-analytics/api": {("llm-analytics-api", 15020)},
    "llm-analytics/frontend": {("llm-analytics-frontend", 15020)},
    "llm-analytics/ingestion": {("llm-analytics-ingestion", 8080)},
    "llm-analytics/worker": {("llm-analytics-worker", 8080)},
    "llm-analytics/reports": {("llm-analytics-reports", 8080)},
    "llm-analytics/timescaledb": {("timescaledb", 9187)},
    "llm-analytics/redis": {("redis", 9121)},
    "llm-analytics/kafka": {("kafka", 9308)},
    "shop/web": {("web", 15020)},
    "shop/database": {("timescaledb", 9187)},
    "shop/cache": {("redis", 9121)},
    "shop/queue": {("kafka", 9308)},
}


def labelled(kind: str, labels: dict[str, str]) -> dict[str, str]:
    """*labels* of a pod or Service as Prometheus' discovery tells them."""
    found: dict[str, str] = {}
    for name, value in labels.items():
        safe = re.sub(r"\W", "_", name)
        found |= {
            f"__meta_kubernetes_{kind}_label_{safe}": value,
            f"__meta_kubernetes_{kind}_labelpresent_{safe}": "true",
        }
    return found


def pod_facts(pod: str, mesh: bool) -> dict[str, str]:
    space, _, name = pod.partition("/")
    labels = dict(PODS[pod]["labels"])
    if mesh and "http-envoy-prom" in PODS[pod].get("ports", {}) and space != "istio-ingress":
        labels["security.istio.io/tlsMode"] = "istio"
    return {"__meta_kubernetes_namespace": space, "__meta_kubernetes_pod_name": name,
            "__meta_kubernetes_pod_node_name": NODE, "__meta_kubernetes_pod_phase": "Running",
            **labelled("pod", labels)}  # fmt: skip


def address(pod: str, port: object) -> str:
    """Of nobody: nothing is to be scraped."""
    return f"127.1.1.{1 + list(PODS).index(pod)}:{port}"


def shown_pods(mesh: bool) -> Iterator[dict[str, Any]]:
    """Each port of each pod, as `role: pod` discovers it."""
    for pod, described in PODS.items():
        for name, port in described.get("ports", {}).items():
            if isinstance(port, int) and (mesh or name not in ("merged", "http-envoy-prom")) and name != "merged":
                facts = {**pod_facts(pod, mesh), "__meta_kubernetes_pod_container_port_name": name}
                yield {"targets": [address(pod, port)], "labels": facts}


def shown_endpoints(mesh: bool) -> Iterator[dict[str, Any]]:
    """Each port of each Service, as `role: endpoints` discovers it."""
    for service, (labels, ports, pod) in SERVICES.items():
        for name, port in ports.items():
            facts = {**pod_facts(pod, mesh), **labelled("service", labels),
                     "__meta_kubernetes_service_name": service.partition("/")[2],
                     "__meta_kubernetes_endpoint_address_target_kind": "Pod",
                     "__meta_kubernetes_endpoint_address_target_name": pod.partition("/")[2],
                     "__meta_kubernetes_endpoint_port_name": name}  # fmt: skip
            yield {"targets": [address(pod, port)], "labels": facts}


def shown(config: dict[str, Any], mesh: bool) -> Iterator[dict[str, Any]]:
    """The scrape configurations of *config*, with what Kubernetes would have in the place of Kubernetes."""
    for job in config["scrape_configs"]:
        (discovery,) = job["kubernetes_sd_configs"]
        targets = list((shown_pods if discovery["role"] == "pod" else shown_endpoints)(mesh))
        spaces = discovery["namespaces"]["names"]
        here = [each for each in targets if each["labels"]["__meta_kubernetes_namespace"] in spaces]
        rest = {key: value for key, value in job.items() if key != "kubernetes_sd_configs"}
        yield {**rest, "scrape_interval": "1h", "static_configs": here}


class Scraped:
    """Prometheus with the scrape configurations of the site *name*, and the targets that it finds."""

    def __init__(self, folder: Path, operator: Operated, name: str) -> None:
        jobs = list(shown(operator.prometheus_config(name), mesh=name != "none"))
        everything = sum(len(job["static_configs"]) for job in jobs)
        file = folder / "prometheus.yaml"
        config = yaml.safe_dump({"scrape_configs": jobs}).replace("$(SHARD)", "0")  # as the pod's config reloader does
        file.write_text(config, encoding="utf-8")
        listen = f"127.0.0.1:{free_port()}"
        self._url = f"http://{listen}/api/v1/targets"
        self._supervisor = Supervisor(folder, State(owner=myself()))
        argv = [str(build.programs()["prometheus"]), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={listen}"]  # fmt: skip
        try:
            self._supervisor.start("prometheus", argv)
            self._supervisor.wait_ready("prometheus", lambda: self._seen() == everything)
            self.targets: list[dict[str, Any]] = self._asked()["activeTargets"]
        finally:
            self._supervisor.end()

    def _asked(self) -> dict[str, Any]:
        """What Prometheus says of its targets: nothing while it starts."""
        try:
            answer = requests.get(self._url, timeout=10)
        except requests.RequestException:
            return {}
        return dict(answer.json()["data"]) if answer.ok else {}

    def _seen(self) -> int:
        """How many targets Prometheus has looked at."""
        asked = self._asked()
        return sum(len(asked.get(key, ())) for key in ("activeTargets", "droppedTargets"))

    def by_pod(self) -> dict[str, set[tuple[str, int]]]:
        found = defaultdict(list)
        for target in self.targets:
            labels = target["labels"]
            port = int(labels["instance"].rpartition(":")[2])
            found[f"{labels['namespace']}/{labels['pod']}"].append((labels["job"], port))
        assert all(len(each) == len(set(each)) for each in found.values()), "a pod is scraped twice"
        return {pod: set(each) for pod, each in found.items()}


@pytest.fixture(scope="module")
def in_mesh(operator: Operated, tmp_path_factory: pytest.TempPathFactory) -> Scraped:
    return Scraped(tmp_path_factory.mktemp("in-mesh"), operator, "aws")


def test_every_pod_with_metrics_is_scraped_once(in_mesh: Scraped) -> None:
    assert in_mesh.by_pod() == EXPECTED


def test_the_sidecar_is_asked_for_both(in_mesh: Scraped) -> None:
    paths = {each["labels"]["job"]: each["scrapeUrl"].partition("/")[2].partition("/")[2] for each in in_mesh.targets}
    assert paths["llm-analytics-api"].endswith(":15020/stats/prometheus")
    assert paths["timescaledb"].endswith(":9187/metrics")


def test_applications_say_their_node(in_mesh: Scraped) -> None:
    applications = [each for each in in_mesh.targets if each["labels"]["namespace"] in ("llm-analytics", "shop")]
    assert {each["labels"].get("node") for each in applications} == {NODE}


def test_without_a_mesh_the_application_itself_is_asked(operator: Operated, tmp_path: Path) -> None:
    found = Scraped(tmp_path, operator, "none").by_pod()
    assert found["llm-analytics/api"] == {("llm-analytics-api", 8080)}
    assert "llm-analytics/frontend" not in found
    mesh_only = {"istio-system/istiod", "istio-ingress/gateway", "llm-analytics/frontend"}
    other = {pod for pod in EXPECTED if pod.startswith(("shop/", "external-secrets/"))}
    assert found.keys() == EXPECTED.keys() - mesh_only - other
