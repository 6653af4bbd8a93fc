"""What is asked of Velero: the Backup of hubops.yaml, or of a Schedule's template."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hubops.clients.velero import MANAGED
from hubops.config.backup import VeleroBackupConfig
from hubops.model.velero import SCHEDULE_LABEL, BackupSpec, Schedule, label_value

#: Label of a Backup that hubops has asked for: its run. And what it is of, so that the next run knows the same again.
RUN, SAME = "hubops.io/backup", "hubops.io/backup-spec"


@dataclass(frozen=True)
class Wanted:
    """A Backup that is to be made. `narrowed` where it is not what hubops.yaml asks for."""

    name: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    narrowed: bool = False

    @property
    def typed(self) -> BackupSpec:
        """Its spec as hubops reads it. Raises msgspec.ValidationError where it is none."""
        return msgspec.convert({key: each for key, each in self.spec.items() if each is not None}, BackupSpec)


def of_settings(settings: VeleroBackupConfig, namespaces: Sequence[str], at: datetime) -> Wanted:
    """The Backup that *settings* describe, or of *namespaces* in place of theirs."""
    spec: dict[str, Any] = {
        "includedNamespaces": list(namespaces or settings.namespaces),
        "ttl": go_duration(settings.ttl),
    }
    if settings.exclude and not namespaces:
        spec["excludedNamespaces"] = list(settings.exclude)
    optional = {
        "includeClusterResources": settings.cluster_resources,
        "snapshotVolumes": settings.volumes,
        "storageLocation": settings.location,
    }
    spec |= {key: value for key, value in optional.items() if value is not None}
    return _labelled(Wanted(f"hubops-{_stamp(at)}", spec, narrowed=bool(namespaces)))


def of_schedule(schedule: Schedule, namespaces: Sequence[str], at: datetime, *, narrowed: bool) -> Wanted:
    """The Backup that *schedule* would make, named and labelled as Velero does; or of *namespaces* instead."""
    template = dict(schedule.spec.template)
    metadata = template.pop("metadata", None) or {}
    if namespaces:
        template["includedNamespaces"] = list(namespaces)
        template.pop("excludedNamespaces", None)
    labels = dict(metadata.get("labels") or schedule.metadata.labels) | {SCHEDULE_LABEL: label_value(schedule.name)}
    name = f"{schedule.name}-{_stamp(at)}"
    return _labelled(Wanted(name, template, labels, narrowed=narrowed or bool(namespaces)))


def _labelled(wanted: Wanted) -> Wanted:
    document = msgspec.json.encode([wanted.spec, wanted.labels.get(SCHEDULE_LABEL)], order="deterministic")
    same = hashlib.sha256(document).hexdigest()[:16]
    return Wanted(wanted.name, wanted.spec, {**wanted.labels, **MANAGED, SAME: same}, wanted.narrowed)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def go_duration(span: timedelta) -> str:
    """As Velero's API writes it: 720h0m0s."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s"
