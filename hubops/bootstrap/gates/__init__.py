"""The proof that a component works, by the name that stack.yaml gives it."""

from __future__ import annotations

from collections.abc import Mapping

from hubops.bootstrap.gate import Gate
from hubops.bootstrap.gates import (
    autoscaling,
    backups,
    certificates,
    ingress,
    logs,
    mesh,
    monitoring,
    namespaces,
    objects,
    policies,
    storage,
)
from hubops.bootstrap.gates.simulated import unless_simulated
from hubops.stack.structure import Gate as GateName

GATES: Mapping[GateName, Gate] = {
    "namespaces-labelled": namespaces.namespaces_labelled,
    "network-policies-present": namespaces.network_policies_present,
    "objects-applied": objects.are_served,
    "storage-classes-served": unless_simulated(storage.storage_classes_served),
    "certificate-issued": unless_simulated(certificates.certificate_issued),
    "ingress-routes": unless_simulated(ingress.ingress_routes),
    "prometheus-answers": unless_simulated(monitoring.prometheus_answers),
    "alertmanager-routes": unless_simulated(monitoring.alertmanager_routes),
    "dashboards-loaded": unless_simulated(monitoring.dashboards_loaded),
    "log-line-returned": unless_simulated(logs.log_line_returned),
    "metrics-api-answers": unless_simulated(autoscaling.metrics_api_answers),
    "keda-api-answers": unless_simulated(autoscaling.keda_api_answers),
    "vpa-api-answers": unless_simulated(autoscaling.vpa_api_answers),
    "policy-denies": unless_simulated(policies.policy_denies),
    "backup-location-available": unless_simulated(backups.backup_location_available),
    "mesh-proxy-injected": unless_simulated(mesh.mesh_proxy_injected),
}
