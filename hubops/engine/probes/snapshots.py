"""volume-snapshot-not-ready: snapshots that were asked for, and that nothing could be restored from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import custom, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.meta import Kube, ObjectMeta, ObjectReference
from hubops.model.kube.storage import VolumeError

SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io"
CONTENTS = "volumesnapshotcontents.snapshot.storage.k8s.io"


class _Source(Kube, frozen=True):
    persistent_volume_claim_name: str | None = None
    volume_snapshot_content_name: str | None = None


class _Spec(Kube, frozen=True):
    source: _Source = _Source()
    volume_snapshot_class_name: str | None = None


class _Status(Kube, frozen=True):
    ready_to_use: bool | None = None
    bound_volume_snapshot_content_name: str | None = None
    error: VolumeError | None = None


class VolumeSnapshot(Kube, frozen=True):
    """A snapshot.storage.k8s.io/v1 VolumeSnapshot, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _ContentSpec(Kube, frozen=True):
    driver: str = ""
    volume_snapshot_ref: ObjectReference = ObjectReference()


class VolumeSnapshotContent(Kube, frozen=True):
    """A snapshot.storage.k8s.io/v1 VolumeSnapshotContent, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _ContentSpec = _ContentSpec()
    status: _Status = _Status()


@probe(
    needs=(SNAPSHOTS, CONTENTS),
    uses=("persistentvolumeclaims", "events"),
    fields={
        SNAPSHOTS: (
            "spec.source",
            "spec.volumeSnapshotClassName",
            "status.readyToUse",
            "status.boundVolumeSnapshotContentName",
            "status.error",
        ),
        CONTENTS: ("spec.driver", "spec.volumeSnapshotRef", "status.readyToUse", "status.error"),
    },
)
def volume_snapshot_not_ready(view: View, *, grace: timedelta, copying: timedelta) -> Iterator[Hit]:
    """Snapshots that report an error for longer than *grace*, or are not ready after *copying* without any word.

    And contents that could not be deleted for *grace*. All are told of the claim that was to be saved. A snapshot that
    is ready keeps the error of an earlier attempt at times: what is ready is well.
    """
    contents = {item.metadata.name: item for item in custom.readable(view, VolumeSnapshotContent, CONTENTS)}
    for item in custom.read(view, VolumeSnapshot, SNAPSHOTS):
        if item.metadata.deletion_timestamp is not None or item.status.ready_to_use:
            continue
        content = contents.get(item.status.bound_volume_snapshot_content_name or "")
        error = item.status.error or (content.status.error if content else None)
        made = item.metadata.creation_timestamp
        if pods.longer_than(view, made, grace if error else copying):
            yield _not_ready(view, item, content, error)
    for content in custom.read(view, VolumeSnapshotContent, CONTENTS):
        leaving = content.metadata.deletion_timestamp
        if leaving is not None and content.status.error and pods.longer_than(view, leaving, grace):
            yield _not_deleted(content, content.status.error)


def _not_ready(
    view: View, item: VolumeSnapshot, content: VolumeSnapshotContent | None, error: VolumeError | None
) -> Hit:
    meta = item.metadata
    own = Ref("VolumeSnapshot", meta.name, meta.namespace)
    claim = item.spec.source.persistent_volume_claim_name
    ref = Ref("PersistentVolumeClaim", claim, meta.namespace) if claim else own
    driver = content.spec.driver if content else ""
    if error is not None:
        words = f"its snapshot fails{f' in {driver}' if driver else ''}: {evidence.innermost(error.message)}"
    elif content is None:
        words = "its snapshot was asked for, and no controller has taken it up"
    else:
        words = f"its snapshot does not become ready, and {driver or 'the driver'} does not say why"
    return Hit(
        ref=ref,
        summary=evidence.bounded(words, 300),
        evidence=tuple(_evidence(view, item, error)),
        since=meta.creation_timestamp,
        details={"snapshot": meta.name} | ({"claim": claim} if claim else {}),
        example=meta.name if claim else None,
    )


def _evidence(view: View, item: VolumeSnapshot, error: VolumeError | None) -> Iterator[Evidence]:
    meta = item.metadata
    named = item.spec.volume_snapshot_class_name or "the default"
    yield evidence.fact(f"VolumeSnapshot {meta.name}, class {named}: readyToUse is not true", meta.creation_timestamp)
    if error is not None:
        yield evidence.fact(f"error: {error.message}", error.time)
    events = view.events.get(Ref("VolumeSnapshot", meta.name, meta.namespace), ())
    yield from (evidence.from_event(event) for event in events[:1])


def _not_deleted(content: VolumeSnapshotContent, error: VolumeError) -> Hit:
    of = content.spec.volume_snapshot_ref
    return Hit(
        ref=Ref("VolumeSnapshotContent", content.metadata.name),
        summary=evidence.bounded(f"cannot be deleted by {content.spec.driver}: {error.message}", 300),
        evidence=(evidence.fact(f"error: {error.message}", error.time), evidence.fact(f"of {of.namespace}/{of.name}")),
        since=content.metadata.deletion_timestamp,
    )
