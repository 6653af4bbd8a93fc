"""What each gate asks of the API server, beside the objects of its component's own manifests."""

from __future__ import annotations

from collections.abc import Mapping

from hubops.model.diagnosis import Right
from hubops.stack.structure import Gate as GateName


def rights_of(verbs: str, resource: str, group: str = "", namespace: str = "") -> tuple[Right, ...]:
    """A right for each of *verbs*, which are words between spaces."""
    return tuple(Right(verb=verb, resource=resource, group=group, namespace=namespace) for verb in verbs.split())


_NODES = rights_of("list", "nodes")  # whether they are simulated
_SERVICES = rights_of("list", "services")
_ASKED = (*_NODES, *_SERVICES, *rights_of("get", "services/proxy"))
_TOLD = (*_ASKED, *rights_of("create", "services/proxy"))
#: Who judges objects in a dry run.
_JUDGES = (
    *rights_of("list", "validatingwebhookconfigurations", "admissionregistration.k8s.io"),
    *rights_of("list", "mutatingwebhookconfigurations", "admissionregistration.k8s.io"),
)
#: A pod that is shown to the API server in a dry run.
_SHOWN = rights_of("create patch", "pods")

RIGHTS: Mapping[GateName, tuple[Right, ...]] = {
    "storage-classes-served": (
        *_NODES,
        *rights_of("list", "storageclasses", "storage.k8s.io"),
        *rights_of("list", "csidrivers", "storage.k8s.io"),
    ),
    "certificate-issued": (
        *_NODES,
        *_JUDGES,
        *rights_of("get create patch delete", "certificates", "cert-manager.io", "hubops"),
        *rights_of("create patch delete", "issuers", "cert-manager.io", "hubops"),
        *rights_of("get delete", "secrets", "", "hubops"),
    ),
    "ingress-routes": (
        *_NODES,
        *_JUDGES,
        *_SERVICES,
        *rights_of("list", "ingressclasses", "networking.k8s.io"),
        *rights_of("create patch", "ingresses", "networking.k8s.io", "hubops"),
        *rights_of("list", "endpointslices", "discovery.k8s.io"),
        *rights_of("list", "events"),
    ),
    "prometheus-answers": (*_ASKED, *rights_of("list", "servicemonitors", "monitoring.coreos.com")),
    "alertmanager-routes": _TOLD,
    "dashboards-loaded": _ASKED,
    "log-line-returned": _TOLD,
    "metrics-api-answers": (
        *_NODES,
        *rights_of("get", "apiservices", "apiregistration.k8s.io"),
        *rights_of("list", "nodes", "metrics.k8s.io"),
    ),
    "keda-api-answers": (
        *_NODES,
        *_JUDGES,
        *rights_of("get", "apiservices", "apiregistration.k8s.io"),
        *rights_of("create patch", "scaledobjects", "keda.sh"),
    ),
    "vpa-api-answers": (*_NODES, *_JUDGES, *rights_of("create patch", "verticalpodautoscalers", "autoscaling.k8s.io")),
    "policy-denies": (
        *_NODES,
        *_SHOWN,
        *rights_of("list create patch", "constrainttemplates", "templates.gatekeeper.sh"),
    ),
    "backup-location-available": (*_NODES, *rights_of("list", "backupstoragelocations", "velero.io")),
    "mesh-proxy-injected": (
        *_NODES,
        *_SHOWN,
        *rights_of("get", "namespaces"),
        *rights_of("get", "peerauthentications", "security.istio.io"),
    ),
}
