"""The Backups of Velero that there are, and one of them in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hubops.backup.velero import look
from hubops.backup.velero.contents import Contents, is_good, is_left_out, why_bare
from hubops.backup.velero.judge import readable
from hubops.clients.velero import VeleroClient
from hubops.model.kube.meta import LabelSelector
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup, BackupSpec, Deletion, words
from hubops.model.velero_told import BackupDetails, BackupRow

#: How long the deletion of a Backup may take before it is worth a word.
_LONG = timedelta(hours=1)
_NAMED = 20


def rows(backups: Iterable[Backup], deletions: Sequence[Deletion], now: datetime) -> list[BackupRow]:
    """All *backups* in their order."""
    return [_row(each, [one for one in deletions if one.spec.backup_name == each.name], now) for each in backups]


def _row(backup: Backup, deletions: Sequence[Deletion], now: datetime) -> BackupRow:
    status = backup.status
    return BackupRow(
        name=backup.name,
        phase=status.phase or "New",
        began=status.start_timestamp or backup.metadata.creation_timestamp,
        items=status.progress.items_backed_up if status.progress else 0,
        volumes=status.volume_snapshots_completed + status.csi_volume_snapshots_completed,
        errors=status.errors,
        warnings=status.warnings,
        expires=status.expiration,
        location=backup.spec.storage_location,
        schedule=backup.schedule,
        remark=_remark(backup, deletions, now),
    )


def _remark(backup: Backup, deletions: Sequence[Deletion], now: datetime) -> str:
    refused = [said for each in deletions for said in each.status.errors]
    if refused:
        return f"could not be deleted: {refused[0]}"
    asked = min(
        (each.metadata.creation_timestamp for each in deletions if each.metadata.creation_timestamp), default=None
    )
    if asked and now - asked > _LONG:
        return f"is to be deleted since {human_duration(now - asked)} and still there"
    if deletions or backup.phase == "Deleting":
        return "is being deleted"
    status = backup.status
    if status.validation_errors:
        return status.validation_errors[0]
    if status.failure_reason:
        return status.failure_reason
    if status.expiration and now - status.expiration > _LONG:
        return f"expired {human_duration(now - status.expiration)} ago and still there"
    return ""


def details(velero: VeleroClient, backup: Backup, now: datetime) -> BackupDetails:
    """What *backup* holds and what it lacks of what the cluster has now."""
    then = look.before(velero, backup.spec, backup.status.start_timestamp or backup.metadata.creation_timestamp)
    seen = look.seen(velero, backup, then)
    contents, status = seen.contents, backup.status
    hooks = status.hook_status
    every = len(then.inventory.expected()) if then.inventory else 0
    older = len(then.inventory.expected(then.born_before)) if then.inventory else 0
    ended = backup.phase in {"Completed", "PartiallyFailed"}
    return BackupDetails(
        backup=_row(backup, velero.deletions(backup), now),
        spec=tuple(described(backup.spec)),
        ended=status.completion_timestamp,
        hooks=f"{hooks.hooks_attempted} tried, {hooks.hooks_failed} failed" if hooks and hooks.hooks_attempted else "",
        failure="; ".join(status.validation_errors) or status.failure_reason,
        errors=tuple(readable(each) for each in contents.results.errors.all) if contents else (),
        warnings=tuple(readable(each) for each in contents.results.warnings.all) if contents else (),
        kinds=dict(contents.by_kind().most_common()) if contents else {},
        namespaces=dict(sorted(contents.by_namespace().items())) if contents else {},
        volumes=tuple(_volumes(contents)) if contents else (),
        missing=tuple(str(each) for each in seen.missing[:_NAMED]) if ended else (),
        missing_total=len(seen.missing) if ended else 0,
        expected=seen.expected if ended else None,
        younger=every - older,
        not_compared=(*seen.not_compared, *((seen.uncompared,) if seen.uncompared else ())),
        unreadable=seen.unreadable,
    )


def _volumes(contents: Contents) -> Iterable[str]:
    for each in contents.volumes or ():
        name = f"{each.pvc_namespace}/{each.pvc_name}" if each.pvc_name else each.pv_name
        moved = ", data moved" if each.snapshot_data_moved else ""
        if is_good(each):
            yield f"{name}: {each.backup_method}{moved}"
        else:
            left = "left out" if is_left_out(each) else "NOT BACKED UP"
            yield f"{name}: {left}: {why_bare(each)}"


def described(spec: BackupSpec) -> Iterable[str]:
    """What a Backup of *spec* is to hold, in words."""
    included = [each for each in spec.included_namespaces if each != "*"]
    yield f"namespaces: {', '.join(included) or 'all'}{_but(spec.excluded_namespaces)}"
    namespaced = spec.included_namespace_scoped_resources or spec.included_resources
    left_out = (*spec.excluded_namespace_scoped_resources, *spec.excluded_resources)
    yield f"kinds in namespaces: {', '.join(namespaced) or 'all'}{_but(left_out)}"
    yield f"cluster-scoped kinds: {_cluster(spec)}"
    selectors = spec.or_label_selectors or ((spec.label_selector,) if spec.label_selector else ())
    if selectors:
        yield f"labels: {words(' or '.join(_selector(each) for each in selectors))}"
    snapshots = {None: "by Velero's default", True: "yes", False: "no"}[spec.snapshot_volumes]
    moved = ", moved to the store" if spec.snapshot_move_data else ""
    yield f"snapshots of volumes: {snapshots}{moved}"
    if spec.default_volumes_to_fs_backup:
        yield "files of the volumes of pods: yes"
    if spec.resource_policy:
        yield f"resource policy: ConfigMap {words(str(spec.resource_policy.get('name')))}"


def _but(excluded: Sequence[str]) -> str:
    return f" but {', '.join(excluded)}" if excluded else ""


def _cluster(spec: BackupSpec) -> str:
    if spec.include_cluster_resources is not None:
        return "all" if spec.include_cluster_resources else "none"
    named = [*spec.included_cluster_scoped_resources, *("those that its objects refer to",)]
    return f"{', '.join(named)}{_but(spec.excluded_cluster_scoped_resources)}"


def _selector(selector: LabelSelector) -> str:
    parts = [f"{key}={value}" for key, value in selector.match_labels.items()]
    parts += [f"{each.key} {each.operator} ({','.join(each.values)})" for each in selector.match_expressions]
    return ", ".join(parts) or "any"
