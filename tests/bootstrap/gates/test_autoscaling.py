"""metrics-server, KEDA and VPA: APIs that are served, and webhooks that tell right from wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubops.bootstrap.gates.autoscaling import keda_api_answers, metrics_api_answers, vpa_api_answers
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import ADMIT, Manifest, Webhooks, deny
from tests.testbed.bed import Testbed
from tests.testbed.process import poll


def served(bed: Testbed, group: str, kind: str, plural: str) -> Iterator[None]:
    """The kind of an aggregated API, from the API server itself: the same paths and the same APIService."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
        },
    }
    bed.api.apply(definition)
    poll(lambda: bed.api.serves(kind), f"{kind} served")
    yield
    bed.api.delete(definition)
    poll(lambda: bed.api.get("APIService", None, f"v1beta1.{group}") is None, f"{kind} gone")


@pytest.fixture
def metrics_api(control_plane: Testbed) -> Iterator[None]:
    yield from served(control_plane, "metrics.k8s.io", "NodeMetrics", "nodes")


@pytest.fixture
def external_metrics_api(control_plane: Testbed) -> Iterator[None]:
    yield from served(control_plane, "external.metrics.k8s.io", "ExternalMetricValue", "externalmetrics")


def node(name: str) -> Manifest:
    ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "",
             "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"conditions": [ready]}}


def use(name: str) -> Manifest:
    return {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": {"name": name}}


@pytest.mark.usefixtures("metrics_api")
def test_the_use_of_every_node_is_known(component: Component, store: Store) -> None:
    for name in ("a", "b"):
        store(node(name))
    store(use("a"))
    expect(metrics_api_answers, component("metrics-server"), "waiting", "the use of 1 of 2 nodes is known; none of b")
    store(use("b"))
    expect(metrics_api_answers, component("metrics-server"), "passed", "the use of 2 nodes is known")


def test_an_api_that_nobody_serves(component: Component, store: Store) -> None:
    """As between the installation and the first answer of the server behind it."""
    at = component("metrics-server")
    expect(metrics_api_answers, at, "waiting", "APIService v1beta1.metrics.k8s.io is missing")
    spec: dict[str, Any] = {
        "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": "metrics-server"},
    }  # fmt: skip
    metadata = {"name": "v1beta1.metrics.k8s.io"}
    store({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec})
    expect(metrics_api_answers, at, "waiting", "v1beta1.metrics.k8s.io", "metrics-server", "not")


def scaled_object(item: Manifest) -> Manifest:
    names = [each["name"] for each in item["spec"]["triggers"]]
    return ADMIT if len(set(names)) == len(names) else deny(f"triggerName {names[0]} is defined multiple times")


KEDA = ("vscaledobject.kb.io", scaled_object, ("keda.sh", "scaledobjects"))


@pytest.fixture
def keda(store: Store) -> None:
    store.namespace("keda")


@pytest.mark.usefixtures("external_metrics_api", "keda")
def test_scaled_objects_are_judged(webhooks: Webhooks, component: Component, control_plane: Testbed) -> None:
    expect(keda_api_answers, component("keda"), "waiting", "no webhook judges the kind ScaledObject yet")
    webhooks.configure(*KEDA)
    expect(keda_api_answers, component("keda"), "passed")
    assert control_plane.api.list("ScaledObject") == []


@pytest.mark.usefixtures("external_metrics_api", "keda")
def test_a_webhook_that_is_silent_and_fails_open(webhooks: Webhooks, component: Component) -> None:
    webhooks.configure(*KEDA, silent=True, closed=False)
    expect(keda_api_answers, component("keda"), "waiting", "is accepted", "was silent and fails open")


@pytest.mark.usefixtures("external_metrics_api", "keda")
def test_a_webhook_that_refuses_everything(webhooks: Webhooks, component: Component) -> None:
    webhooks.configure(KEDA[0], lambda _: deny("no"), KEDA[2])
    expect(keda_api_answers, component("keda"), "waiting", "a correct ScaledObject in a dry run is not taken")


@pytest.mark.usefixtures("external_metrics_api", "keda")
def test_a_refusal_of_a_webhook_for_everything_is_no_proof(webhooks: Webhooks, component: Component) -> None:
    webhooks.configure(KEDA[0], lambda _: ADMIT, KEDA[2])
    webhooks.configure("validation.gatekeeper.sh", scaled_object, ("*", "scaledobjects"))
    expect(keda_api_answers, component("keda"), "waiting", "refused by validation.gatekeeper.sh, not by vscaledobject")


def test_external_metrics_that_are_not_served(component: Component) -> None:
    expect(keda_api_answers, component("keda"), "waiting", "APIService v1beta1.external.metrics.k8s.io is missing")


def autoscaler(item: Manifest) -> Manifest:
    [policy] = item["spec"]["resourcePolicy"]["containerPolicies"]
    lower = policy["maxAllowed"]["cpu"] == "500m"
    return deny("max resource for cpu is lower than min") if lower else ADMIT


def test_vertical_pod_autoscalers_are_judged(webhooks: Webhooks, component: Component, store: Store) -> None:
    store.namespace("vpa")
    at, resource = component("vpa"), ("autoscaling.k8s.io", "verticalpodautoscalers")
    expect(vpa_api_answers, at, "waiting", "no webhook judges the kind VerticalPodAutoscaler yet")
    webhooks.configure("vpa.k8s.io", autoscaler, resource, mutating=True, trusted=False, closed=False)
    expect(vpa_api_answers, at, "waiting", "the webhook vpa.k8s.io has no caBundle yet")
    webhooks.configure("vpa.k8s.io", autoscaler, resource, mutating=True)
    expect(vpa_api_answers, at, "passed")
