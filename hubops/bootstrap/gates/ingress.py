"""The ingress controller: its webhook judges, its load balancer has an address, and the platform's hosts answer."""

from __future__ import annotations

from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, untried, waiting
from hubops.bootstrap.gates.ingress_hosts import hosts_answer
from hubops.bootstrap.gates.said import misjudged, warnings
from hubops.bootstrap.load_balancer import front
from hubops.bootstrap.record import NAMESPACE
from hubops.clients.kube.writer import KubeWriter

Manifest = dict[str, Any]
_CONTROLLER = "k8s.io/ingress-nginx"


def ingress_routes(at: Installed) -> Verdict:
    """Of the controller: that it is in charge. Of the Ingresses: that their hosts answer."""
    return _controls(at) if at.rendered.component.chart else hosts_answer(at)


def _controls(at: Installed) -> Verdict:
    cluster = at.target.cluster
    classes = cluster.find("networking.k8s.io/v1", "IngressClass")
    mine = [each["metadata"]["name"] for each in classes if each["spec"].get("controller") == _CONTROLLER]
    if not mine:
        return waiting("there is no IngressClass of ingress-nginx")
    controller = at.rendered.chart_values().get("controller") or {}
    if (controller.get("admissionWebhooks") or {}).get("enabled", True):
        # The site's own rules keep snippets out (allowSnippetAnnotations), which only the webhook knows.
        snippet = {"nginx.ingress.kubernetes.io/server-snippet": "return 204;"}
        if problem := misjudged(cluster, _ingress(mine[0], {}), _ingress(mine[0], snippet)):
            return waiting(problem)
    return _addressed(cluster, mine[0])


def _addressed(cluster: KubeWriter, name: str) -> Verdict:
    balancer = front(cluster)
    if balancer is None:
        return untried("the controller's Service is not of the type LoadBalancer: the site leads traffic to it itself")
    if not balancer.addresses:
        return waiting(f"Service {balancer.name} has no address yet{warnings(cluster, balancer.service)}")
    return passed(f"IngressClass {name}; the load balancer is {', '.join(balancer.addresses)}")


def _ingress(class_name: str, annotations: dict[str, str]) -> Manifest:
    """For a dry run: it is never stored."""
    backend = {"service": {"name": "bootstrap-gate", "port": {"number": 80}}}
    rule = {
        "host": "bootstrap-gate.invalid",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"namespace": NAMESPACE, "name": "bootstrap-gate", "annotations": annotations},
        "spec": {"ingressClassName": class_name, "rules": [rule]},
    }
