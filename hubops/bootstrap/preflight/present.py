"""What the cluster has already of what the platform would install: add-ons of the cloud, and what others installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.chart_objects import objects_of
from hubops.bootstrap.owner import is_of, owner, release_of
from hubops.bootstrap.preflight.finding import Finding, Prospect
from hubops.bootstrap.ready import waits_for
from hubops.bootstrap.record import Ref
from hubops.errors import SourceError
from hubops.model.text import inert
from hubops.stack.render import Rendered
from hubops.stack.structure import Gate

Manifest = dict[str, Any]
#: APIs of which a cluster has one server only, by the gate that asks it.
_APIS: dict[Gate, str] = {
    "metrics-api-answers": "v1beta1.metrics.k8s.io",
    "keda-api-answers": "v1beta1.external.metrics.k8s.io",
}
_GATEKEEPER = "validation.gatekeeper.sh"
_AZURE_POLICY = Ref("apps/v1", "Deployment", "kube-system", "azure-policy")
_CLASS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_NGINX = "k8s.io/ingress-nginx"
#: The labels of its Deployment in kube-prometheus-stack, in kube-prometheus and OpenShift, and in its own charts.
_OPERATORS = "app.kubernetes.io/name in (kube-prometheus-stack-prometheus-operator, prometheus-operator)"
#: The flags that keep a Prometheus operator to some namespaces.
_CONFINED = ("--namespaces=", "--deny-namespaces=")


def metrics_apis(at: Prospect) -> Iterator[Finding]:
    """Servers of metrics, such as the metrics-server of EKS' add-ons, k3s, AKS and GKE."""
    for rendered in at.components:
        for name in (_APIS[gate] for gate in rendered.component.gates if gate in _APIS and rendered.component.chart):
            ref = Ref("apiregistration.k8s.io/v1", "APIService", "", name)
            live = at.cluster.read(ref.item())
            if live is None:
                continue
            if is_of(live, rendered):
                yield Finding("metrics-apis", "ok", f"{name} is the platform's own")
                continue
            problem = "; ".join(waits_for(at.cluster, [ref.item()])).removeprefix(f"{ref}: ")
            works = f"does not work ({problem})" if problem else "works"
            text = f"{name} is served by {_server(live)}, {owner(live)}, and {works}; a cluster has one server of it"
            advice = f"remove that one, or leave the platform's out: {at.skipping(rendered.name)}"
            yield Finding("metrics-apis", "failed", f"{text}: {advice}")


def _server(live: Manifest) -> str:
    service = live["spec"].get("service")
    return f"{service.get('namespace')}/{service.get('name')}" if service else "the API server itself"


def policies(at: Prospect) -> Iterator[Finding]:
    """Another Gatekeeper, such as that of Azure Policy and of GKE's Policy Controller."""
    for rendered in at.of_chart("gatekeeper"):
        found = at.cluster.find("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
        others = [each for each in found if _is_gatekeeper(each) and not is_of(each, rendered)]
        if not others:
            continue
        if at.cluster.has(_AZURE_POLICY.item()):
            text = "Azure Policy runs a Gatekeeper of its own, and allows none beside it"
            advice = f"end that add-on, or leave the policies out: {at.skipping(rendered.name, dependents=True)}"
            yield Finding("policies", "failed", f"{text}: {advice}")
        else:
            said = f"ValidatingWebhookConfiguration {others[0]['metadata']['name']}, {owner(others[0])}"
            text = f"another Gatekeeper judges already ({said}): remove it, or give the platform's policies to it"
            yield Finding("policies", "failed", f"{text}: {at.skipping(rendered.name)}")


def _is_gatekeeper(item: Manifest) -> bool:
    return any(each["name"] == _GATEKEEPER for each in item.get("webhooks") or [])


def ingress_controllers(at: Prospect) -> Iterator[Finding]:
    """Ingress classes of others: a second ingress-nginx would answer the platform's Ingresses, too."""
    for rendered in at.of_chart("ingress-nginx"):
        default = _is_default_of(rendered)
        for item in at.cluster.find("networking.k8s.io/v1", "IngressClass"):
            if not is_of(item, rendered):
                yield _ingress_class(at, rendered, item, default=default)


def _is_default_of(rendered: Rendered) -> bool:
    controller = rendered.chart_values().get("controller") or {}
    return bool((controller.get("ingressClassResource") or {}).get("default"))


def _ingress_class(at: Prospect, rendered: Rendered, item: Manifest, *, default: bool) -> Finding:
    name, controller = item["metadata"]["name"], item["spec"].get("controller")
    said = f"IngressClass {name} ({inert(str(controller), limit=60)}), {owner(item)}"
    if controller == _NGINX:
        text = f"{said}: its controller would answer the platform's Ingresses, too"
        advice = f"remove it, or leave the platform's out: {at.skipping(rendered.name)}"
        return Finding("ingress-controllers", "failed", f"{text}; {advice}")
    if default and (item["metadata"].get("annotations") or {}).get(_CLASS_DEFAULT) == "true":
        text = f"{said}, is a default, too; with two, Ingresses without a class are refused"
        command = f"kubectl annotate ingressclass {name} {_CLASS_DEFAULT}-"
        return Finding("ingress-controllers", "warning", f"{text}: {command}")
    return Finding("ingress-controllers", "ok", f"{said} is left alone")


def prometheus_operator(at: Prospect) -> Iterator[Finding]:
    """Another Prometheus operator that is not kept to namespaces of its own: both would change the same objects."""
    for rendered in at.of_chart("kube-prometheus-stack"):
        for item in at.cluster.find("apps/v1", "Deployment", labels=_OPERATORS):
            metadata = item["metadata"]
            name = f"Deployment {metadata['namespace']}/{metadata['name']}, {owner(item)}"
            if is_of(item, rendered):
                continue
            if _is_confined(item):
                yield Finding("prometheus-operator", "ok", f"{name}, is kept to some namespaces")
                continue
            text = (
                f"{name}, is a Prometheus operator for all namespaces: it would fight the platform's over its objects"
            )
            out = at.skipping(rendered.name)
            advice = f"keep it to its own with --namespaces, remove it, or leave the platform's out: {out}"
            yield Finding("prometheus-operator", "failed", f"{text}; {advice}")


def _is_confined(item: Manifest) -> bool:
    containers = item["spec"]["template"]["spec"]["containers"]
    flags = [flag for each in containers for flag in [*(each.get("command") or []), *(each.get("args") or [])]]
    return any(flag.startswith(_CONFINED) and flag.partition("=")[2] for flag in flags)


def definitions(at: Prospect) -> Iterator[Finding]:
    """Definitions that another Helm release keeps: what hubops makes of them, that release undoes."""
    for rendered in at.components:
        releases: dict[str, list[str]] = {}
        for item in at_once(at.cluster.metadata, _definitions(at, rendered)):
            if item and (release := release_of(item)) and not is_of(item, rendered):
                releases.setdefault(release, []).append(item["metadata"]["name"])
        for release, names in releases.items():
            more = f" and {len(names) - 1} more" if names[1:] else ""
            text = f"{rendered.name} would upgrade {names[0]}{more}, of the Helm release {inert(release, limit=120)}"
            keep = "with its definitions kept (helm.sh/resource-policy=keep)"
            advice = f"remove that one {keep}, or leave this one out: {at.skipping(rendered.name)}"
            yield Finding("definitions", "failed", f"{text}: {advice}")


def _definitions(at: Prospect, rendered: Rendered) -> list[Manifest]:
    """The definitions of its chart; none where the chart cannot be had, which the plan tells."""
    chart = rendered.component.chart
    if chart is None:
        return []
    try:
        return objects_of(at.target.crds(at.target.charts.fetch(chart)))
    except SourceError:
        return []
