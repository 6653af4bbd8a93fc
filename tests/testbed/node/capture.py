"""What the API server says of one namespace of a real cluster, as a fixture for tests/checks/_together.

Only the fields that hubops reads are kept, so that no Secret, address of a machine or managed field gets in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from hubops.model.kube.kinds import KINDS, Kind

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

Object = dict[str, Any]
# What no check looks at.
_NOISE = frozenset({"uid", "nodeInfo", "capacity", "allocatable", "imageID", "schedulerName", "strategy"})


def capture(bed: Testbed, namespace: str, about: str) -> str:
    """The fixture as YAML, under a comment that says what it is *about*; what to expect of it is for its reader."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    watchdog = {"labels": {"alertname": "Watchdog", "severity": "none"}, "starts_at": now, "updated_at": now}
    content = {
        "taken_at": now,
        "alerts": [watchdog],
        "objects": [obj for kind in KINDS for obj in _objects(bed, kind, namespace)],
    }
    return f"# {about}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=118, default_flow_style=False)


def write(bed: Testbed, namespace: str, about: str, folder: Path) -> Path:
    path = folder / f"real-{namespace}.yaml"
    path.write_text(capture(bed, namespace, about))
    return path


def _objects(bed: Testbed, kind: Kind, namespace: str) -> Iterator[Object]:
    found = bed.api.list(kind.name, namespace if kind.namespaced else None)
    for item in found:
        if _belongs(item, kind, namespace):
            kept = msgspec.to_builtins(msgspec.convert(item, kind.type), builtin_types=(dt.datetime,))
            yield {"apiVersion": kind.api_version, "kind": kind.name, **_without_noise(kept)}


def _belongs(item: Object, kind: Kind, namespace: str) -> bool:
    """Of what has no namespace: nodes, classes, and what is named after the namespace or bound to its claims."""
    if kind.name == "Event":
        return bool(item["type"] == "Warning" or item["involvedObject"]["kind"] == "PersistentVolumeClaim")
    if kind.namespaced or kind.name in ("Node", "StorageClass"):
        return True
    claimed: str | None = item.get("spec", {}).get("claimRef", {}).get("namespace")
    return namespace in (claimed, item["metadata"]["name"])


def _without_noise(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_noise(item) for key, item in value.items() if key not in _NOISE}
    return [_without_noise(item) for item in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """Without the anchors that equal values would share."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
