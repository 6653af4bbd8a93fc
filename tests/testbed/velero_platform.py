"""A cluster in which what Velero restores comes to life: workloads become ready, claims get volumes, what is deleted
goes.

Its controllers and its scheduler are the real ones; kwok plays the nodes, and the testbed's CSI driver has folders for
volumes and for snapshots of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from tests.testbed.api import Object, concurrently
from tests.testbed.bed import Testbed
from tests.testbed.csi import CLASS, Csi
from tests.testbed.process import poll
from tests.testbed.velero import Velero
from tests.testbed.velero_application import (
    CLAIMS,
    DEPLOYMENTS,
    STATEFUL_SET,
    application,
    definition,
    namespace,
    nodes,
)

_CLASS_LABEL = "velero.io/csi-volumesnapshot-class"


class VeleroPlatform:
    """A Velero, and the bed with controllers, nodes and volumes that it serves.

    velero   the server, its store and its faults
    bed      the cluster
    csi      its volumes and snapshots: folders, so that a test sees what is in them
    """

    __test__ = False

    def __init__(self, bed: Testbed, csi: Csi, velero: Velero) -> None:
        self.bed = bed
        self.csi = csi
        self.velero = velero

    @classmethod
    def start(cls) -> Self:
        """Start everything; `stop` ends it."""
        bed = Testbed.start(bare=True, controllers=True, nodes=True)
        try:
            csi = Csi.start(bed)
            bed.api.patch(
                {
                    "apiVersion": "snapshot.storage.k8s.io/v1",
                    "kind": "VolumeSnapshotClass",
                    "metadata": {"name": CLASS},
                },
                {"metadata": {"labels": {_CLASS_LABEL: "true"}}},
            )
            for obj in (*nodes(), definition()):
                bed.api.apply(obj)
            return cls(bed, csi, Velero.start(bed))
        except BaseException:
            bed.stop()
            raise

    def fill(self, name: str, *, ready: bool = True, volumes: bool = True, few: bool = False) -> list[Object]:
        """Make the sample application in the new namespace *name*; returns its objects as they were applied.

        When *ready*, its pods run, its Job is complete and each of its claims holds a file. *few*: 78 objects instead
        of 249, of all kinds. Without *volumes* there are no claims: restores with them take ten seconds more, for
        Velero looks at claims no more often.
        """
        made = list(application(name, CLASS if volumes else None, few=few))
        poll(lambda: self.bed.api.serves("Widget"), "the kind Widget served")
        self.bed.api.apply(namespace(name))
        concurrently(self.bed.api.apply, made)
        if ready:
            self.wait_ready(name, volumes=volumes)
            poll(lambda: self._migrated(name), f"the Job of {name} complete", 90)
            for claim in CLAIMS if volumes else ():
                (self.csi.files(name, claim) / "ledger").write_text(f"{name} {claim}\n" * 100)
        return made

    def wait_ready(self, name: str, *, volumes: bool = True) -> None:
        """Until every pod of the sample application in *name* is ready."""
        wanted = [("Deployment", each) for each in DEPLOYMENTS] + [("StatefulSet", STATEFUL_SET)] * volumes
        poll(lambda: all(self._ready(name, kind, each) for kind, each in wanted), f"the workloads of {name} ready", 90)

    def _migrated(self, namespace: str) -> bool:
        job = self.bed.api.get("Job", namespace, "migrate-0042") or {}
        return "completionTime" in job.get("status", {})

    def _ready(self, namespace: str, kind: str, name: str) -> bool:
        found = self.bed.api.get(kind, namespace, name) or {"spec": {"replicas": 1}}
        return bool(found.get("status", {}).get("readyReplicas", 0) == found["spec"]["replicas"])

    def remove(self, *names: str) -> None:
        """Delete these namespaces and what is in them; returns when the namespace controller is done."""
        for name in names:
            self.bed.api.delete(namespace(name))
        self.wait_gone(names)

    def wait_gone(self, names: Iterable[str]) -> None:
        """Until these namespaces are gone."""
        for name in names:
            poll(lambda name=name: self.bed.api.get("Namespace", None, name) is None, f"namespace {name} gone", 90)  # type: ignore[misc]

    def stop(self) -> None:
        self.velero.stop()
        self.bed.stop()
