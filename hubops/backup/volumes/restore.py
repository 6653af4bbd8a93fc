"""The steps that bring a claim back from a VolumeSnapshot under its own name, its users stopped meanwhile."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from hubops.backup.volumes import snapshots
from hubops.backup.volumes.claim_users import User, users
from hubops.backup.volumes.snapshots import CLASS, MODE, SIZE, Snapshot
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter, Manifest
from hubops.errors import UsageError
from hubops.model.quantity import human_bytes, human_duration, size_in_bytes
from hubops.model.restore_plan import Plan, Step


@dataclass(frozen=True)
class Site:
    """What the commands of a plan name. `live` is the claim as it is; None where it is gone."""

    namespace: str
    claim: str
    snapshot: Snapshot
    live: Manifest | None
    users: Sequence[User]

    @property
    def volume(self) -> str:
        return str(((self.live or {}).get("spec") or {}).get("volumeName") or "")


def read(cluster: KubeWriter, claim: str, snapshot: str | None) -> Site:
    """What the cluster knows of *claim* ("namespace/name"), and of the *snapshot*: by default the newest that is ready.

    Raises UsageError where there is none, and SourceError where the cluster does not tell.
    """
    namespace, slash, name = claim.partition("/")
    if not (namespace and slash and name):
        raise UsageError(f"{claim}: write NAMESPACE/CLAIM")
    try:
        found = [each for each in snapshots.own(cluster, namespace) if each.claim == name]
    except NotServed as error:
        raise UsageError(f"the cluster has no VolumeSnapshots: {error}") from error
    ready = [each for each in found if each.ready and not each.leaving and snapshot in (None, each.name)]
    if not ready:
        which = (
            f"no snapshot {snapshot} of {claim} that is ready" if snapshot else f"no snapshot of {claim} that is ready"
        )
        raise UsageError(f"hubops has {which}; 'hubops backup volumes show {claim}' lists what there is")
    wanted = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": namespace, "name": name}}
    return Site(namespace, name, ready[0], cluster.read(wanted), tuple(users(cluster, namespace, name)))


def plan(site: Site, now: datetime) -> Plan:
    """The steps, in their order."""
    lost = human_duration(now - site.snapshot.taken_at)
    new_volume = " its volume is kept." if site.volume else ""
    steps = [_look(site), _keep(site), *([_stop(site)] if site.users else []), *([_remove(site)] if site.live else [])]
    return Plan(
        title=f"Restore claim {site.namespace}/{site.claim} from {site.snapshot.name}",
        facts=(
            f"The snapshot is of {site.snapshot.taken_at:%Y-%m-%d %H:%M} UTC: what was written in the {lost} since is "
            "lost.",
            f"The claim is {'there, and' if site.live else 'gone, and'} made anew under its name;"
            f"{new_volume or ' see to it that its accessModes are as before: they are known no more.'}",
            *_remarks(site),
        ),
        steps=(*steps, _make(site), *([_start(site)] if site.users else []), _after(site)),
        back=_back(site),
    )


def _remarks(site: Site) -> Iterator[str]:
    if not site.users:
        yield "No pod mounts it now. Whatever will, must not be started before the claim is there again."
    for user in site.users:
        if user.replicas is None:
            yield f"{user.kind} {user.name} mounts it and cannot be scaled: stop it by hand, with the others."
        if user.owner:
            yield f"{user.owner} made {user.word}, and may scale it back: pause it first."
    yield "A HorizontalPodAutoscaler or KEDA leaves what has 0 replicas alone."


def _look(site: Site) -> Step:
    command = _kubectl(site, "get", "volumesnapshot", site.snapshot.name, "-o", "wide")
    return Step(
        title="Look at the snapshot",
        on="where kubectl is",
        why="A drill restores it into a scratch namespace and reads it, before anything is stopped.",
        commands=(command, f"hubops drill volumes --claim {shlex.quote(f'{site.namespace}/{site.claim}')}"),
        check="READYTOUSE is true, and the drill has read what was expected. Where time presses, leave the drill out.",
    )


def _keep(site: Site) -> Step:
    """Nothing that follows may delete a disk."""
    content = {"spec": {"deletionPolicy": "Retain"}}
    commands = [_patch("volumesnapshotcontent", site.snapshot.content, content)]
    if site.volume:
        commands.append(_patch("persistentvolume", site.volume, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}))
    for user in site.users:
        if user.deletes_claims:
            retain = {
                "spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Retain", "whenDeleted": "Retain"}}
            }
            commands.append(_kubectl(site, "patch", "statefulset", user.name, "--type", "merge", "-p", _json(retain)))
    return Step(
        title="Keep the snapshot and the old volume, whatever is deleted",
        on="where kubectl is",
        why="With the reclaim policy Delete, the disk would go with the claim; a StatefulSet whose claims go when it "
        "is scaled down would take the other ones along.",
        commands=tuple(commands),
        check="Each command says patched.",
    )


def _stop(site: Site) -> Step:
    scaled = [each for each in site.users if each.replicas is not None]
    return Step(
        title="Stop what uses the claim",
        on="where kubectl is",
        commands=(*(_kubectl(site, "scale", each.word, "--replicas=0") for each in scaled),
                  _kubectl(site, "describe", "persistentvolumeclaim", site.claim)),
        check="It says Used By: <none>, as soon as the pods have ended. " + "; ".join(
            f"{each.word} had {each.replicas} replicas" for each in scaled),
    )  # fmt: skip


def _remove(site: Site) -> Step:
    file = f"{site.claim}.before.yaml"
    return Step(
        title="Remove the claim",
        on="where kubectl is",
        why="Its volume stays, as Released: it is the way back.",
        commands=(f"{_kubectl(site, 'get', 'persistentvolumeclaim', site.claim, '-o', 'yaml')} > {shlex.quote(file)}",
                  _kubectl(site, "delete", "persistentvolumeclaim", site.claim)),
        check=f"The claim is gone; {site.volume or 'it had no volume'}"
        + (" is Released: kubectl get persistentvolume " + site.volume if site.volume else "") + ".",
    )  # fmt: skip


def _make(site: Site) -> Step:
    return Step(
        title="Make it anew from the snapshot",
        on="where kubectl is",
        commands=(f"echo {shlex.quote(_json(claim(site)))} | kubectl create -f -",
                  _kubectl(site, "get", "persistentvolumeclaim", site.claim)),
        check="It is Bound; or Pending with WaitForFirstConsumer, until a pod uses it. "
        "A driver that copies needs as long as the volume is large.",
    )  # fmt: skip


def claim(site: Site) -> Manifest:
    """The claim as it was, to be filled from the snapshot."""
    was = (site.live or {}).get("spec") or {}
    notes = site.snapshot.annotations
    asked = ((was.get("resources") or {}).get("requests") or {}).get("storage") or notes.get(SIZE, "0")
    size = max(int(size_in_bytes({"storage": asked})), site.snapshot.size or 0)
    spec: Manifest = {
        "accessModes": was.get("accessModes") or ["ReadWriteOnce"],
        "volumeMode": was.get("volumeMode") or notes.get(MODE, "Filesystem"),
        "resources": {"requests": {"storage": str(size)}},
        "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": site.snapshot.name},
    }
    if storage_class := was.get("storageClassName") or notes.get(CLASS):
        spec["storageClassName"] = storage_class
    metadata: Manifest = {"namespace": site.namespace, "name": site.claim}
    if labels := ((site.live or {}).get("metadata") or {}).get("labels"):
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _start(site: Site) -> Step:
    scaled = [each for each in site.users if each.replicas is not None]
    return Step(
        title="Start what uses it",
        on="where kubectl is",
        commands=(*(_kubectl(site, "scale", each.word, f"--replicas={each.replicas}") for each in scaled),
                  *(_kubectl(site, "rollout", "status", each.word, "--timeout=10m")
                    for each in scaled if each.kind != "ReplicaSet"),
                  _kubectl(site, "get", "pods", "-o", "wide")),
        check="The pods are ready, and the claim is Bound.",
    )  # fmt: skip


def _after(site: Site) -> Step:
    old = (f"kubectl delete persistentvolume {site.volume}",) if site.volume else ()
    size = f", {human_bytes(site.snapshot.size)}" if site.snapshot.size else ""
    return Step(
        title="Look whether it is what was expected, and back up",
        on="where kubectl and hubops are",
        why="Its own users know best whether it is whole. The last command is for later: it removes the old volume "
        "from the cluster, and its disk stays in the storage system until it is deleted there."
        if old
        else "",
        commands=("hubops check pvc-pending volume-attachment-stuck pod-not-ready", "hubops backup volumes", *old),
        check=f"The checks pass, and the application has its data{size}.",
    )


def _back(site: Site) -> str:
    if not site.volume:
        return "There was no volume before; deleting the new claim returns to that."
    forget = '[{"op": "remove", "path": "/spec/claimRef"}]'
    return (
        f"Stop the users again, delete the new claim, let the old volume forget it (kubectl patch persistentvolume "
        f"{site.volume} --type json -p '{forget}'), and create the claim of {site.claim}.before.yaml without its "
        f"status, uid and resourceVersion; its spec.volumeName is {site.volume}."
    )


def _kubectl(site: Site, *words: str) -> str:
    return shlex.join(["kubectl", "-n", site.namespace, *words])


def _patch(kind: str, name: str, change: Manifest) -> str:
    return shlex.join(["kubectl", "patch", kind, name, "--type", "merge", "-p", _json(change)])


def _json(item: Manifest) -> str:
    return msgspec.json.encode(item).decode()
