"""Volumes that are really provisioned and snapshots that are really taken, in a testbed that runs.

The snapshot controller, csi-snapshotter and csi-provisioner are the real ones. The driver under them is the testbed's
own (programs/csi): its volumes and snapshots are folders, so that a test sees and damages what is in them, and says
which calls of the driver fail. On a real node the driver mounts volumes into pods.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from tests.testbed import build
from tests.testbed.api import Object, load
from tests.testbed.bed import Testbed
from tests.testbed.errors import TestbedError
from tests.testbed.node.bed import NodeTestbed
from tests.testbed.process import poll

DRIVER = "folders.csi.example.com"
#: The StorageClass and the VolumeSnapshotClass of the driver.
CLASS = "folders"
#: Its StorageClass whose claims get a volume when a pod is scheduled that uses them, which needs a node.
LATE_CLASS = "folders-when-used"
CRDS = Path(__file__).parents[1] / "crds" / "external-snapshotter.yaml"
SNAPSHOTS = "snapshot.storage.k8s.io/v1"
#: The sidecars end when their driver does; in a cluster kubelet starts them again.
_SIDECARS = ("csi-snapshotter", "csi-provisioner")
_REGISTRATION = Path("/var/lib/kubelet/plugins_registry") / f"{DRIVER}-reg.sock"
_HURRY = ["--retry-interval-start=200ms", "--retry-interval-max=1s", "--kube-api-qps=100", "--kube-api-burst=200"]


class Csi:
    """The driver and its controllers beside the API server of *bed*, whose controller manager runs too."""

    __test__ = False

    def __init__(self, bed: Testbed) -> None:
        self.bed = bed
        self.run = bed.supervisor
        self.folder = bed.directory / "csi"
        self.socket = self.folder / "csi.sock"

    @classmethod
    def start(cls, bed: Testbed) -> Self:
        """Install the CRDs and classes, and start the programs; `stop`, or the end of *bed*, ends them."""
        csi = cls(bed)
        csi.folder.mkdir()
        for crd in load(CRDS):
            bed.api.apply(crd)
        poll(lambda: bed.api.serves("VolumeSnapshot"), "the snapshot CRDs served")
        for obj in _CLASSES:
            bed.api.apply(obj)
        csi._start_driver()
        csi._start_controllers()
        return csi

    def _start_driver(self) -> None:
        program = build.programs(families=("csi-driver",))["csi-driver"]
        argv: list[str | Path] = [program, f"--folder={self.folder}", f"--name={DRIVER}", f"--socket={self.socket}"]
        if isinstance(self.bed, NodeTestbed):
            self.bed.machine.run("mkdir", "-p", _REGISTRATION.parent)
            argv += [f"--node={self.bed.node}", f"--registration={_REGISTRATION}"]
            self.bed.machine.start("csi-driver", argv)
        else:
            self.run.start("csi-driver", [str(each) for each in argv])
        self.run.wait_ready("csi-driver", self.socket.exists)

    def _start_controllers(self) -> None:
        programs = build.programs(families=("csi-snapshotter", "csi-provisioner"))
        driver = f"--csi-address={self.socket}"
        # Else it would wait for the CRDs of groups.
        alone = "--feature-gates=CSIVolumeGroupSnapshot=false"
        flags = {"snapshot-controller": [alone], "csi-snapshotter": [driver, alone], "csi-provisioner": [driver]}
        for name, own in flags.items():
            self.run.start(name, [str(programs[name]), f"--kubeconfig={self.bed.kubeconfig}", *_HURRY, *own])

    def claim(self, namespace: str, name: str, *, snapshot: str | None = None, **labels: str) -> Path:
        """Make a claim, empty or from a VolumeSnapshot beside it; returns the folder of its volume when it is bound."""
        self.bed.api.apply(claim(namespace, name, CLASS, snapshot, labels))
        self._wait(lambda: self._volume(namespace, name) is not None, f"claim {namespace}/{name} bound")
        return self.files(namespace, name)

    def files(self, namespace: str, claim: str) -> Path:
        """The folder of what is in the claim's volume."""
        name = self._volume(namespace, claim)
        volume = self.bed.api.get("PersistentVolume", None, name) if name else None
        if not volume:
            raise TestbedError(f"claim {namespace}/{claim} has no volume")
        return self.folder / "volumes" / str(volume["spec"]["csi"]["volumeHandle"])

    def _volume(self, namespace: str, claim: str) -> str | None:
        found = self.bed.api.get("PersistentVolumeClaim", namespace, claim)
        bound = found and found["status"].get("phase") == "Bound"
        return found["spec"]["volumeName"] if found and bound else None

    def snapshot(self, namespace: str, name: str, claim: str) -> Path:
        """Take a VolumeSnapshot of a claim; returns the folder of what is in it when it is ready."""
        self.bed.api.apply(snapshot(namespace, name, claim))
        self._wait(lambda: self.status(namespace, name).get("readyToUse", False), f"snapshot {namespace}/{name} ready")
        return self.copy(namespace, name)

    def status(self, namespace: str, snapshot: str) -> Object:
        """The VolumeSnapshot's status, empty where it has none."""
        found = self.bed.api.get("VolumeSnapshot", namespace, snapshot)
        status: Object = (found or {}).get("status", {})
        return status

    def copy(self, namespace: str, snapshot: str) -> Path:
        """The folder of what the snapshot keeps."""
        name = self.status(namespace, snapshot).get("boundVolumeSnapshotContentName")
        content = self.bed.api.get("VolumeSnapshotContent", None, name) if name else None
        if not content or "snapshotHandle" not in content.get("status", {}):
            raise TestbedError(f"snapshot {namespace}/{snapshot} was not taken")
        return self.folder / "snapshots" / str(content["status"]["snapshotHandle"])

    def fail(self, call: str, code: str, message: str) -> None:
        """Let the driver refuse *call* (CreateSnapshot, CreateVolume, …) with a gRPC *code* as RESOURCE_EXHAUSTED."""
        self._faults(errors={call: {"code": code, "message": message}})

    def hold(self, call: str) -> None:
        """Let *call* hang."""
        self._faults(held=[call])

    def unready(self) -> None:
        """Let snapshots be taken but not be ready, as while a provider uploads them."""
        self._faults(unready=True)

    def heal(self) -> None:
        """End what `fail`, `hold` or `unready` began; one of them replaces the other, too."""
        self._faults()

    def _faults(self, **wanted: object) -> None:
        scratch = self.folder / ".faults.json"
        scratch.write_text(json.dumps(wanted))
        scratch.rename(self.folder / "faults.json")

    def kill_driver(self) -> None:
        """The driver is gone; `restart_driver` brings it back."""
        for process in self.run.state.processes:
            if process.name == "csi-driver":
                process.signal(signal.SIGKILL)
        self.run.stop("csi-driver")

    def restart_driver(self) -> None:
        self.socket.unlink(missing_ok=True)
        for name in ("csi-driver", *_SIDECARS):
            self.run.stop(name)
        self.run.start_again("csi-driver")
        self.run.wait_ready("csi-driver", self.socket.exists)
        for name in _SIDECARS:
            self.run.start_again(name)

    def stop(self) -> None:
        """Remove every claim and snapshot of the driver and end it, so that *bed* is as it was.

        Pods that use the claims must be gone.
        """
        self.heal()
        if "csi-driver" not in (process.name for process in self.run.state.processes):
            self.restart_driver()
        api = self.bed.api
        for kind in ("VolumeSnapshot", "PersistentVolumeClaim"):
            for obj in self._ours(kind):
                api.call("DELETE", api.path(kind, obj["metadata"]["namespace"], obj["metadata"]["name"]))
        for kind in ("VolumeSnapshot", "VolumeSnapshotContent", "PersistentVolumeClaim", "PersistentVolume"):
            self._wait(partial(self._gone, kind), f"every {kind} gone")
        for name in ("snapshot-controller", *_SIDECARS, "csi-driver"):
            self.run.stop(name)
        if isinstance(self.bed, NodeTestbed):
            # kubelet forgets the driver.
            self.bed.machine.run("rm", "-f", _REGISTRATION)
        for obj in (*_CLASSES, *load(CRDS)):
            api.delete(obj)
        self._wait(lambda: not api.has_group(SNAPSHOTS.partition("/")[0]), "the snapshot CRDs gone")
        shutil.rmtree(self.folder)

    def _gone(self, kind: str) -> bool:
        return not self._ours(kind)

    def _ours(self, kind: str) -> list[Object]:
        return [each for each in self.bed.api.list(kind) if _OURS[kind](each["spec"])]

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        try:
            poll(condition, what)
        except TestbedError as error:
            logs = [f"{name}: {self.run.tail(name, 5)}" for name in ("csi-driver", "snapshot-controller", *_SIDECARS)]
            raise TestbedError("\n".join([str(error), *logs])) from error


_OURS: dict[str, Callable[[Object], bool]] = {
    "VolumeSnapshot": lambda spec: spec.get("volumeSnapshotClassName") == CLASS,
    "VolumeSnapshotContent": lambda spec: spec["driver"] == DRIVER,
    "PersistentVolumeClaim": lambda spec: spec.get("storageClassName") in (CLASS, LATE_CLASS),
    "PersistentVolume": lambda spec: spec.get("csi", {}).get("driver") == DRIVER,
}


def claim(
    namespace: str, name: str, storage_class: str, snapshot: str | None = None, labels: dict[str, str] | None = None
) -> Object:
    """A claim of *storage_class*, empty or with what *snapshot* kept."""
    source: Object = {}
    if snapshot:
        source = {"dataSource": {"apiGroup": SNAPSHOTS.partition("/")[0], "kind": "VolumeSnapshot", "name": snapshot}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class,
            "resources": {"requests": {"storage": "64Mi"}}, **source}  # fmt: skip
    metadata = {"namespace": namespace, "name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def snapshot(namespace: str, name: str, claim: str) -> Object:
    """A VolumeSnapshot of *claim*."""
    spec = {"volumeSnapshotClassName": CLASS, "source": {"persistentVolumeClaimName": claim}}
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": SNAPSHOTS, "kind": "VolumeSnapshot", "metadata": metadata, "spec": spec}


def _storage_class(name: str, binding: str) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": DRIVER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": binding,
    }


_CLASSES: tuple[Object, ...] = (
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": DRIVER},
        "spec": {"attachRequired": False, "podInfoOnMount": False, "volumeLifecycleModes": ["Persistent"]},
    },
    _storage_class(CLASS, "Immediate"),
    _storage_class(LATE_CLASS, "WaitForFirstConsumer"),
    {
        "apiVersion": SNAPSHOTS,
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": CLASS},
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    },
)
