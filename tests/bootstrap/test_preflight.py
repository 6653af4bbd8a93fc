"""What the cluster brings already, and what is not allowed there: said before anything is begun, with the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from hubops.errors import Exit
from tests.bootstrap.repository import StandIn
from tests.bootstrap.stand_ins import DEPLOYMENT, NAMESPACES, definition
from tests.bootstrap.world import World

Manifest = dict[str, Any]
#: Components of the charts that clusters often bring something of; no more of them than their names.
STACK = """
schema: hubops.stack/v1
title: what others have too
kubernetes: "1.28"
repositories: {charts: URL}
namespaces: {paint-MARK: {pod_security: restricted, reason: a test}}
components:
  namespaces: {title: Namespaces, manifests: [namespaces.yaml], gates: [namespaces-labelled]}
  use: {title: Use, namespace: paint-MARK, needs: [namespaces], gates: [metrics-api-answers],
        chart: {repository: charts, name: metrics-server, version: 1.0.0}}
  judges: {title: Judges, namespace: paint-MARK, needs: [namespaces], gates: [objects-applied],
           chart: {repository: charts, name: gatekeeper, version: 1.0.0}}
  rules: {title: Rules, needs: [judges], manifests: [namespaces.yaml], gates: [objects-applied]}
  doors: {title: Doors, namespace: paint-MARK, needs: [namespaces], gates: [objects-applied], values: [doors.yaml],
          chart: {repository: charts, name: ingress-nginx, version: 1.0.0}}
  eyes: {title: Eyes, namespace: paint-MARK, needs: [namespaces], gates: [alertmanager-routes],
         chart: {repository: charts, name: kube-prometheus-stack, version: 1.0.0}}
"""
DOORS = "controller: {ingressClassResource: {default: true}}\n"
METRICS = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100,
       insecureSkipTLSVerify: true, service: {namespace: paint-MARK, name: metrics}}
"""


@pytest.fixture
def brought(world: World) -> Iterator[list[Manifest]]:
    """What is on the cluster already, by others; gone after the test."""
    colors = {"colors.yaml": definition(world.group)}
    values: Manifest = {"color": "", "replicas": 1, "nodes": {}}
    world.repository.add(
        StandIn("metrics-server", "1.0.0", {"api.yaml": METRICS.replace("MARK", world.mark)}),
        StandIn("gatekeeper", "1.0.0", {"a.yaml": DEPLOYMENT}, values),
        StandIn("ingress-nginx", "1.0.0", {"a.yaml": DEPLOYMENT}, values),
        StandIn("kube-prometheus-stack", "1.0.0", {"a.yaml": DEPLOYMENT}, values, colors),
    )
    world.write(stack=STACK, namespaces=NAMESPACES, doors=DOORS)
    items = [*others(world)]
    for item in items:
        world.bed.api.apply(item)
    yield items
    for item in items:
        world.bed.api.delete(item)


def others(world: World) -> Iterator[Manifest]:
    theirs = {"meta.helm.sh/release-name": "theirs", "meta.helm.sh/release-namespace": "tools"}
    api = {
        "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": "metrics-server"},
    }  # fmt: skip
    add_on = {"objectset.rio.cattle.io/hash": "a"}
    yield item("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", annotations=add_on, spec=api)
    webhook = {"name": "validation.gatekeeper.sh", "sideEffects": "None", "admissionReviewVersions": ["v1"],
               "clientConfig": {"url": "https://127.0.0.1:1/"}, "rules": []}  # fmt: skip
    kind = "ValidatingWebhookConfiguration"
    yield item("admissionregistration.k8s.io/v1", kind, f"theirs-{world.mark}", annotations=theirs, webhooks=[webhook])
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    networking = "networking.k8s.io/v1"
    yield item(networking, "IngressClass", f"nginx-{world.mark}", spec={"controller": "k8s.io/ingress-nginx"})
    yield item(networking, "IngressClass", f"alb-{world.mark}", annotations=default, spec={"controller": "k8s.aws/alb"})
    yield item(networking, "IngressClass", f"other-{world.mark}", spec={"controller": "example.com/other"})
    for name, flag in (("all", "--log-level=info"), ("own", "--namespaces=own")):
        yield operator(f"{name}-{world.mark}", flag)
    names = {"plural": "colors", "singular": "color", "kind": "Color", "listKind": "ColorList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": world.group, "scope": "Namespaced", "names": names, "versions": [version]}
    kind = "CustomResourceDefinition"
    yield item("apiextensions.k8s.io/v1", kind, f"colors.{world.group}", annotations=theirs, spec=spec)
    yield item("storage.k8s.io/v1", "StorageClass", f"gp-{world.mark}", provisioner="ebs.csi.aws.com")


def operator(name: str, flag: str) -> Manifest:
    labels = {"app.kubernetes.io/name": "prometheus-operator"}
    container = {"name": "main", "image": "registry.example.com/main:1", "args": [flag]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    found = item("apps/v1", "Deployment", name, spec=spec)
    found["metadata"] |= {"namespace": "default", "labels": labels}
    return found


def item(version: str, kind: str, name: str, *, annotations: dict[str, str] | None = None, **content: Any) -> Manifest:
    metadata = {"name": name, "annotations": annotations or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def test_what_the_cluster_brings_already(world: World, brought: list[Manifest]) -> None:
    """Each with whose it is and the flags that leave the platform's own out; with those flags nothing is in the way."""
    planned = world.run("plan")
    assert planned.returncode == Exit.CRITICAL
    found = preflight(planned.stdout)
    mark, theirs = world.mark, "of the Helm release tools/theirs"
    assert found["metrics-apis"] == [
        "v1beta1.metrics.k8s.io is served by kube-system/metrics-server, an add-on of k3s or RKE2, and does not work "
        '(service/metrics-server in "kube-system" is not present); a cluster has one server of it: remove that one, or '
        "leave the platform's out: --skip use (--accept metrics-apis to go on)"
    ]
    assert found["policies"] == [
        f"another Gatekeeper judges already (ValidatingWebhookConfiguration theirs-{mark}, {theirs}): remove it, or "
        "give the platform's policies to it: --skip judges (--accept policies to go on)"
    ]
    default, nginx = found["ingress-controllers"]
    assert default.startswith(f"IngressClass alb-{mark} (k8s.aws/alb), made by testbed, is a default, too; with two, ")
    assert default.endswith(f": kubectl annotate ingressclass alb-{mark} ingressclass.kubernetes.io/is-default-class-")
    assert nginx.startswith(f"IngressClass nginx-{mark} (k8s.io/ingress-nginx), made by testbed: its controller would ")
    [fights] = found["prometheus-operator"]
    assert fights.startswith(
        f"Deployment default/all-{mark}, made by testbed, is a Prometheus operator for all namespaces"
    )
    [definitions] = found["definitions"]
    assert definitions.startswith(f"eyes would upgrade colors.{world.group}, of the Helm release tools/theirs: remove ")
    helms = "Helm does not take over what is there: APIService v1beta1.metrics.k8s.io, an add-on of k3s or RKE2;"
    assert f"use: cannot be installed as it is\n  ! {helms}" in planned.stdout

    skipped = {flag for lines in found.values() for line in lines for flag in re.findall(r"--skip (\w+)", line)}
    assert skipped == {"use", "judges", "doors", "eyes"}
    flags = [argument for name in sorted(skipped) for argument in ("--skip", name)]
    again = world.run("plan", *flags)
    assert again.returncode == Exit.WARNING, again.stdout
    assert set(preflight(again.stdout)) <= {"secrets"}


def test_the_gatekeeper_of_azure_policy(world: World, brought: list[Manifest]) -> None:
    """What is written for the platform's own cannot be given to it; nor is its own Gatekeeper in the way."""
    policy = operator("azure-policy", "--a=b")
    policy["metadata"] = {"namespace": "kube-system", "name": "azure-policy"}
    world.bed.api.apply(policy)
    try:
        [found] = preflight(world.run("plan").stdout)["policies"]
        assert found.startswith(
            "Azure Policy runs a Gatekeeper of its own, and allows none beside it: end that add-on, or"
        )
        assert "leave the policies out: --skip judges --skip rules (" in found
    finally:
        world.bed.api.delete(policy)
    ours = {"meta.helm.sh/release-name": "gatekeeper", "meta.helm.sh/release-namespace": world.paint}
    [webhook] = (each for each in brought if each["kind"] == "ValidatingWebhookConfiguration")
    world.bed.api.apply({**webhook, "metadata": {**webhook["metadata"], "annotations": ours}})
    assert "policies" not in preflight(world.run("plan").stdout)


@pytest.mark.usefixtures("brought")
def test_rights_that_gates_need(world: World) -> None:
    """Of a user who may read everything, and write nothing."""
    reads = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}
    world.kubeconfig = world.bed.service_account("default", f"reader-{world.mark}", reads)
    [found] = preflight(world.run("plan").stdout)["rights"]
    assert found.startswith("not allowed: ")
    missing = found.removeprefix("not allowed: ").partition(";")[0].split(", ")
    assert "create services/proxy" in missing, "a test alert is posted"
    assert "create leases.coordination.k8s.io" in missing
    assert "patch namespaces" in missing
    assert not [each for each in missing if each.startswith(("get ", "list "))]


def preflight(said: str) -> dict[str, list[str]]:
    """The lines about the cluster, by their ids."""
    found: dict[str, list[str]] = {}
    for name, text in re.findall(r"^preflight ([\w-]+): (.*)$", said, re.MULTILINE):
        found.setdefault(name, []).append(text)
    return found
