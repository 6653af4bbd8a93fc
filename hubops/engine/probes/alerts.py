"""critical-alert-firing and watchdog-missing: what Alertmanager holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Pod
from hubops.model.snapshot import Alert

#: Labels that name what an alert is about, most telling first (kube-state-metrics' names).
_OBJECTS = (
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("cronjob", "CronJob"),
    ("job_name", "Job"),
)
#: Exporters that report about others: their own pod and Service on a series are not what the series is about.
_ABOUT_OBJECTS = "kube-state-metrics"
_ABOUT_NODES = "node-exporter"
#: The label of their pods, as the Prometheus operator and the charts set it.
_PIPELINE = frozenset({"prometheus", "alertmanager"})
_FIRING = 'promql:count by (alertname) (ALERTS{alertstate="firing"})'


@probe(needs=("alerts",), uses=("pods", "services"))
def critical_alert_firing(view: View, *, severity: str) -> Iterator[Hit]:
    """Alerts of this *severity* that are active: neither silenced nor inhibited. One finding per object."""
    grouped: dict[Ref, list[Alert]] = defaultdict(list)
    for alert in view.snapshot.alerts:
        if alert.labels.get("severity") == severity and alert.state == "active":
            grouped[view.owner_of(about(view, alert))].append(alert)
    for ref, alerts in grouped.items():
        yield _hit(view, ref, sorted(alerts, key=lambda alert: alert.starts_at))


def about(view: View, alert: Alert) -> Ref:
    """What *alert* is about: the object that its labels name, else the alert itself."""
    labels, namespace = alert.labels, alert.labels.get("namespace")
    if _ABOUT_NODES in labels.get("job", "") and (node := _node_of(view, labels)):
        return Ref("Node", node)
    for key, kind in _OBJECTS:
        if labels.get(key) and namespace:
            return Ref(kind, labels[key], namespace)
    if namespace and (pod := _pod(labels)):
        return Ref("Pod", pod, namespace)
    if labels.get("node"):
        return Ref("Node", labels["node"])
    return Ref("Alert", alert.name, namespace)


def _pod(labels: dict[str, str]) -> str:
    """The pod that a series is about: kube-state-metrics' own name stands on what it says of other kinds."""
    pod = labels.get("pod", "")
    return "" if _ABOUT_OBJECTS in pod else pod


def _node_of(view: View, labels: dict[str, str]) -> str:
    """The node that a node exporter's series is about: by label, or the one that the exporter's pod runs on."""
    pod = view.find(Ref("Pod", labels.get("pod", ""), labels.get("namespace")))
    named = labels.get("node") or labels.get("nodename")
    return named or (pod.spec.node_name if isinstance(pod, Pod) else "")


def _hit(view: View, ref: Ref, alerts: list[Alert]) -> Hit:
    names = list(dict.fromkeys(alert.name for alert in alerts))
    said = said_of(alerts[0])
    verb = "fire" if len(names) > 1 else "fires" if len(alerts) == 1 else f"fires {len(alerts)} times"
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"{', '.join(names)} {verb}" + (f": {said}" if said else ""), 300),
        evidence=tuple(shown(alert) for alert in alerts[:5]),
        since=alerts[0].starts_at,
        depends_on=tuple(dict.fromkeys(item for alert in alerts for item in dependencies(view, alert) if item != ref)),
        details={"alertname": names[0]},
    )


def said_of(alert: Alert) -> str:
    """What the alert's annotations say in short, empty where they say nothing."""
    return next((text for key in ("summary", "message", "description") if (text := alert.annotations.get(key))), "")


def shown(alert: Alert) -> Evidence:
    """The alert with its labels and in its own words."""
    labels = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key != "alertname")
    said = alert.annotations.get("description") or said_of(alert)
    return Evidence(
        "metric", evidence.bounded(f"{alert.name}{{{labels}}}" + (f": {said}" if said else "")), alert.starts_at
    )


def dependencies(view: View, alert: Alert) -> Iterator[Ref]:
    """What else its labels name and the cluster has: a finding about one of these explains the alert."""
    labels, namespace = alert.labels, alert.labels.get("namespace", "")
    exporter = any(name in labels.get("job", "") for name in (_ABOUT_OBJECTS, _ABOUT_NODES))
    service = view.find(Ref("Service", labels.get("service", ""), namespace))
    if service is not None and not exporter:
        yield view.owner(service)
    pod = view.find(Ref("Pod", _pod(labels), namespace))
    if isinstance(pod, Pod):
        yield view.owner(pod)
        yield from pods.on_node(pod)


@probe(needs=("alerts",), uses=(_FIRING, "pods"))
def watchdog_missing(view: View, *, alertname: str, stale: timedelta) -> Iterator[Hit]:
    """The alert *alertname*, made to fire always, is not in Alertmanager, or was not repeated for *stale*."""
    found = [alert for alert in view.snapshot.alerts if alert.name == alertname]
    repeated = [alert.updated_at for alert in found if alert.updated_at is not None]
    if found and (not repeated or view.now - max(repeated) <= stale):
        return
    last, held = max(repeated, default=None), len(view.snapshot.alerts)
    words = (
        f"{alertname} was last repeated by Prometheus at {last:%Y-%m-%d %H:%M}Z" if last else _missing(view, alertname)
    )
    yield Hit(
        ref=Ref("Alert", alertname),
        summary=words,
        evidence=(
            evidence.fact(f"Alertmanager holds {evidence.counted(held, 'alert')}, {len(found)} of them {alertname}"),
        ),
        since=last,
        depends_on=_pipeline(view),
        details={"alertname": alertname},
    )


def _pipeline(view: View) -> tuple[Ref, ...]:
    """What runs Prometheus and Alertmanager: when it is broken, that is why alerts do not arrive."""
    parts = (pod for pod in view.objects.pods if pod.metadata.labels.get("app.kubernetes.io/name") in _PIPELINE)
    return tuple(dict.fromkeys(view.owner(pod) for pod in parts))


def _missing(view: View, alertname: str) -> str:
    """Which half of the way from rule to Alertmanager is broken, as far as Prometheus' own alerts tell."""
    if _FIRING.removeprefix("promql:") not in view.snapshot.metrics:
        return f"{alertname} does not reach Alertmanager: no alert can be trusted to arrive"
    if any(sample.labels.get("alertname") == alertname for sample in view.answer(_FIRING)):
        return f"Prometheus fires {alertname} and Alertmanager does not hold it: alerts do not arrive"
    return f"Prometheus does not fire {alertname}: its rule is missing or is not evaluated"
