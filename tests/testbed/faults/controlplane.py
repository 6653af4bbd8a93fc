"""The control plane, its extensions, and deletions that do not come to an end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed import middleware
from tests.testbed.api import Object, now
from tests.testbed.faults.applications import Measured
from tests.testbed.faults.base import Expected, Fault, remove
from tests.testbed.middleware import target
from tests.testbed.objects import meta, service
from tests.testbed.process import poll
from tests.testbed.source import Sample

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(hours=2)


@dataclass(frozen=True)
class ExtensionGone(Fault):
    """An extension of the API was uninstalled, and its APIService stayed behind."""

    service: str

    @property
    def _object(self) -> Object:
        version, _, group = self.expect.name.partition(".")
        return {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": meta(None, self.expect.name),
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"namespace": "kube-system", "name": self.service},
            },
        }

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self._object)

        def judged() -> bool:
            found = bed.api.get("APIService", None, self.expect.name)
            return bool(found and found.get("status", {}).get("conditions"))

        poll(judged, f"{self.expect.name} judged")
        bed.backdate(SINCE, f"/registry/apiregistration.k8s.io/apiservices/{self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, self._object)


@dataclass(frozen=True)
class Abandoned(Fault):
    """The lease of a controller whose process is gone, with nobody to take it over."""

    @property
    def _object(self) -> Object:
        renewed = now(dt.timedelta(minutes=40)).replace("Z", ".000000Z")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta(self.expect.namespace, self.expect.name),
            "spec": {"holderIdentity": "cp-1_4f0c", "leaseDurationSeconds": 15, "renewTime": renewed},
        }

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self._object)

    def clear(self, bed: Testbed) -> None:
        remove(bed, self._object)


@dataclass(frozen=True)
class Held(Fault):
    """A deleted object that keeps a finalizer: itself, or what is in the namespace that was deleted."""

    deleted: Object
    holder: Object

    def inject(self, bed: Testbed) -> None:
        for obj in (self.deleted, self.holder):
            bed.api.apply(obj)
        bed.api.delete(self.deleted)
        if self.deleted["kind"] == "Namespace":
            poll(lambda: self._says_why(bed), f"{self.expect.name} says why it stays")
        plural = {"Namespace": "namespaces", "Service": "services/specs"}[self.deleted["kind"]]
        bed.backdate(SINCE, "/".join(filter(None, ["/registry", plural, self.expect.namespace, self.expect.name])))

    def _says_why(self, bed: Testbed) -> bool:
        found = bed.api.get("Namespace", None, self.expect.name)
        conditions = found["status"].get("conditions", []) if found else []
        return any(each["type"] == "NamespaceFinalizersRemaining" and each["status"] == "True" for each in conditions)

    def clear(self, bed: Testbed) -> None:
        held = self.holder["metadata"]
        if bed.api.get(self.holder["kind"], held.get("namespace"), held["name"]) is not None:
            bed.api.patch(self.holder, {"metadata": {"finalizers": None}})
        remove(bed, self.deleted)


def _config_map(namespace: str, name: str, finalizer: str) -> Object:
    metadata = meta(namespace, name) | {"finalizers": [finalizer]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _balanced(namespace: str, name: str) -> Object:
    made = service(namespace, name, {})
    made["metadata"]["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
    return made


_OLD_SHOP: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, "old-shop")}
_PUBLIC = _balanced("shop", "public-before")
_REJECTED = {"type": "validating", "operation": "CREATE", "error_type": "calling_webhook_error", "rejection_code": "0"}

FAULTS: tuple[Fault, ...] = (
    ExtensionGone(
        "apiservice-unavailable",
        Expected("apiservice-unavailable", "APIService", None, "v1beta1.reports.example.com", "ServiceNotFound"),
        (),
        "reports-apiserver",
    ),
    Abandoned(
        "lease-not-renewed",
        Expected("lease-not-renewed", "Lease", "kube-system", "cloud-controller-manager", "no load balancer is made"),
        (),
    ),
    Held(
        "namespace-stuck-terminating",
        Expected("namespace-stuck-terminating", "Namespace", None, "old-shop", "example.com/ledger"),
        (),
        _OLD_SHOP,
        _config_map("old-shop", "ledger", "example.com/ledger"),
    ),
    Held(
        "finalizer-stuck",
        Expected("finalizer-stuck", "Service", "shop", "public-before", "the cloud controller manager"),
        (),
        _PUBLIC,
        _PUBLIC,
    ),
    Measured(
        "webhook-failing",
        Expected(
            "webhook-failing", "ValidatingWebhookConfiguration", None, "ingress-nginx-admission", "calls failed in 10m"
        ),
        (),
        target(
            "default",
            "apiserver",
            Sample(
                "apiserver_admission_webhook_rejection_count",
                _REJECTED | {"name": "validate.ingress-nginx-admission.example.com"},
                1e3,
                0.1,
            ),
            instance="10.9.1.1:6443",
        ),
    ),
    Measured(
        "etcd-member-missing",
        Expected("etcd-member-missing", "Etcd", "kube-system", "kube-etcd", "does not reach every other member"),
        (),
        target("kube-system", "kube-etcd", *middleware.etcd_samples(active=0.0), instance="10.9.1.2:2381"),
    ),
)
