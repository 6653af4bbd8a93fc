"""Prometheus scrapes and judges, Alertmanager takes alerts and knows whom to tell, Grafana answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from hubops.bootstrap.gate import Installed, Verdict, passed, untried, waiting
from hubops.bootstrap.gates.routing import receivers
from hubops.bootstrap.gates.services import PATIENCE, through_api_server, way, way_to
from hubops.clients.alertmanager import Alertmanager
from hubops.clients.answer import body_as, refusal
from hubops.clients.prometheus import Prometheus, ScrapeTarget
from hubops.clients.proxied import PostingProxied
from hubops.errors import Retryable
from hubops.model.alerting import AlertmanagerStatus
from hubops.model.text import inert

_MONITORS = {"ServiceMonitor": "serviceMonitor", "PodMonitor": "podMonitor", "Probe": "probe"}
#: Goes to nobody: deploy/monitoring/alertmanager.values.yaml has a route for this label, before all others.
TEST_ALERT = {"alertname": "HubopsTest", "hubops_test": "true"}
_LASTS = timedelta(seconds=60)
_SILENCED_TREE = "until then a test alert would be told to people, and none is sent"


@through_api_server
def prometheus_answers(at: Installed) -> Verdict:
    """It answers a query, has loaded the stack's monitors and rules, and what its own monitors found is up."""
    prometheus = Prometheus(way_to(at, "prometheus"), timeout=PATIENCE, deadline=at.target.cluster.deadline)
    samples = prometheus.query("up", datetime.now(UTC) + prometheus.clock_offset()).samples
    pools = prometheus.scrape_pools()
    if missing := sorted(name for name, pool in _pools(at) if not any(each.startswith(pool) for each in pools)):
        return waiting(f"Prometheus has not loaded {_some(missing)} yet")
    loaded = {each.name for each in prometheus.rules()}
    if missing := sorted(set(_groups(at)) - loaded):
        return waiting(f"Prometheus has not loaded the rules {_some(missing)} yet")
    targets = prometheus.targets()
    if problem := _own_problem(at, targets):
        return waiting(problem)
    down = [each for each in targets if each.health == "down"]
    also = f"; down: {_some([_target(each) for each in down])}" if down else ""
    return passed(f"{len(samples)} series of `up`, {len(targets) - len(down)} of {len(targets)} targets up{also}")


def _pools(at: Installed) -> Iterator[tuple[str, str]]:
    """The monitors of the manifests, and how the operator begins the names of their jobs."""
    for item in at.rendered.objects():
        if kind := _MONITORS.get(item["kind"]):
            metadata = item["metadata"]
            name = f"{metadata.get('namespace', at.rendered.component.namespace)}/{metadata['name']}"
            yield f"{item['kind']} {name}", f"{kind}/{name}/" if kind != "probe" else f"{kind}/{name}"


def _groups(at: Installed) -> Iterator[str]:
    for item in at.rendered.objects():
        if item["kind"] == "PrometheusRule":
            yield from (group["name"] for group in item["spec"]["groups"])


def _own_problem(at: Installed, targets: tuple[ScrapeTarget, ...]) -> str:
    """What the monitors that came with the chart do not see: they are about what the chart itself runs.

    Those of the manifests are about other components, which may not be installed yet.
    """
    namespace = at.rendered.component.namespace or ""
    label = "app.kubernetes.io/managed-by=Helm"
    for item in at.target.cluster.find("monitoring.coreos.com/v1", "ServiceMonitor", namespace, label):
        name = f"{namespace}/{item['metadata']['name']}"
        found = [each for each in targets if each.scrape_pool.startswith(f"serviceMonitor/{name}/")]
        if not found:
            return f"ServiceMonitor {name} has found nothing to scrape yet"
        if wrong := [each for each in found if each.health != "up"]:
            return f"ServiceMonitor {name}: {len(wrong)} of {len(found)} targets not up: {_some(map(_target, wrong))}"
    return ""


def _target(target: ScrapeTarget) -> str:
    return inert(f"{target.scrape_url} ({target.last_error or 'not scraped yet'})", limit=200)


def _some(names: Iterator[str] | list[str] | map[str]) -> str:
    named = list(names)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if named[3:] else "")


class _Receiver(msgspec.Struct, frozen=True):
    name: str


class _Listed(msgspec.Struct, frozen=True):
    labels: dict[str, str]
    receivers: tuple[_Receiver, ...] = ()


@through_api_server
def alertmanager_routes(at: Installed) -> Verdict:
    """It has Prometheus' alerts, tells somebody of critical ones, and takes a test alert, of which it tells nobody."""
    transport = way_to(at, "alertmanager")
    status = Alertmanager(transport, timeout=PATIENCE, deadline=at.target.cluster.deadline).status()
    team = at.site.alerting.default_team
    critical = {"alertname": "Any", "severity": "critical", "team": team, "namespace": at.site.application}
    if not (told := _told(status, critical)):
        return waiting(
            f"Alertmanager would tell nobody of a critical alert of the team {team}: its routes are not loaded"
        )
    if loud := _told(status, TEST_ALERT):
        return waiting(
            f"Alertmanager has not loaded its route of the label hubops_test yet (it says {loud}): {_SILENCED_TREE}"
        )
    if not _listed(transport, "alertname=Watchdog"):
        return waiting("Prometheus has not sent Alertmanager its alert Watchdog yet, which always fires")
    _send(transport)
    listed = _listed(transport, 'hubops_test="true"')
    if not listed:
        return waiting("Alertmanager took a test alert and does not list it yet")
    shown = ", ".join(each.name for each in listed[0].receivers)
    return passed(f"a test alert was taken and went to {shown!r}, which tells nobody; critical ones go to {told}")


def _told(status: AlertmanagerStatus, labels: dict[str, str]) -> str:
    """Whom Alertmanager would tell of an alert, and how; empty for nobody."""
    ways = {each.name: each.integrations for each in status.receivers}
    names = receivers(status.route, labels)
    return ", ".join(f"{name} ({', '.join(ways[name])})" for name in names if ways.get(name))


def _send(transport: PostingProxied) -> None:
    """Hand in the test alert, which ends by itself. Each replica keeps the alerts that it was given for itself."""
    now = datetime.now(UTC)
    alert = {"labels": TEST_ALERT, "startsAt": now.isoformat(), "endsAt": (now + _LASTS).isoformat(),
             "annotations": {"summary": "hubops looks whether Alertmanager takes alerts; nobody is told"}}  # fmt: skip
    answer = transport.post("/api/v2/alerts", json.dumps([alert]).encode(), PATIENCE)
    if answer.status != 200:
        raise refusal(answer, "Alertmanager")


def _listed(transport: PostingProxied, matcher: str) -> list[_Listed]:
    answer = transport.get("/api/v2/alerts", {"filter": matcher}, PATIENCE)
    if answer.status != 200:
        raise refusal(answer, "Alertmanager")
    return body_as(answer, list[_Listed], "Alertmanager")


class _Health(msgspec.Struct, frozen=True):
    database: str = ""
    version: str = ""


@through_api_server
def dashboards_loaded(at: Installed) -> Verdict:
    """Grafana answers and the dashboards lie ready. Whether it shows them it tells only those who have logged in."""
    dashboards, namespace = list(_dashboards(at)), at.rendered.component.namespace or ""
    for name in dashboards:
        item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}}
        if at.target.cluster.read(item) is None:
            return waiting(f"ConfigMap {namespace}/{name} with a dashboard is missing")
    found = at.target.cluster.find("v1", "Service", namespace, "app.kubernetes.io/name=grafana")
    services = [each for each in found if each["spec"].get("clusterIP") != "None"]  # a headless one is for its replicas
    if not services:
        raise Retryable(f"no Service in {namespace} has the labels of Grafana")
    port = services[0]["spec"]["ports"][0]
    transport = way(at, namespace, services[0]["metadata"]["name"], port.get("name") or str(port["port"]))
    answer = transport.get("/api/health", {}, PATIENCE)
    if answer.status != 200:
        raise refusal(answer, "Grafana")
    health = body_as(answer, _Health, "Grafana")
    if health.database != "ok":
        return waiting(f"Grafana answers that its database is {inert(health.database or 'missing', limit=60)}")
    return untried(
        f"Grafana {inert(health.version, limit=20)} answers and {len(dashboards)} ConfigMaps of dashboards are there; "
        "whether it shows them, it tells only those who have logged in"
    )


def _dashboards(at: Installed) -> Iterator[str]:
    for item in at.rendered.objects():
        if item["kind"] == "ConfigMap" and "grafana_dashboard" in (item["metadata"].get("labels") or {}):
            yield item["metadata"]["name"]
