"""istiod gives new pods their proxies, and judges the mesh's objects."""

from __future__ import annotations

from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, untried, waiting
from hubops.bootstrap.gates import pods
from hubops.errors import Permanent

_PROXY = "istio-proxy"


def mesh_proxy_injected(at: Installed) -> Verdict:
    """A pod of the application comes back from the API server with a proxy, and is still admitted with it."""
    cluster, namespace = at.target.cluster, at.site.application
    live = cluster.read({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    if live is None:
        return untried(f"there is no namespace {namespace} to which a pod could be shown")
    labels = live["metadata"].get("labels") or {}
    if labels.get("istio-injection") != "enabled" and "istio.io/rev" not in labels:
        return waiting(f"the namespace {namespace} has no label istio-injection=enabled")
    try:
        pod = cluster.apply(pods.correct(at.site), dry_run=True).object
    except Permanent as error:
        return waiting(f"a pod with a proxy is not admitted to {namespace}: {error}")
    if not _has_proxy(pod):
        return waiting(f"a pod comes back from {namespace} without a proxy: istiod's webhook was not asked")
    return passed(f"a pod in {namespace} gets its proxy; {_encryption(at)}")


def _has_proxy(pod: dict[str, Any]) -> bool:
    """In one of both lists: newer versions make it an init container that goes on running."""
    spec = pod["spec"]
    return any(each["name"] == _PROXY for each in [*spec["containers"], *(spec.get("initContainers") or [])])


def _encryption(at: Installed) -> str:
    """What the mesh's root says of mutual TLS; the component `mesh` brings it, after this one."""
    root = {"namespace": at.rendered.component.namespace, "name": "default"}
    live = at.target.cluster.read({"apiVersion": "security.istio.io/v1beta1", "kind": "PeerAuthentication",
                                   "metadata": root})  # fmt: skip
    mode = ((live or {}).get("spec", {}).get("mtls") or {}).get("mode")
    return f"mutual TLS is {mode}" if mode else "no PeerAuthentication demands mutual TLS yet"
