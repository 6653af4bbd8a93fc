"""The resource policy of a Backup: it may leave out objects, by rules that Velero alone applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError
from hubops.model.text import inert
from hubops.model.velero import BackupSpec

#: Parts of a policy that decide about volumes alone.
_OF_VOLUMES = {"version", "volumePolicies"}


def leaves_out(cluster: KubeWriter, namespace: str, spec: BackupSpec) -> str:
    """Why it is not known which objects a Backup of *spec* is to hold; empty where it has no such policy."""
    name = (spec.resource_policy or {}).get("name")
    if not name:
        return ""
    where = f"its resource policy, ConfigMap {namespace}/{inert(str(name))},"
    try:
        found = cluster.config_map(namespace, str(name))
    except SourceError as error:
        return f"{where} cannot be read: {error}"
    parts = _parts((found or {}).get("data") or {})
    if parts is None:
        return f"{where} is none that can be read"
    others = sorted(parts - _OF_VOLUMES)
    return f"{where} leaves out objects by {inert(', '.join(others), limit=120)}" if others else ""


def _parts(data: Mapping[str, Any]) -> set[str] | None:
    if len(data) != 1:  # Velero takes a ConfigMap with one key only
        return None
    try:
        document = yaml.safe_load(next(iter(data.values())))
    except yaml.YAMLError:
        return None
    return {str(each) for each in document} if isinstance(document, dict) else None
