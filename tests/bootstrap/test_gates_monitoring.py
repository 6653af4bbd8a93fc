"""Prometheus, Alertmanager and Loki behind the API server's service proxy: their gates ask the real programs."""

from __future__ import annotations

import functools
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import yaml

from hubops.bootstrap.gate import Installed
from hubops.bootstrap.gates import logs
from hubops.bootstrap.gates.logs import log_line_returned
from hubops.bootstrap.gates.monitoring import TEST_ALERT, alertmanager_routes, dashboards_loaded, prometheus_answers
from hubops.errors import Retryable
from hubops.stack.render import File
from tests.bootstrap.gates.conftest import Store, expect, target
from tests.stack import rendered
from tests.testbed.bed import Testbed
from tests.testbed.objects import POD_IP, deployment, service
from tests.testbed.process import poll
from tests.testbed.sample import settled

Component = Callable[..., Installed]
MONITOR = "monitoring.coreos.com/v1"
TEAM = rendered.site("none").alerting.default_team


@pytest.fixture(scope="module", autouse=True)
def _reachable(testbed: Testbed) -> None:
    if not testbed.in_cluster:
        pytest.skip("the API server reaches the testbed's Services only as root")


@pytest.fixture
def component(testbed: Testbed, helms: dict[str, Path]) -> Component:
    """A component of the stack at the site `none`, or with other manifests."""
    at = functools.cache(lambda name: target(testbed, helms["helm"], rendered.component("none", name)))

    def installed(name: str, *items: dict[str, Any]) -> Installed:
        found = rendered.component("none", name)
        manifests = (File("test", yaml.safe_dump_all(items)),) if items else found.manifests
        return Installed(at(name), rendered.site("none"), replace(found, manifests=manifests))

    return installed


@pytest.fixture
def configured(testbed: Testbed) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """Gives Prometheus or Alertmanager other settings at the top of its configuration, until the test is over."""
    before = {name: (testbed.directory / f"{name}.yaml").read_text() for name in ("prometheus", "alertmanager")}
    urls = {name: getattr(testbed.stack.urls, name) for name in before}

    def write(name: str, text: str) -> None:
        (testbed.directory / f"{name}.yaml").write_text(text)
        answer = requests.post(f"{urls[name]}/-/reload", timeout=10)
        assert answer.ok, answer.text

    yield lambda name, settings: write(name, yaml.safe_dump(yaml.safe_load(before[name]) | settings))
    for name, text in before.items():
        write(name, text)


def monitor(name: str) -> dict[str, Any]:
    metadata = {"namespace": "monitoring", "name": name, "labels": {"app.kubernetes.io/managed-by": "Helm"}}
    return {"apiVersion": MONITOR, "kind": "ServiceMonitor", "metadata": metadata,
            "spec": {"selector": {}, "endpoints": [{"port": "web"}]}}  # fmt: skip


def rules(group: str) -> dict[str, Any]:
    return {"apiVersion": MONITOR, "kind": "PrometheusRule", "metadata": {"namespace": "monitoring", "name": group},
            "spec": {"groups": [{"name": group, "rules": [{"record": "a", "expr": "1"}]}]}}  # fmt: skip


def test_prometheus_scrapes_and_judges(component: Component, testbed: Testbed, configured: Any) -> None:
    at = component("monitoring", monitor("itself"), rules(testbed.stack.rule_groups()[0]["name"]))
    before = yaml.safe_load((testbed.directory / "prometheus.yaml").read_text())["scrape_configs"]

    def scraping(*addresses: str) -> None:
        """Prometheus as its operator would configure it for the monitor."""
        job = {"job_name": "serviceMonitor/monitoring/itself/0", "scrape_interval": "1s",
               "static_configs": [{"targets": [each.removeprefix("http://") for each in addresses]}]}  # fmt: skip
        configured("prometheus", {"scrape_configs": [*before, job]})

    expect(prometheus_answers, at, "waiting", "has not loaded ServiceMonitor monitoring/itself yet")
    scraping(testbed.stack.urls.prometheus)
    expect(prometheus_answers, at, "passed", "series of `up`", "targets up")
    testbed.api.apply(monitor("itself"))
    try:
        expect(prometheus_answers, at, "passed")
        scraping(testbed.stack.urls.prometheus, f"{testbed.address}:9")
        expect(
            prometheus_answers,
            at,
            "waiting",
            "ServiceMonitor monitoring/itself: 1 of 2 targets not up: http://",
            "refused",
        )
        scraping()
        expect(prometheus_answers, at, "waiting", "ServiceMonitor monitoring/itself has found nothing to scrape yet")
    finally:
        testbed.api.delete(monitor("itself"))
    wrong = component("monitoring", monitor("itself"), rules("unheard"))
    expect(prometheus_answers, wrong, "waiting", "has not loaded the rules unheard yet")


def route(*, silent: bool = True, receiver: str = "team") -> dict[str, Any]:
    """Alertmanager's routes as the stack has them, for one team; nothing of them leads anywhere."""
    test = [{"matchers": ['hubops_test = "true"'], "receiver": "none"}] if silent else []
    team = {"matchers": [f"team = {TEAM}"], "receiver": receiver}
    nowhere = [{"url": "http://127.0.0.1:9/"}]
    return {
        "route": {
            "receiver": "team" if receiver == "team" else "none",
            "group_by": ["alertname"],
            "routes": [*test, team],
        },
        "receivers": [{"name": "none"}, {"name": "team", "webhook_configs": nowhere}],
    }


def test_alertmanager_takes_an_alert_and_tells_nobody(component: Component, testbed: Testbed, configured: Any) -> None:
    at = component("monitoring")
    expect(alertmanager_routes, at, "waiting", f"would tell nobody of a critical alert of the team {TEAM}")
    configured("alertmanager", route(silent=False))
    expect(
        alertmanager_routes,
        at,
        "waiting",
        "has not loaded its route of the label hubops_test yet (it says team (webhook))",
    )
    name = TEST_ALERT["alertname"]
    assert not testbed.stack.firing(name), "nothing is sent that people would be told of"
    configured("alertmanager", route())
    verdict = expect(alertmanager_routes, at, "passed", "'none', which tells nobody")
    assert "critical ones go to team (webhook)" in verdict.words
    [sent] = [each for each in testbed.stack.alerts() if each["labels"] == TEST_ALERT]
    assert [each["name"] for each in sent["receivers"]] == ["none"]


def test_loki_returns_a_line(component: Component, testbed: Testbed) -> None:
    expect(log_line_returned, component("loki"), "passed", "a line was taken and returned")
    testbed.end_program("loki")
    try:
        with pytest.raises(Retryable, match=r"loki-loki-distributed-gateway:http through the API server: .*refused"):
            log_line_returned(component("loki"))
    finally:
        testbed.start_program("loki")
    expect(log_line_returned, component("loki"), "passed")


def test_the_collector_brings_lines_of_pods(component: Component, testbed: Testbed) -> None:
    at = component("promtail")
    assert log_line_returned(at).state in ("waiting", "passed")
    labels = {"namespace": "shop", "pod": "cart-0", "node_name": "worker-1"}
    testbed.stack.log([(labels, [(time.time(), "hello")])])
    expect(log_line_returned, at, "passed", "lines of pods on")


@pytest.fixture(scope="module")
def apart(testbed: Testbed) -> Iterator[Store]:
    """A namespace for what is not as on the healthy platform; it is gone afterwards."""
    store = Store(testbed)
    store.namespace("apart")
    yield store
    testbed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apart"}})
    poll(lambda: testbed.api.get("Namespace", None, "apart") is None, "the namespace gone")


def elsewhere(at: Installed, namespace: str) -> Installed:
    """*at*, as if its chart was in *namespace*."""
    moved = msgspec.structs.replace(at.rendered.component, namespace=namespace)
    return replace(at, rendered=replace(at.rendered, component=moved))


def test_what_the_api_server_cannot_reach_cannot_be_tried(component: Component, testbed: Testbed, apart: Store) -> None:
    """As behind a network policy that keeps the API server out: the pod is ready and no packet arrives."""
    name, labels = "kube-prometheus-stack-prometheus", {"app": "kube-prometheus-stack-prometheus"}
    apart(deployment("apart", name, replicas=1, annotations={POD_IP: "10.255.255.1"}, port=9090))
    apart(service("apart", name, {"app": name}, 9090, port_name="http-web", labels=labels))
    poll(lambda: settled(testbed), "the pod ready")
    at = component("monitoring")
    expect(prometheus_answers, elsewhere(at, "apart"), "untried", "keeps the API server out", "unreachable")
    with pytest.raises(Retryable, match="no Service in shop has the labels of Prometheus"):
        prometheus_answers(elsewhere(at, "shop"))


class Other:
    """A server that is not as it should be, at an address that the API server's proxy may go to: JSON by path."""

    def __init__(self, bed: Testbed, answers: dict[str, object]) -> None:
        self.answers = answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = answers.get(self.path.partition("?")[0])
                body = b"" if known is None else json.dumps(known).encode()
                self.send_response(200 if body else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.address = str(ipaddress.ip_address(bed.address) - 1)
        self._server = ThreadingHTTPServer((self.address, 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def behind(self, bed: Testbed, store: Store, name: str, labels: dict[str, str]) -> None:
        """Put a Service with these labels in front of it."""
        store(deployment("apart", name, replicas=1, annotations={POD_IP: self.address}, port=self.port))
        store(service("apart", name, {"app": name}, port_name="http", target=self.port, labels=labels))
        poll(lambda: settled(bed), "the pod ready")


HEALTH = "/api/health"


@pytest.fixture
def other(testbed: Testbed) -> Iterator[Other]:
    other = Other(testbed, {HEALTH: {"commit": "", "database": "ok", "version": "10.2.3"}})
    yield other
    other.stop()


def test_grafana_answers_and_shows_dashboards_only_to_users(
    component: Component, testbed: Testbed, apart: Store, other: Other
) -> None:
    board = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.json": "{}"},
             "metadata": {"namespace": "apart", "name": "board", "labels": {"grafana_dashboard": "1"}}}  # fmt: skip
    at = elsewhere(component("monitoring", board), "apart")
    expect(dashboards_loaded, at, "waiting", "ConfigMap apart/board with a dashboard is missing")
    apart(board)
    other.behind(testbed, apart, "grafana", {"app.kubernetes.io/name": "grafana"})
    expect(dashboards_loaded, at, "untried", "Grafana 10.2.3 answers and 1 ConfigMaps", "those who have logged in")
    other.answers[HEALTH] = {"database": "failing"}
    expect(dashboards_loaded, at, "waiting", "Grafana answers that its database is failing")


def test_a_store_that_takes_lines_and_has_only_others(
    component: Component, testbed: Testbed, apart: Store, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_RETURNED_WITHIN", 0.5)
    old = {"stream": {"job": "hubops-bootstrap"}, "values": [["1700000000000000000", "a line of another run"]]}
    found = {"status": "success", "data": {"resultType": "streams", "result": [old]}}
    other.answers["/loki/api/v1/query_range"] = found
    labels = {"app.kubernetes.io/name": "loki", "app.kubernetes.io/component": "gateway"}
    other.behind(testbed, apart, "loki", labels)
    at = elsewhere(component("loki"), "apart")
    expect(log_line_returned, at, "waiting", "Loki took a line and does not return it")
    old["values"] = []
    expect(log_line_returned, at, "waiting", "Loki took a line and does not return it")
