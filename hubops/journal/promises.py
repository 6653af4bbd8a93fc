"""What a site promised about its backups, as runs record it and checks judge by."""

from __future__ import annotations

from hubops.config.backup import BackupConfig, Objectives
from hubops.model.backup import Kind, Promised


def promised(objectives: Objectives) -> Promised:
    return Promised(
        rpo_s=objectives.rpo.total_seconds(),
        rto_s=objectives.rto.total_seconds(),
        proven_every_s=objectives.proven_every.total_seconds(),
    )


def configured(config: BackupConfig) -> dict[Kind, Promised]:
    """What is promised now of each kind that is backed up."""
    kinds: dict[Kind, Promised] = {}
    if config.etcd is not None:
        kinds["etcd"] = promised(config.etcd.objectives)
    if config.volumes is not None:
        kinds["volumes"] = promised(config.volumes.objectives)
    if config.velero is not None:
        kinds["velero"] = promised(config.velero.objectives)
    return kinds
