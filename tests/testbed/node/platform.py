"""A cluster with a real node before anything goes wrong in it: namespaces, storage, and the stack that watches.

Prometheus, Alertmanager and Loki run beside the node, on its address. Pods on the node's network stand for them, so
that they are ready when the programs are and the API server's service proxy leads to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from tests.testbed import sample, telemetry
from tests.testbed.api import Object
from tests.testbed.objects import app_labels, meta, service
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.node.bed import NodeTestbed

CHARTS = {
    "kube-prometheus-stack-prometheus": ("monitoring", "http-web", 9090, "quay.io/prometheus/prometheus:v2.49.1"),
    "kube-prometheus-stack-alertmanager": ("monitoring", "http-web", 9093, "quay.io/prometheus/alertmanager:v0.26.0"),
    "loki-loki-distributed-gateway": ("logging", "http", 3100, "docker.io/grafana/loki:2.9.4"),
}
READY = {"loki-loki-distributed-gateway": "/ready"}
LOCAL = "local-path"


def images() -> tuple[str, ...]:
    return tuple(image for _, _, _, image in CHARTS.values())


def _labels(name: str) -> dict[str, str]:
    if name.startswith("loki"):
        return {"app.kubernetes.io/name": "loki-distributed", "app.kubernetes.io/instance": "loki",
                "app.kubernetes.io/component": "gateway", "helm.sh/chart": "loki-distributed-0.78.0"}  # fmt: skip
    return {"app": name, "self-monitor": "true", "app.kubernetes.io/instance": "kube-prometheus-stack",
            "app.kubernetes.io/part-of": "kube-prometheus-stack", "release": "kube-prometheus-stack"}  # fmt: skip


def _front(name: str, namespace: str, port: int, image: str) -> Object:
    probe = {"httpGet": {"path": READY.get(name, "/-/ready"), "port": port}, "periodSeconds": 10}
    container = {
        "name": name,
        "image": image,
        "command": ["sleep", "infinity"],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    template = {
        "metadata": {"labels": app_labels(name)},
        "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(namespace, name, app_labels(name)),
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def _objects() -> Iterator[Object]:
    for namespace in ("monitoring", "logging"):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, namespace, {"team": "platform"})}
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": meta(None, LOCAL),
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    for name, (namespace, port_name, port, image) in CHARTS.items():
        yield _front(name, namespace, port, image)
        yield service(namespace, name, {"app": name}, port, port_name=port_name, target="http", labels=_labels(name))


def _scrape_kubelet(bed: NodeTestbed) -> None:
    """Let Prometheus read the real kubelet, with the labels that the stack's ServiceMonitor gives."""
    file = bed.directory / "prometheus.yaml"
    config = yaml.safe_load(file.read_text())
    for path in ("/metrics", "/metrics/cadvisor"):
        labels = telemetry.kubelet_labels(bed.node, path)
        config["scrape_configs"].append(_kubelet_job(bed, path, labels))
    file.write_text(yaml.safe_dump(config))
    bed.stack.reload()


def _kubelet_job(bed: NodeTestbed, path: str, labels: dict[str, str]) -> dict[str, Any]:
    """The job is called `kubelet` for both paths; Prometheus asks for names that differ, so it is relabelled."""
    kept = {key: value for key, value in labels.items() if key not in ("instance", "job")}
    return {
        "job_name": f"kubelet{path}",
        "scheme": "https",
        "metrics_path": path,
        "honor_labels": True,
        "scrape_interval": "5s",
        "scrape_timeout": "5s",
        "tls_config": {"ca_file": str(bed.authority), "cert_file": str(bed.admin.certificate),
                       "key_file": str(bed.admin.key)},
        "static_configs": [{"targets": [bed.kubelet.url.removeprefix("https://")], "labels": kept}],
        "relabel_configs": [{"target_label": "job", "replacement": "kubelet"}],
    }  # fmt: skip


def available(bed: NodeTestbed) -> bool:
    return all(
        d["status"].get("availableReplicas", 0) == d["spec"]["replicas"]
        for namespace in ("monitoring", "logging")
        for d in bed.api.list("Deployment", namespace)
    )


def apply(bed: NodeTestbed, say: Callable[[str], None]) -> None:
    for obj in _objects():
        bed.api.apply(obj)
    _scrape_kubelet(bed)
    bed.stack.rules("watchdog", [telemetry.WATCHDOG], telemetry.WATCHDOG_INTERVAL)
    poll(lambda: available(bed), "the stack's pods available")
    bed.stack.wait_firing("Watchdog")
    sample.write_config(bed)
    say(f"node {bed.node} is ready")
