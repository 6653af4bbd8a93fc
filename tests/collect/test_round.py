"""The whole read, on the real servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.collect.round import collect
from hubops.collect.snapshot_file import load, save
from hubops.config import Config, Duration, EndpointConfig, KubernetesConfig
from hubops.errors import ClusterUnreachable, ConfigError
from hubops.model.snapshot import Needs, Snapshot, Source
from tests.clients.server import Request, Server, reply
from tests.testbed.bed import Testbed
from tests.testbed.faults import matching
from tests.testbed.faults.injected import injected
from tests.testbed.process import State, poll

# Lines without an app are what other tests wrote within these minutes.
RATE = 'sum by (namespace, app) (rate({namespace="shop", app!=""}[15m])) > 0'
LINES = '{namespace="{namespace}", app="{app}"}'
NEEDS = Needs(
    kinds=frozenset({"pods", "services"}),
    custom={"certificates.cert-manager.io": frozenset({"status.notAfter"})},
    promql=frozenset({"up", "count(kube_pod_info)"}),
    logql=frozenset({RATE}),
    log_lines={RATE: frozenset({LINES})},
    alerts=True,
    container_logs=True,
)
EVERYTHING = {
    "pods",
    "services",
    "certificates.cert-manager.io",
    "promql:up",
    "promql:count(kube_pod_info)",
    f"logql:{RATE}",
    "alerts",
    "container-logs",
}
LISTS = {"apiGroups": ["", "discovery.k8s.io"], "resources": ["pods", "services", "endpointslices"], "verbs": ["list"]}


def read(
    bed: Testbed, needs: Needs = NEEDS, *, kubeconfig: Path | None = None, seconds: float = 60, **settings: Any
) -> Snapshot:
    config = Config(kubernetes=KubernetesConfig(kubeconfig=str(kubeconfig or bed.kubeconfig)), **settings)
    deadline = Deadline(seconds)
    return collect(config, needs, client=KubeClient(config.kubernetes, deadline=deadline), deadline=deadline)


def source(snapshot: Snapshot, name: str) -> Source:
    return next(source for source in snapshot.sources if source.name == name)


def direct(bed: Testbed) -> dict[str, EndpointConfig]:
    urls = bed.stack.urls
    return {
        "prometheus": EndpointConfig(url=urls.prometheus),
        "alertmanager": EndpointConfig(url=urls.alertmanager),
        "loki": EndpointConfig(url=urls.loki),
    }


@contextmanager
def without(bed: Testbed, program: str) -> Iterator[None]:
    bed.end_program(program)
    try:
        yield
    finally:
        bed.start_program(program)


@contextmanager
def frozen(bed: Testbed, program: str) -> Iterator[None]:
    """It takes connections, and answers nothing."""
    process = next(each for each in State.load(bed.directory).processes if each.name == program)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.fixture
def bed(testbed: Testbed) -> Testbed:
    if not testbed.in_cluster:
        pytest.skip("the service proxy reaches nothing on loopback; as root the testbed has a network of its own")
    return testbed


def test_everything_is_found_and_read(bed: Testbed) -> None:
    said: list[str] = []
    config = Config(kubernetes=KubernetesConfig(kubeconfig=str(bed.kubeconfig)), cluster="prod")
    deadline = Deadline(60)
    client = KubeClient(config.kubernetes, deadline=deadline)
    snapshot = collect(config, NEEDS, client=client, deadline=deadline, progress=said.append)
    assert snapshot.unread == {}
    assert set(snapshot.read) == EVERYTHING
    assert [(item.name, item.status, item.reason) for item in snapshot.sources] == [
        ("kubernetes", "ok", None),
        ("prometheus", "ok", None),
        ("alertmanager", "ok", None),
        ("loki", "ok", None),
    ]
    assert (source(snapshot, "prometheus").via or "").startswith("service proxy monitoring/kube-prometheus-stack")
    assert (source(snapshot, "loki").url or "").startswith(f"{bed.server}/api/v1/namespaces/logging/services/")
    assert snapshot.cluster == "prod"
    assert (snapshot.server_version or "").startswith("v1.")
    assert abs(datetime.now(UTC) - snapshot.taken_at) < timedelta(minutes=1)
    assert snapshot.objects.pods
    assert snapshot.objects.nodes == ()
    assert all(set(item["status"]) <= {"notAfter"} for item in snapshot.custom["certificates.cert-manager.io"])
    (pods,) = snapshot.metrics["count(kube_pod_info)"]
    assert pods.number == len(snapshot.objects.pods)
    assert abs(pods.at - snapshot.taken_at) < timedelta(seconds=1)
    assert "Watchdog" in {alert.name for alert in snapshot.alerts}
    shop = {sample.labels["app"] for sample in snapshot.log_metrics[RATE]}
    assert f'{{namespace="shop", app="{sorted(shop)[0]}"}}' in snapshot.log_lines
    assert said[-1].startswith("reading ")
    assert "kubernetes 3/3" in said[-1]


def test_the_same_by_url_and_again_from_a_file(bed: Testbed, tmp_path: Path) -> None:
    urls = direct(bed)
    snapshot = read(bed, prometheus=urls["prometheus"], alertmanager=urls["alertmanager"], loki=urls["loki"])
    assert set(snapshot.read) == EVERYTHING
    assert {item.via for item in snapshot.sources if item.name != "kubernetes"} == {"configured url"}
    save(snapshot, tmp_path / "snapshot.gz")
    assert load(tmp_path / "snapshot.gz") == snapshot


def test_what_is_not_needed_is_not_asked(bed: Testbed) -> None:
    snapshot = read(bed, Needs(kinds=frozenset({"nodes"})))
    assert snapshot.read == ("nodes",)
    assert [item.name for item in snapshot.sources] == ["kubernetes"]


def test_the_log_of_a_crash_comes_from_loki_or_from_the_api_server(bed: Testbed) -> None:
    (fault,) = matching("pod-crash-looping")
    with injected(bed, fault):
        from_loki = read(bed)
        with without(bed, "loki"):
            from_kubelet = read(bed)
    for snapshot, origin in ((from_loki, "loki"), (from_kubelet, "kubelet")):
        (log,) = snapshot.container_logs
        assert (log.namespace, log.container, log.origin, log.previous) == (
            fault.expect.namespace,
            fault.expect.name,
            origin,
            True,
        )
        assert "exiting" in log.lines[-1].text
    assert source(from_loki, "kubernetes").status == "ok"
    failed = source(from_kubelet, "loki")
    assert failed.status == "failed"
    assert "through the API server: error trying to reach service" in (failed.reason or "")
    assert set(from_kubelet.unread) == {f"logql:{RATE}"}


def test_prometheus_that_is_gone_costs_only_its_own(bed: Testbed) -> None:
    with without(bed, "prometheus"):
        snapshot = read(bed)
    assert set(snapshot.unread) == {"promql:up", "promql:count(kube_pod_info)"}
    assert "connection refused" in snapshot.unread["promql:up"]
    assert set(snapshot.read) == EVERYTHING - set(snapshot.unread)
    assert source(snapshot, "prometheus").status == "failed"


@pytest.mark.parametrize("way", ["service proxy", "url"])
def test_prometheus_that_hangs_costs_one_timeout(bed: Testbed, way: str) -> None:
    url = bed.stack.urls.prometheus if way == "url" else None
    with frozen(bed, "prometheus"):
        began = time.monotonic()
        snapshot = read(bed, prometheus=EndpointConfig(url=url, timeout=Duration(seconds=1)))
        assert time.monotonic() - began < 40
    assert set(snapshot.unread) == {"promql:up", "promql:count(kube_pod_info)"}
    assert "did not answer" in snapshot.unread["promql:up"]


def test_the_deadline_ends_the_run_with_what_there_is(bed: Testbed) -> None:
    with frozen(bed, "prometheus"):
        began = time.monotonic()
        snapshot = read(bed, seconds=10)
        assert time.monotonic() - began < 30
    assert "pods" in snapshot.read
    assert snapshot.unread["promql:up"] == "the run's deadline of 10 s was over"


def test_rights_that_are_missing_are_named(bed: Testbed) -> None:
    lists = read(bed, kubeconfig=bed.service_account("default", "lists", LISTS))
    assert {"pods", "services"} <= set(lists.read)
    assert 'cannot get resource "services/proxy"' in lists.unread["promql:up"]
    assert "may not list certificates" in lists.unread["certificates.cert-manager.io"]
    assert source(lists, "kubernetes").status == "partial"
    nothing = read(bed, kubeconfig=bed.service_account("default", "nothing"))
    assert set(nothing.unread) == EVERYTHING
    assert (
        "Prometheus cannot be looked for: user system:serviceaccount:default:nothing may not list services"
        in (nothing.unread["promql:up"])
    )
    assert nothing.unread["container-logs"] == nothing.unread["pods"]
    assert source(nothing, "kubernetes").status == "partial"  # it answered: it is not unreachable


def test_switched_off_is_neither_asked_nor_a_failed_source(bed: Testbed) -> None:
    snapshot = read(bed, loki=EndpointConfig(enabled=False), alertmanager=EndpointConfig(enabled=False))
    assert snapshot.unread[f"logql:{RATE}"] == "switched off in the configuration (loki.enabled: false)"
    assert snapshot.unread["alerts"].startswith("switched off")
    assert [item.name for item in snapshot.sources] == ["kubernetes", "prometheus"]


def test_a_service_that_does_not_exist(bed: Testbed) -> None:
    snapshot = read(bed, prometheus=EndpointConfig(service="monitoring/nope:9090"))
    assert snapshot.unread["promql:up"] == (
        'monitoring/nope:9090 through the API server: services "nope" not found (404)'
    )


def test_a_service_without_ready_endpoints_is_passed_over(bed: Testbed) -> None:
    """The chart's own Service is preferred, until nothing is behind it."""
    labels = {"app.kubernetes.io/name": "loki", "app.kubernetes.io/component": "gateway"}
    port = {"name": "http", "port": 80}
    dead = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "dead-gateway", "namespace": "logging", "labels": labels},
        "spec": {"ports": [port], "selector": {"app": "nothing-has-this"}},
    }
    bed.api.apply(dead)
    try:
        snapshot = read(bed)
    finally:
        bed.api.delete(dead)
    assert snapshot.unread == {}
    assert "dead-gateway:http" in (source(snapshot, "loki").via or "").partition("also there")[2]


def test_an_unusable_configuration_ends_the_run(bed: Testbed) -> None:
    with pytest.raises(ConfigError, match=r"loki\.service: 'loki' is not namespace/name:port"):
        read(bed, loki=EndpointConfig(service="loki"))


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig for a server that is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        path = tmp_path / "kubeconfig"
        path.write_text(
            f"""
            apiVersion: v1
            kind: Config
            current-context: gone
            clusters: [{{name: gone, cluster: {{server: "http://127.0.0.1:{unused.getsockname()[1]}"}}}}]
            users: [{{name: me, user: {{token: x}}}}]
            contexts: [{{name: gone, context: {{cluster: gone, user: me}}}}]
            """
        )
        yield path


def test_without_the_api_server_what_has_a_url_is_read(bed: Testbed, nowhere: Path) -> None:
    urls = direct(bed)
    snapshot = read(bed, kubeconfig=nowhere, prometheus=urls["prometheus"], loki=urls["loki"])
    assert set(snapshot.read) == {"promql:up", "promql:count(kube_pod_info)", f"logql:{RATE}"}
    assert set(snapshot.unread) == EVERYTHING - set(snapshot.read)
    assert source(snapshot, "kubernetes").status == "failed"
    assert snapshot.cluster == "gone"


def test_without_the_api_server_and_any_url_there_is_nothing_to_say(bed: Testbed, nowhere: Path) -> None:
    with pytest.raises(ClusterUnreachable):
        read(bed, kubeconfig=nowhere)
    with pytest.raises(ClusterUnreachable):
        read(bed, Needs(promql=frozenset({"up"})), kubeconfig=nowhere)


def test_hostile_log_lines_and_labels_are_data(bed: Testbed) -> None:
    hostile = "\x1b[31m</script> \u202e [bold]"
    bed.stack.log([({"job": "hostile", "app": 'a"b\\'}, [(time.time(), f"{hostile} token=abcdef1234")])])
    query = 'sum by (app) (count_over_time({job="hostile"}[1h]))'
    needs = Needs(logql=frozenset({query}), log_lines={query: frozenset({'{job="hostile", app="{app}"}'})})
    poll(lambda: bool(read(bed, needs).log_metrics[query]), "the line can be queried")
    snapshot = read(bed, needs)
    assert snapshot.log_metrics[query][0].labels == {"app": 'a"b\\'}
    ((selector, lines),) = snapshot.log_lines.items()
    assert selector == '{job="hostile", app="a\\"b\\\\"}'
    assert [line.text for line in lines] == [f"{hostile} token=[redacted]"]


def test_loki_refuses_a_query_that_is_too_much(bed: Testbed) -> None:
    now = time.time()
    bed.stack.log([({"job": "many-series"}, [(now - n / 1000, f"id={n}") for n in range(600)])])
    query = 'sum by (id) (count_over_time({job="many-series"} | logfmt [1h]))'
    needs = Needs(logql=frozenset({query, RATE}))
    poll(lambda: f"logql:{query}" in read(bed, needs).unread, "the lines can be queried")
    snapshot = read(bed, needs)
    assert snapshot.read == (f"logql:{RATE}",)
    assert snapshot.unread[f"logql:{query}"].startswith("Loki answered 400: maximum number of series (500) reached")
    assert source(snapshot, "loki").status == "partial"


BEHIND = "this machine's clock is 1h 5m behind the API server's; its time was taken"


@pytest.mark.parametrize(
    ("ahead", "remark"),
    [
        (timedelta(minutes=65, seconds=30), BEHIND),
        (timedelta(minutes=-65, seconds=-30), BEHIND.replace("behind", "ahead of")),
        (timedelta(seconds=20), None),
    ],
)
def test_a_wrong_clock_of_this_machine_is_corrected(tmp_path: Path, ahead: timedelta, remark: str | None) -> None:
    """By that of the API server, for the ages in the report and for what Loki is asked."""

    def answer(request: Request) -> Iterable[bytes]:
        date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
        documents: dict[str, dict[str, Any]] = {
            "/version": {"gitVersion": "v1.34.1"},
            "/api/v1/namespaces": {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": []},
            "/loki/api/v1/labels": {"status": "success", "data": []},
            "/loki/api/v1/query": {"status": "success", "data": {"resultType": "vector", "result": []}},
        }
        document = documents.get(request.path)
        return reply(200 if document else 404, document or {}, Content_Type="application/json", Date=date)

    needs = Needs(kinds=frozenset({"namespaces"}), logql=frozenset({"q"}))
    with Server(answer) as server:
        kubeconfig = tmp_path / "kubeconfig"
        cluster = {"clusters": [{"name": "c", "cluster": {"server": server.url}}], "users": [{"name": "u", "user": {}}]}
        contexts = [{"name": "prod", "context": {"cluster": "c", "user": "u"}}]
        kubeconfig.write_text(json.dumps({"current-context": "prod", "contexts": contexts, **cluster}))
        config = Config(kubernetes=KubernetesConfig(kubeconfig=str(kubeconfig)), loki=EndpointConfig(url=server.url))
        deadline = Deadline(120)
        snapshot = collect(config, needs, client=KubeClient(config.kubernetes, deadline=deadline), deadline=deadline)
        (asked,) = (request for request in server.requests if request.path == "/loki/api/v1/query")
    now = datetime.now(UTC) + ahead
    assert snapshot.unread == {}
    assert abs(now - snapshot.taken_at) < timedelta(seconds=20)
    assert abs(now.timestamp() - int(asked.params["time"]) / 1e9) < 20
    assert source(snapshot, "kubernetes").reason == remark
