"""The commands that ask Velero for a restore or a backup, wait until it has ended, and say what became of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hubops.model.velero import API, ENDED

ON = "where kubectl is"
_PLURALS = {"Backup": "backups.velero.io", "Restore": "restores.velero.io"}
#: What to look for when Velero did not come to its end.
AFTERWARDS = (
    "It prints Completed. After PartiallyFailed the count of errors stands in the last line, and what they are in the "
    "server's log (kubectl logs deployment/velero) and in 'velero restore describe --details', where that program is: "
    "mend their cause, and ask again under another name. FailedValidation says why in the last line."
)
#: What a controller makes of other objects: restored beside its own, it would be there twice or be removed again.
MADE_BY_CONTROLLERS = (
    "controllerrevisions.apps", "endpoints", "endpointslices.discovery.k8s.io", "jobs.batch", "pods",
    "replicasets.apps",
)  # fmt: skip
#: A claim, and what leads from it to its data.
VOLUMES = (
    "persistentvolumeclaims", "persistentvolumes", "volumesnapshots.snapshot.storage.k8s.io",
    "volumesnapshotcontents.snapshot.storage.k8s.io", "volumesnapshotclasses.snapshot.storage.k8s.io",
)  # fmt: skip


def asked(kind: Literal["Backup", "Restore"], server: str, name: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Create it in namespace *server*, wait until it has ended, and show how."""
    item = {"apiVersion": API, "kind": kind, "metadata": {"namespace": server, "name": name}, "spec": spec}
    phase = kubectl(server, "get", _PLURALS[kind], name, "-o", "jsonpath={.status.phase}")
    until = f"grep -xE {shlex.quote('|'.join(sorted(ENDED)))}"
    return (
        create(item),
        f"until {phase} | {until}; do sleep 2; done",
        kubectl(server, "get", _PLURALS[kind], name, "-o", 'jsonpath={.status}{"\\n"}'),
    )


def create(item: Mapping[str, Any]) -> str:
    """The command that creates *item*."""
    return f"echo {shlex.quote(msgspec.json.encode(item).decode())} | kubectl create -f -"


def kubectl(namespace: str | None, *words: str) -> str:
    return shlex.join(["kubectl", *(["-n", namespace] if namespace else []), *words])


def patch(namespace: str | None, kind: str, name: str, change: Mapping[str, Any]) -> str:
    """The command that merges *change* into an object."""
    return kubectl(namespace, "patch", kind, name, "--type", "merge", "-p", msgspec.json.encode(change).decode())
