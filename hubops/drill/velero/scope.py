"""Which kinds of what a backup holds are restored by a drill, and why others are not: their controllers act outside.

A kind that is not known here is not restored unless hubops.yaml names it: what its controller does with a second object
of the same content nobody but its owner can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

#: Velero's names of what Kubernetes itself serves, and acts on in the object's own namespace only.
_RESTORED = frozenset({
    "configmaps", "limitranges", "persistentvolumeclaims", "podtemplates", "replicationcontrollers", "resourcequotas",
    "secrets", "serviceaccounts", "services", "controllerrevisions.apps", "daemonsets.apps", "deployments.apps",
    "replicasets.apps", "statefulsets.apps", "horizontalpodautoscalers.autoscaling", "cronjobs.batch", "jobs.batch",
    "poddisruptionbudgets.policy", "rolebindings.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io",
})  # fmt: skip
_ADDRESSES = "they hold the addresses of the original pods; the cluster makes its own"
_SERVED = "a controller would serve their hosts beside the original's"
_TRAFFIC = "what they allow would add to the drill's own policy, and open it"
_BUILT_IN = {
    "endpoints": _ADDRESSES,
    "endpointslices.discovery.k8s.io": _ADDRESSES,
    "ingresses.networking.k8s.io": _SERVED,
    "ingresses.extensions": _SERVED,
    "networkpolicies.networking.k8s.io": _TRAFFIC,
    "networkpolicies.extensions": _TRAFFIC,
    "leases.coordination.k8s.io": "they say who was at work then",
    "events": "they are no part of an application",
    "events.events.k8s.io": "they are no part of an application",
    "pods": "their controllers make new ones",
}
#: Groups whose objects are never restored: by what they allow, the drill would no longer be closed.
_NEVER = ("cilium.io", "crd.projectcalico.org", "projectcalico.org", "crd.antrea.io", "policy.networking.k8s.io")
_SNAPSHOTS = ("volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io",
              "volumesnapshotclasses.snapshot.storage.k8s.io")  # fmt: skip
_VOLUMES = "persistentvolumes"


@dataclass(frozen=True)
class Scope:
    """What one drill restores.

    custom     shell patterns of custom resources ("widgets.example.com") that hubops.yaml lets be restored
    pods       pods themselves, too: Velero writes files of volumes and runs the hooks of a restore in no others
    snapshots  volumes by snapshots of their CSI driver
    volumes    PersistentVolumes, which snapshots of Velero's own plugins come back as
    """

    custom: Sequence[str] = ()
    pods: bool = False
    snapshots: bool = False
    volumes: bool = False

    def why_not(self, resource: str) -> str | None:
        """Why objects of *resource* ("deployments.apps") are not restored; None where they are."""
        if resource in _RESTORED or (resource == "pods" and self.pods):
            return None
        if resource == _VOLUMES or resource in _SNAPSHOTS:
            wanted = self.volumes if resource == _VOLUMES else self.snapshots
            return None if wanted else "a volume is made for each claim"
        if reason := _BUILT_IN.get(resource):
            return reason
        group = resource.partition(".")[2]
        if group.endswith(_NEVER):
            return _TRAFFIC
        if group and any(fnmatchcase(resource, each) for each in self.custom):
            return None
        return "their controllers would act on them beside the original's (drill.velero.custom_resources)"

    def resources(self, held: Sequence[str]) -> list[str]:
        """What a Restore is to include, of the resources that the backup has *held* in namespaces."""
        needed = [*(_SNAPSHOTS if self.snapshots else ()), *((_VOLUMES,) if self.volumes else ())]
        return sorted({*(each for each in held if self.why_not(each) is None), *needed})

    @property
    def cluster_resources(self) -> bool | None:
        """`includeClusterResources` of the Restore: none, or those alone that a claim leads to (None)."""
        return None if self.snapshots or self.volumes else False
