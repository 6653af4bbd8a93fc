"""The mesh's proof: a webhook that really puts a proxy into a pod."""

from __future__ import annotations

from hubops.bootstrap.gates.mesh import mesh_proxy_injected
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import ADMIT, Manifest, Webhooks, deny, patch
from tests.stack import rendered
from tests.testbed.bed import Testbed

INJECTOR = "namespace.sidecar-injector.istio.io"
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def injects(place: str = "containers", **security: object) -> Manifest:
    proxy = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.20.0"}
    proxy["securityContext"] = {**RESTRICTED, **security}  # type: ignore[assignment]
    if place == "initContainers":
        return patch({"op": "add", "path": "/spec/initContainers", "value": [{**proxy, "restartPolicy": "Always"}]})
    return patch({"op": "add", "path": "/spec/containers/-", "value": proxy})


def test_a_pod_gets_its_proxy(component: Component, store: Store, webhooks: Webhooks, control_plane: Testbed) -> None:
    known = rendered.site("none")
    at = component("istiod", applications={"meshed": known.applications[known.application]})
    expect(mesh_proxy_injected, at, "untried", f"there is no namespace {at.site.application}")
    security = {"pod-security.kubernetes.io/enforce": "restricted"}
    store.namespace(at.site.application, **security)
    expect(mesh_proxy_injected, at, "waiting", "has no label istio-injection=enabled")
    store.namespace(at.site.application, **security, **{"istio-injection": "enabled"})
    expect(mesh_proxy_injected, at, "waiting", "without a proxy: istiod's webhook was not asked")

    webhooks.configure(INJECTOR, lambda _: injects(), ("", "pods"), mutating=True)
    expect(mesh_proxy_injected, at, "passed", "gets its proxy; no PeerAuthentication demands mutual TLS yet")
    webhooks.configure(INJECTOR, lambda _: injects("initContainers"), ("", "pods"), mutating=True)
    expect(mesh_proxy_injected, at, "passed")
    assert control_plane.api.list("Pod") == []

    for item in rendered.component("aws", "mesh").objects():
        if item["kind"] == "PeerAuthentication" and item["metadata"]["namespace"] == "istio-system":
            store(item)
    expect(mesh_proxy_injected, at, "passed", "mutual TLS is STRICT")

    needs = {"add": ["NET_ADMIN"], "drop": ["ALL"]}
    webhooks.configure(INJECTOR, lambda _: injects(capabilities=needs), ("", "pods"), mutating=True)
    expect(mesh_proxy_injected, at, "waiting", "a pod with a proxy is not admitted", "PodSecurity", "NET_ADMIN")
    webhooks.configure(INJECTOR, lambda _: ADMIT, ("", "pods"), mutating=True, trusted=False)
    expect(mesh_proxy_injected, at, "waiting", "failed calling webhook")
    webhooks.configure(INJECTOR, lambda _: deny("no revision of istiod"), ("", "pods"), mutating=True)
    expect(mesh_proxy_injected, at, "waiting", "no revision of istiod")
