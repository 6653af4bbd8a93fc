"""What storage classes and snapshots need of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubops.bootstrap.preflight.finding import Finding, Prospect
from hubops.clients.kube.errors import NotServed

#: The second one is older than storage classes themselves are stable; the API server still goes by both.
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def drivers(at: Prospect) -> Iterator[Finding]:
    """The CSI drivers of the storage classes."""
    wanted = {item["provisioner"] for item in at.objects("StorageClass")} - {"kubernetes.io/no-provisioner"}
    there = {each["metadata"]["name"] for each in at.cluster.find("storage.k8s.io/v1", "CSIDriver")}
    missing = sorted(wanted - there)
    if missing:
        text = f"no CSI driver {', '.join(missing)}: claims of its classes would stay pending; install it first"
        yield Finding("storage-drivers", "failed", text)
    elif wanted:
        yield Finding("storage-drivers", "ok", f"CSI drivers {', '.join(sorted(wanted))}")


def snapshots(at: Prospect) -> Iterator[Finding]:
    """The definitions of volume snapshots."""
    for item in at.objects("VolumeSnapshotClass"):
        try:
            at.cluster.resource(item["apiVersion"], item["kind"])
        except NotServed:
            text = (
                "no volume snapshots: install the CRDs and the controller of kubernetes-csi/external-snapshotter first"
            )
            yield Finding("snapshots", "failed", text)
        else:
            yield Finding("snapshots", "ok", "volume snapshots are served")
        return


def default_class(at: Prospect) -> Iterator[Finding]:
    """Default storage classes beside the platform's: with two, the newer one is taken."""
    ours = {item["metadata"]["name"] for item in at.objects("StorageClass")}
    if not ours:
        return
    for item in at.cluster.find("storage.k8s.io/v1", "StorageClass"):
        name, marks = item["metadata"]["name"], _marks(item)
        if name not in ours and marks:
            command = f"kubectl annotate storageclass {name} {' '.join(f'{key}-' for key in marks)}"
            yield Finding("default-class", "warning", f"{name} is a default class too: {command}")


def _marks(item: dict[str, Any]) -> list[str]:
    annotations = item["metadata"].get("annotations") or {}
    return [key for key in _DEFAULT if annotations.get(key) == "true"]
