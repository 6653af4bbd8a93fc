"""A backup restored by Velero into the scratch namespaces: what is asked for, and how it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubops.clients.retry import Deadline
from hubops.clients.velero import Say, VeleroClient
from hubops.config.backup import VeleroDrillConfig
from hubops.drill.velero.scope import Scope
from hubops.drill.velero.scratch import Scratch
from hubops.errors import Permanent, SourceError
from hubops.model.text import inert
from hubops.model.velero import Restore, Results

#: Warnings of objects that a controller puts into every namespace before Velero comes to them.
_USUAL = r"(kube-root-ca\.crt|openshift-service-ca\.crt|istio-ca-root-cert)"
_HARMLESS = re.compile(rf'could not restore, ConfigMap[: ]"?{_USUAL}"? already exists')


@dataclass(frozen=True)
class Restored:
    """How the Restore ended: `items` came into being or were changed, `failed` is why that is not all of the backup."""

    restore: Restore
    took_s: float
    items: int
    failed: tuple[str, ...]
    warnings: tuple[str, ...]


def asked(
    backup: str, scratch: Scratch, scope: Scope, held: Sequence[str], settings: VeleroDrillConfig
) -> dict[str, Any]:
    """The spec of the Restore. *held* are the resources that the backup holds in these namespaces.

    Every kind is named, so that nothing comes back that is not known here, and every namespace has its own other one.
    Raises Permanent where there is no kind to name: for Velero that would mean all of them.
    """
    resources = scope.resources(held)
    if not set(resources) & set(held):
        raise Permanent(f"Backup {backup} holds nothing in these namespaces that a drill restores")
    spec: dict[str, Any] = {
        "backupName": backup,
        "includedNamespaces": sorted(scratch.mapping),
        "namespaceMapping": dict(scratch.mapping),
        "includedResources": resources,
        "restorePVs": settings.volumes,
        "preserveNodePorts": False,
        "existingResourcePolicy": "none",
        "resourceModifier": {"kind": "ConfigMap", "name": scratch.name},
        "itemOperationTimeout": f"{int(settings.timeout.total_seconds())}s",
    }
    if scope.cluster_resources is not None:
        spec["includeClusterResources"] = scope.cluster_resources
    return spec


def restored(velero: VeleroClient, scratch: Scratch, spec: Mapping[str, Any], say: Say, deadline: Deadline) -> Restored:
    """Restore, and wait until Velero has ended it.

    Raises Permanent where it cannot be begun, or does not end in time; what it came to is for the caller to judge.
    """
    began = time.monotonic()
    velero.create_restore(scratch.name, spec, scratch.labels)
    restore = velero.ended(Restore, scratch.name, say=say, deadline=deadline)
    took = time.monotonic() - began
    return _judged(velero, restore, took)


def _judged(velero: VeleroClient, restore: Restore, took: float) -> Restored:
    status = restore.status
    said = [*status.validation_errors, *([status.failure_reason] if status.failure_reason else ())]
    if restore.phase not in ("Completed", "PartiallyFailed"):
        raise Permanent(f"the restore is {restore.phase}: {'; '.join(said) or 'Velero does not say why'}")
    failed = [f"the restore is {restore.phase}"] if restore.phase != "Completed" else []
    results = Results()
    try:
        results = velero.results(restore)
    except SourceError as error:
        if status.errors or status.warnings:
            failed.append(f"of {status.errors} errors and {status.warnings} warnings it is not known what: {error}")
    failed += results.errors.all
    warnings = tuple(each for each in results.warnings.all if not _HARMLESS.search(each))
    items = status.progress.items_restored if status.progress else 0
    return Restored(restore, took, items, tuple(failed), warnings)


def server_version(velero: VeleroClient) -> str:
    """The tag of the image that Velero's Deployment runs, "v1.18.3"; empty where that is not known."""
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"}
    try:
        live = velero.cluster.read(deployment | {"metadata": {"namespace": velero.namespace, "name": "velero"}})
    except SourceError:
        return ""
    containers = live["spec"]["template"]["spec"]["containers"] if live else [{}]
    image = str(containers[0].get("image", "")).partition("@")[0]
    return inert(image.rpartition("/")[2].partition(":")[2], limit=60)
