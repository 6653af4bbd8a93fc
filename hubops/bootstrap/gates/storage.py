"""Storage classes: there as they were applied, one of them the default, and the drivers that make their volumes."""

from __future__ import annotations

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.gates.objects import are_served

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
#: Volumes that somebody else makes: local disks.
_NOBODY = "kubernetes.io/no-provisioner"


def storage_classes_served(at: Installed) -> Verdict:
    """With two defaults the newer one would be taken, with none a claim without a class would wait for ever."""
    verdict = are_served(at)
    if verdict.state != "passed":
        return verdict
    cluster = at.target.cluster
    classes = cluster.find("storage.k8s.io/v1", "StorageClass")
    defaults = sorted(
        each["metadata"]["name"]
        for each in classes
        if (each["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
    )
    if len(defaults) != 1:
        said = f"{', '.join(defaults)} all are" if defaults else "none is"
        others = " and ".join(f"kubectl annotate storageclass {name} {_DEFAULT}-" for name in _others(at, defaults))
        return waiting(f"exactly one storage class is to be the default, and {said}{f': {others}' if others else ''}")
    drivers = {each["metadata"]["name"] for each in cluster.find("storage.k8s.io/v1", "CSIDriver")}
    wanted = {item["provisioner"] for item in at.rendered.objects() if item["kind"] == "StorageClass"} - {_NOBODY}
    if missing := sorted(wanted - drivers):
        return waiting(f"no CSI driver {', '.join(missing)}: claims of its classes stay pending")
    return passed(f"{verdict.words}; {defaults[0]} is the default, drivers {', '.join(sorted(wanted))}")


def _others(at: Installed, defaults: list[str]) -> list[str]:
    ours = {item["metadata"]["name"] for item in at.rendered.objects()}
    return [name for name in defaults if name not in ours]
