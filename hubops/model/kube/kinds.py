"""The kinds that hubops reads in bulk: one literal table, and the collection that holds them."""

from __future__ import annotations

import msgspec

from hubops.model.kube.control import CertificateSigningRequest, Lease
from hubops.model.kube.core import Event, Namespace, Node, Pod, ResourceQuota, Service
from hubops.model.kube.meta import Object
from hubops.model.kube.networking import (
    EndpointSlice,
    Ingress,
    IngressClass,
    MutatingWebhookConfiguration,
    NetworkPolicy,
    ValidatingWebhookConfiguration,
)
from hubops.model.kube.scaling import HorizontalPodAutoscaler, PodDisruptionBudget
from hubops.model.kube.storage import PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeAttachment
from hubops.model.kube.workloads import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet


class Kind(msgspec.Struct, frozen=True):
    """A built-in kind: how the API serves it and which struct it becomes."""

    plural: str
    type: type[Object]
    group: str
    version: str
    namespaced: bool
    field_selectors: tuple[str, ...] = ("",)  # one list each; only what the checks look at

    @property
    def name(self) -> str:
        return self.type.__name__

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The path of its list over all namespaces."""
        return (
            f"/apis/{self.group}/{self.version}/{self.plural}" if self.group else f"/api/{self.version}/{self.plural}"
        )


KINDS: tuple[Kind, ...] = (
    Kind("namespaces", Namespace, "", "v1", False),
    Kind("nodes", Node, "", "v1", False),
    Kind("pods", Pod, "", "v1", True),
    Kind("services", Service, "", "v1", True),
    # Normal events are most of all events and say nothing is wrong; those about claims tell why one waits.
    Kind("events", Event, "", "v1", True, ("type=Warning", "type=Normal,involvedObject.kind=PersistentVolumeClaim")),
    Kind("persistentvolumeclaims", PersistentVolumeClaim, "", "v1", True),
    Kind("persistentvolumes", PersistentVolume, "", "v1", False),
    Kind("resourcequotas", ResourceQuota, "", "v1", True),
    Kind("storageclasses", StorageClass, "storage.k8s.io", "v1", False),
    Kind("volumeattachments", VolumeAttachment, "storage.k8s.io", "v1", False),
    Kind("deployments", Deployment, "apps", "v1", True),
    Kind("replicasets", ReplicaSet, "apps", "v1", True),
    Kind("statefulsets", StatefulSet, "apps", "v1", True),
    Kind("daemonsets", DaemonSet, "apps", "v1", True),
    Kind("jobs", Job, "batch", "v1", True),
    Kind("cronjobs", CronJob, "batch", "v1", True),
    Kind("horizontalpodautoscalers", HorizontalPodAutoscaler, "autoscaling", "v2", True),
    Kind("poddisruptionbudgets", PodDisruptionBudget, "policy", "v1", True),
    Kind("ingresses", Ingress, "networking.k8s.io", "v1", True),
    Kind("ingressclasses", IngressClass, "networking.k8s.io", "v1", False),
    Kind("networkpolicies", NetworkPolicy, "networking.k8s.io", "v1", True),
    Kind("leases", Lease, "coordination.k8s.io", "v1", True),
    Kind("certificatesigningrequests", CertificateSigningRequest, "certificates.k8s.io", "v1", False),
    Kind("endpointslices", EndpointSlice, "discovery.k8s.io", "v1", True),
    Kind(
        "validatingwebhookconfigurations", ValidatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", False
    ),
    Kind("mutatingwebhookconfigurations", MutatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", False),
)

BY_PLURAL: dict[str, Kind] = {kind.plural: kind for kind in KINDS}
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}


class Objects(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The objects of one moment, by the plural of their kind. Empty means none, or not read: see Snapshot.unread."""

    namespaces: tuple[Namespace, ...] = ()
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    events: tuple[Event, ...] = ()
    persistentvolumeclaims: tuple[PersistentVolumeClaim, ...] = ()
    persistentvolumes: tuple[PersistentVolume, ...] = ()
    resourcequotas: tuple[ResourceQuota, ...] = ()
    storageclasses: tuple[StorageClass, ...] = ()
    volumeattachments: tuple[VolumeAttachment, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    replicasets: tuple[ReplicaSet, ...] = ()
    statefulsets: tuple[StatefulSet, ...] = ()
    daemonsets: tuple[DaemonSet, ...] = ()
    jobs: tuple[Job, ...] = ()
    cronjobs: tuple[CronJob, ...] = ()
    horizontalpodautoscalers: tuple[HorizontalPodAutoscaler, ...] = ()
    poddisruptionbudgets: tuple[PodDisruptionBudget, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    ingressclasses: tuple[IngressClass, ...] = ()
    networkpolicies: tuple[NetworkPolicy, ...] = ()
    leases: tuple[Lease, ...] = ()
    certificatesigningrequests: tuple[CertificateSigningRequest, ...] = ()
    endpointslices: tuple[EndpointSlice, ...] = ()
    validatingwebhookconfigurations: tuple[ValidatingWebhookConfiguration, ...] = ()
    mutatingwebhookconfigurations: tuple[MutatingWebhookConfiguration, ...] = ()
