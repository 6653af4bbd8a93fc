"""The steps that bring a namespace back: one that is gone, or one that a deploy has spoilt together with its data."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime

from hubops.backup.velero.restore.commands import (
    AFTERWARDS,
    MADE_BY_CONTROLLERS,
    ON,
    VOLUMES,
    asked,
    kubectl,
    patch,
)
from hubops.backup.velero.restore.site import Site
from hubops.model.quantity import human_duration
from hubops.model.restore_plan import Plan, Step


def plan(site: Site, now: datetime) -> Plan:
    """The steps, in their order. *now* also makes the names of what is asked of Velero."""
    mark = f"{now:%Y%m%d%H%M%S}"
    steps = _anew(site, mark) if not site.live else _afresh(site, mark) if site.by_files else _in_place(site, mark)
    return Plan(
        title=f"Restore namespace {site.namespace} from Backup {site.held.backup.name}",
        facts=tuple(_facts(site, now)),
        steps=(look(site), *steps, _after(site)),
        back=_back(site, mark),
    )


def _facts(site: Site, now: datetime) -> Iterator[str]:
    held, space = site.held, site.namespace
    lost = human_duration(now - held.taken_at)
    yield (
        f"The backup is of {held.taken_at:%Y-%m-%d %H:%M} UTC: what was written in the {lost} since is lost. It holds "
        f"{held.count(space):,} objects of {space}, {len(held.claims(space))} claims among them."
    )
    if held.backup.phase != "Completed":
        yield f"It is {held.backup.phase}: something is missing in it ('hubops backup velero show' says what)."
    if site.newer:
        shown = ", ".join(site.newer[:3])
        yield f"Newer, but without it, without data of its claims, or PartiallyFailed: {shown} (--backup takes one)."
    if bare := held.bare(space):
        yield f"It has no data of {', '.join(bare)}: these claims come back empty. Is there another backup of them?"
    if held.data is None and held.claims(space):
        yield "This Velero does not tell of which volumes it has data: look at the backup before you rely on it."
    if site.live:
        yield f"The namespace is there; what was deployed since and is not in the backup stays ({len(site.users)} run)."
    else:
        yield "The namespace is gone, and made anew under its name. Cluster-scoped objects are left as they are."
    kept = [each for each in site.volumes if each.phase == "Released"]
    if kept:
        names = ", ".join(f"{each.name} (of claim {each.claim})" for each in kept[:5])
        yield f"Volumes of it are still there, and newer than the backup: {names}. 'hubops runbook pv-released' first."
    yield "Whatever deploys here by itself (Argo CD, Flux, a pipeline) has to be paused first, and started last."


def look(site: Site) -> Step:
    """That the backup is what it is taken for."""
    return Step(
        title="Look at the backup",
        on="where hubops and kubectl are",
        commands=(f"hubops backup velero show {shlex.quote(site.held.backup.name)}",
                  kubectl(site.server, "get", "backupstoragelocations.velero.io")),
        check=f"It is {site.held.backup.phase}, holds {site.namespace}, and its location is Available.",
    )  # fmt: skip


def _names(site: Site) -> list[str]:
    """The commands that free the names of volumes that are in the way; their disks stay."""
    retain = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    found = []
    for each in site.in_the_way:
        written = kubectl(None, "get", "persistentvolume", each.name, "-o", "yaml")
        found += [
            patch(None, "persistentvolume", each.name, retain),
            f"{written} > {shlex.quote(f'{each.name}.before.yaml')}",
            kubectl(None, "delete", "persistentvolume", each.name),
        ]
    return found


def _anew(site: Site, mark: str) -> Iterator[Step]:
    if site.in_the_way:
        yield Step(
            title="Free the names of the old volumes",
            on=ON,
            why="Velero makes them anew from their provider's snapshots, under the same names. The old disks stay.",
            commands=tuple(_names(site)),
            check="They are gone from the cluster; the files hold what leads to their disks.",
        )
    spec = {"backupName": site.held.backup.name, "includedNamespaces": [site.namespace]}
    yield Step(
        title="Restore the namespace",
        on=ON,
        why="Its objects, the volumes of its claims, and what they refer to. What is there already is left alone.",
        commands=asked("Restore", site.server, f"{site.namespace}-{mark}", spec),
        check=AFTERWARDS,
    )
    yield _awaited(site)


def _afresh(site: Site, mark: str) -> Iterator[Step]:
    yield _keep(site, mark)
    yield Step(
        title="Remove the namespace",
        on=ON,
        why="Its volumes were backed up file by file: Velero fills them only for pods that it restores with them. What "
        "is in it stops answering now; the volumes of step 2 stay.",
        commands=(kubectl(None, "delete", "namespace", site.namespace),),
        check="It ends by itself. Where it hangs: hubops runbook namespace-stuck-terminating.",
    )
    yield from _anew(site, mark)


def _in_place(site: Site, mark: str) -> Iterator[Step]:
    yield _keep(site, mark)
    yield _stop(site)
    if _filled(site):
        yield _claims(site, mark)
    yield _objects(site, mark)
    yield _awaited(site)


def _filled(site: Site) -> tuple[str, ...]:
    """The claims whose data the backup has."""
    bare = site.held.bare(site.namespace)
    return tuple(each for each in site.held.claims(site.namespace) if each not in bare)


def _keep(site: Site, mark: str) -> Step:
    retain = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    spec = {"includedNamespaces": [site.namespace], "ttl": "168h0m0s"}
    volumes = (patch(None, "persistentvolume", each.name, retain) for each in site.volumes)
    return Step(
        title="Keep what is there now",
        on=ON,
        why="It is the way back. The second command waits; a volume whose claim is deleted now keeps its disk.",
        commands=(*asked("Backup", site.server, _kept(site, mark), spec), *volumes),
        check="It prints Completed; each volume is patched.",
    )


def _kept(site: Site, mark: str) -> str:
    return f"{site.namespace}-before-{mark}"


def _stop(site: Site) -> Step:
    suspended = (patch(site.namespace, "cronjob", each, {"spec": {"suspend": True}}) for each in site.schedules)
    scaled = (kubectl(site.namespace, "scale", each.word, "--replicas=0") for each in site.users)
    had = "; ".join(f"{each.word} had {each.replicas}" for each in site.users)
    return Step(
        title="Stop what runs in it",
        on=ON,
        why="It would go on writing to what is about to be replaced. The namespace stops answering now.",
        commands=(*suspended, *scaled, kubectl(site.namespace, "get", "pods")),
        check=f"Its pods end. Replicas: {had or 'none ran'}. What an operator runs has to be stopped at the operator.",
    )


def _claims(site: Site, mark: str) -> Step:
    filled = _filled(site)
    live = {each.claim for each in site.volumes if each.phase == "Bound"}
    removed = [command for each in filled if each in live for command in _removed(site, each)]
    spec = {
        "backupName": site.held.backup.name, "includedNamespaces": [site.namespace], "includedResources": list(VOLUMES),
    }  # fmt: skip
    return Step(
        title="Restore the volumes",
        on=ON,
        why="Velero never writes into a volume that is there: the claims are made anew. The old volumes stay, as "
        "Released. Leave this step out where no data was lost.",
        commands=(*removed, *_names(site), *asked("Restore", site.server, f"{site.namespace}-volumes-{mark}", spec),
                  kubectl(site.namespace, "get", "persistentvolumeclaims")),
        check="Deleting a claim waits until no pod uses it. Afterwards " + ", ".join(filled)
        + " are Bound, or Pending with WaitForFirstConsumer until a pod uses them. " + AFTERWARDS,
    )  # fmt: skip


def _removed(site: Site, claim: str) -> tuple[str, str]:
    """The commands that write down a claim, and delete it."""
    written = kubectl(site.namespace, "get", "persistentvolumeclaim", claim, "-o", "yaml")
    return (
        f"{written} > {shlex.quote(f'{claim}.before.yaml')}",
        kubectl(site.namespace, "delete", "persistentvolumeclaim", claim),
    )


def _objects(site: Site, mark: str) -> Step:
    name = f"{site.namespace}-objects-{mark}"
    spec = {
        "backupName": site.held.backup.name, "includedNamespaces": [site.namespace], "existingResourcePolicy": "update",
        "excludedResources": [*MADE_BY_CONTROLLERS, *VOLUMES],
    }  # fmt: skip
    added = f"velero.io/restore-name!={name}"
    kinds = "deployments,statefulsets,daemonsets,cronjobs,services,ingresses,configmaps"
    return Step(
        title="Bring the objects back to what they were",
        on=ON,
        why="What is missing is made, what differs is changed back, replicas and suspended CronJobs too: it starts "
        "again. Of what never changes (a selector, a clusterIP, volumeClaimTemplates) Velero warns, and leaves it.",
        commands=(*asked("Restore", site.server, name, spec),
                  kubectl(site.namespace, "get", kinds, "-l", added)),
        check=AFTERWARDS + " The last command lists what is not in the backup: what the deploy added, to be deleted by "
        "hand, and kube-root-ca.crt, which every namespace has.",
    )  # fmt: skip


def _awaited(site: Site) -> Step:
    waits = (kubectl(site.namespace, "rollout", "status", each, "--timeout=10m") for each in site.workloads)
    return Step(
        title="Wait until it runs",
        on=ON,
        commands=(*waits, kubectl(site.namespace, "get", "pods,persistentvolumeclaims,ingresses")),
        check="Everything is rolled out; claims are Bound. A Service of type LoadBalancer may have another address "
        "than before: look at the DNS records.",
    )


def _after(site: Site) -> Step:
    return Step(
        title="Look whether it is what was expected, and back up",
        on="where hubops is",
        why="Its own users know best whether it is whole. Then start again what deploys here.",
        commands=(f"hubops daily --namespace {shlex.quote(site.namespace)}", "hubops backup velero"),
        check="The round finds nothing in it, the application has its data, and the backup succeeded.",
    )


def _back(site: Site, mark: str) -> str:
    if not site.live:
        return (
            f"There was nothing before: kubectl delete namespace {site.namespace} returns to that. The disks of its "
            "new volumes go with it where their class deletes them; the backup stays."
        )
    return (
        f"What was there before is in Backup {_kept(site, mark)}, for a week: hubops restore plan velero "
        f"{site.namespace} --backup {_kept(site, mark)}. The old volumes are still there, as Released; delete them "
        "when nobody will ask for them, or lead a claim back to one: hubops runbook pv-released."
    )
