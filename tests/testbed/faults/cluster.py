"""Nodes, Services, admission webhooks and certificates gone wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, older, patch_conditions, remove
from tests.testbed.objects import MANUAL, service, validating_webhook
from tests.testbed.process import poll
from tests.testbed.sample import certificate

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(hours=2)


def node(bed: Testbed, name: str) -> Object:
    found = bed.api.get("Node", None, name)
    assert found is not None
    return found


def condition(bed: Testbed, name: str, kind: str) -> Object:
    return next(c for c in node(bed, name)["status"]["conditions"] if c["type"] == kind)


@dataclass(frozen=True)
class NodeCondition(Fault):
    """A kubelet that reports something wrong."""

    kind: str
    status: str
    reason: str
    message: str

    def inject(self, bed: Testbed) -> None:
        found = node(bed, self.expect.name)
        bed.api.patch(found, {"metadata": {"annotations": {MANUAL: "true"}}})
        change = {
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "lastHeartbeatTime": now(),
            "lastTransitionTime": now(dt.timedelta(minutes=15)),
        }
        bed.api.set_status(found, {"conditions": patch_conditions(found["status"]["conditions"], {self.kind: change})})
        if self.kind != "Ready":
            message = f"Node {self.expect.name} status is now: {self.reason}"
            bed.api.event(found, f"NodeHas{self.kind}", message, "kubelet")

    def clear(self, bed: Testbed) -> None:
        """kwok initializes a node that is not ready, with all conditions as they should be."""
        found = node(bed, self.expect.name)
        change = {"Ready": {"status": "False", "reason": "KubeletNotReady", "message": "restarting"}}
        bed.api.set_status(found, {"conditions": patch_conditions(found["status"]["conditions"], change)})
        bed.api.patch(found, {"metadata": {"annotations": {MANUAL: None}}})
        _wait_healthy(bed, self.expect.name)


@dataclass(frozen=True)
class KubeletStopped(Fault):
    """Nobody renews the node's lease; the real controller notices.

    kwok leaves a node alone while another holds its lease, and takes it back when that one has expired.
    """

    def _hand_over(self, bed: Testbed, holder: str, seconds: int) -> None:
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                 "metadata": {"namespace": "kube-node-lease", "name": self.expect.name}}  # fmt: skip
        renewed = now().replace("Z", ".000000Z")
        bed.api.patch(
            lease, {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": seconds}}
        )

    def inject(self, bed: Testbed) -> None:
        self._hand_over(bed, self.expect.name, 86400)
        poll(lambda: condition(bed, self.expect.name, "Ready")["status"] == "Unknown", "the node noticed as gone")

    def clear(self, bed: Testbed) -> None:
        self._hand_over(bed, self.expect.name, 1)
        _wait_healthy(bed, self.expect.name)


def _wait_healthy(bed: Testbed, name: str) -> None:
    def healthy() -> bool:
        found = node(bed, name)
        wrong = [c for c in found["status"]["conditions"] if (c["status"] == "True") != (c["type"] == "Ready")]
        taints = [t for t in found["spec"].get("taints", []) if t["key"].startswith("node.kubernetes.io/")]
        return not wrong and not taints

    poll(healthy, f"node {name} healthy")
    bed.api.forget_events("default", name)
    for pod in bed.api.list("Pod", None, fieldSelector=f"spec.nodeName={name}"):
        _ready_again(bed, {"apiVersion": "v1", "kind": "Pod", **pod})


def _ready_again(bed: Testbed, pod: Object) -> None:
    """The node controller marked the pods of a lost node as not ready; their kubelet takes it back."""
    ready = next((c for c in pod["status"]["conditions"] if c["type"] == "Ready"), None)
    if ready and ready["status"] != "True" and pod["status"]["phase"] == "Running" and not _manual(pod):
        again = {"Ready": {"status": "True", "lastTransitionTime": now()}}
        bed.api.set_status(pod, {"conditions": patch_conditions(pod["status"]["conditions"], again)})
        bed.api.forget_events(pod["metadata"]["namespace"], pod["metadata"]["name"])


def _manual(pod: Object) -> bool:
    return MANUAL in pod["metadata"].get("annotations", {})


@dataclass(frozen=True)
class Created(Fault):
    """Objects that are wrong by their mere being there."""

    objects: tuple[Object, ...]

    def inject(self, bed: Testbed) -> None:
        for obj in self.objects:
            bed.api.apply(obj)
            if namespace := obj["metadata"].get("namespace"):
                older(bed, namespace, obj["metadata"]["name"], SINCE)
        bed.backdate(SINCE, f"/registry/validatingwebhookconfigurations/{self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, *self.objects)


def _certificate(
    name: str, lives: dt.timedelta, left: dt.timedelta, status: str = "True", reason: str = "", message: str = ""
) -> Object:
    obj = certificate("shop", name, lives, left)
    ready = obj["status"]["conditions"][0]
    ready["status"] = status
    if reason:
        ready |= {"reason": reason, "message": message}
        obj["status"]["conditions"].append(
            {
                "type": "Issuing",
                "status": "False",
                "reason": "Failed",
                "message": message,
                "lastTransitionTime": now(dt.timedelta(hours=3)),
            }
        )
        obj["status"] |= {"failedIssuanceAttempts": 5, "lastFailureTime": now(dt.timedelta(hours=3))}
    return obj


@dataclass(frozen=True)
class OverdueCertificate(Fault):
    """Made at the time of injection: its dates are relative to then."""

    lives: dt.timedelta
    left: dt.timedelta
    status: str = "True"
    reason: str = ""
    message: str = ""

    @property
    def certificate(self) -> Object:
        return _certificate(self.expect.name, self.lives, self.left, self.status, self.reason, self.message)

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.certificate)
        bed.backdate(self.lives - self.left, f"/registry/cert-manager.io/certificates/shop/{self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.certificate)


def _pressure(variant: str, name: str, kind: str, reason: str, message: str) -> Fault:
    expect = Expected("node-pressure", "Node", None, name, kind)
    return NodeCondition(f"node-pressure/{variant}", expect, (), kind, "True", reason, message)


_CNI = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)
_CHALLENGE = (
    "The certificate request has failed to complete and will be retried: Failed to wait for order resource "
    '"api-tls-4-2381923" to become ready: order is in "invalid" state'
)
_DAYS = dt.timedelta(days=1)

FAULTS: tuple[Fault, ...] = (
    KubeletStopped(
        "node-not-ready/kubelet-stopped",
        Expected("node-not-ready", "Node", None, "worker-4", "Kubelet stopped posting node status"),
        ("pod-not-ready", "deployment-unavailable", "service-without-endpoints", "webhook-without-endpoints"),
    ),
    NodeCondition(
        "node-not-ready/network",
        Expected("node-not-ready", "Node", None, "worker-5", "cni plugin not initialized"),
        ("pod-not-ready", "deployment-unavailable", "service-without-endpoints", "webhook-without-endpoints"),
        "Ready",
        "False",
        "KubeletNotReady",
        _CNI,
    ),
    _pressure("disk", "worker-3", "DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    _pressure("memory", "worker-2", "MemoryPressure", "KubeletHasInsufficientMemory",
              "kubelet has insufficient memory available"),
    _pressure("pid", "worker-1", "PIDPressure", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    Created(
        "service-without-endpoints",
        Expected("service-without-endpoints", "Service", "shop", "cart-public", "app=kart"),
        (),
        (service("shop", "cart-public", {"app": "kart"}),),
    ),
    Created(
        "webhook-without-endpoints/missing-service",
        Expected("webhook-without-endpoints", "ValidatingWebhookConfiguration", None, "image-policy", "image-policy"),
        (),
        (validating_webhook("image-policy", "kube-system", "image-policy", ("", "v1", "pods")),),
    ),
    Created(
        "webhook-without-endpoints/no-endpoints",
        Expected("webhook-without-endpoints", "ValidatingWebhookConfiguration", None, "budget-guard", "budget-guard"),
        ("service-without-endpoints",),
        (
            service("payments", "budget-guard", {"app": "budget-guard"}, 443),
            validating_webhook("budget-guard", "payments", "budget-guard", ("apps", "v1", "deployments")),
        ),
    ),
    OverdueCertificate(
        "certificate-expires-soon/not-renewed",
        Expected("certificate-expires-soon", "Certificate", "shop", "api-tls", "order is in"),
        (),
        90 * _DAYS,
        5 * _DAYS,
        reason="Failed",
        message=_CHALLENGE,
    ),
    OverdueCertificate(
        "certificate-expires-soon/expired",
        Expected("certificate-expires-soon", "Certificate", "shop", "old-api-tls", "expired"),
        (),
        90 * _DAYS,
        -2 * _DAYS,
    ),
)  # fmt: skip
