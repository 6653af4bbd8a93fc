"""The steps that bring a whole cluster back: rebuilt by `hubops bootstrap`, then restored in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hubops.backup.velero.restore.commands import AFTERWARDS, ON, asked, kubectl, patch
from hubops.backup.velero.restore.site import Held, look_into, restorable
from hubops.clients.velero import VeleroClient
from hubops.errors import UsageError
from hubops.model.quantity import human_duration
from hubops.model.restore_plan import Plan, Step
from hubops.model.velero import Backup

#: Backups that are looked into.
_LOOKED_INTO = 20
_DEFINITIONS = "apiextensions.k8s.io/v1/CustomResourceDefinition"
#: Of the cluster itself and of what rebuilds it: these are as the new cluster has them.
_OWN = ("hubops", "kube-node-lease", "kube-public", "kube-system")
#: They call services that are restored later: before those run, they would refuse everything.
_CALLING = (
    "apiservices.apiregistration.k8s.io", "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)  # fmt: skip
#: Volumes come with their claims, namespaces with what is in them.
_WITH_OTHERS = (
    "certificatesigningrequests.certificates.k8s.io", "customresourcedefinitions.apiextensions.k8s.io", "namespaces",
    "persistentvolumes", "volumesnapshotcontents.snapshot.storage.k8s.io",
)  # fmt: skip
#: The name of no namespace: cluster-scoped objects alone.
_NONE = "no-namespace-is-called-so"


@dataclass(frozen=True)
class Share:
    """A backup, and the namespaces that are restored from it."""

    held: Held
    namespaces: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """`objects` is the backup of cluster-scoped objects; `data` are namespaces with claims, `others` those without.

    Where nothing can be asked, before the cluster is rebuilt, all is empty.
    """

    server: str
    locations: tuple[str, ...] = ("default",)
    schedules: tuple[str, ...] = ()
    objects: Held | None = None
    data: tuple[Share, ...] = ()
    others: tuple[Share, ...] = ()

    @property
    def shares(self) -> tuple[Share, ...]:
        return (*self.data, *self.others)


def read(velero: VeleroClient, wanted: str | None, platform: Iterable[str]) -> Cluster:
    """What the newest backups hold of each namespace but for those of the *platform*, which its installation makes.

    *wanted* names one backup for all. Raises UsageError where there is none.
    """
    found = restorable(velero)
    if wanted:
        found = [each for each in found if each.name == wanted]
    if not found:
        raise UsageError(f"there is no backup {wanted}" if wanted else "Velero knows no backup that ended well")
    held = [look_into(velero, each) for each in found[:_LOOKED_INTO]]
    own = {*_OWN, velero.namespace, *platform}
    spaces = sorted({space for each in held for space in each.namespaces} - own)
    chosen = {space: _holding(held, space) for space in spaces}
    return Cluster(
        velero.namespace,
        locations=tuple(each.name for each in velero.locations()),
        schedules=tuple(each.name for each in velero.schedules() if not each.spec.paused),
        objects=next((each for each in held if each.names.get(_DEFINITIONS) or len(found) == 1), None),
        data=_shares(chosen, [each for each in spaces if chosen[each].claims(each)]),
        others=_shares(chosen, [each for each in spaces if not chosen[each].claims(each)]),
    )


def _holding(held: Sequence[Held], space: str) -> Held:
    """The newest that holds *space*, with the data of its claims if there is one."""
    found = [each for each in held if each.count(space)] or [each for each in held if space in each.namespaces]
    return next((each for each in found if not each.bare(space)), found[0])


def _shares(chosen: dict[str, Held], spaces: Sequence[str]) -> tuple[Share, ...]:
    backups = dict.fromkeys(chosen[space].backup.name for space in spaces)
    return tuple(
        Share(next(chosen[space] for space in spaces if chosen[space].backup.name == name),
              tuple(space for space in spaces if chosen[space].backup.name == name))
        for name in backups
    )  # fmt: skip


def plan(site: Cluster, now: datetime) -> Plan:
    """The steps, in their order."""
    mark = f"{now:%Y%m%d%H%M%S}"
    restored = _restored(site, mark) if site.shares else (_again(),)
    return Plan(
        title="Rebuild a cluster, and restore it from Velero's backups",
        facts=tuple(_facts(site, now)),
        steps=(*_rebuilt(site), *restored),
        back="Until the DNS records lead to the new cluster, nobody uses it: delete it and begin anew. The backups are "
        "not touched meanwhile, their location is read-only. Should the old cluster come back, keep its network cut "
        "off first: two of them would write to the same databases, queues and buckets.",
    )


def _facts(site: Cluster, now: datetime) -> Iterator[str]:
    yield (
        "Is etcd alone lost, with the machines still there? 'hubops restore plan etcd' brings back everything, with "
        "its volumes, in less time."
    )
    for share in site.shares:
        held = share.held
        lost, of = human_duration(now - held.taken_at), ", ".join(share.namespaces)
        yield f"From Backup {held.backup.name} of {held.taken_at:%Y-%m-%d %H:%M} UTC ({lost} ago): {of}."
        if bare := [f"{space}/{claim}" for space in share.namespaces for claim in held.bare(space)]:
            yield f"No backup has the data of {', '.join(bare)}: they come back empty."
    if site.shares and site.objects is None:
        yield "No backup holds CustomResourceDefinitions: only those that the platform installs will be there."
    yield "Snapshots in the lost storage are lost with it: only data that Velero moved to the store comes back."


def _rebuilt(site: Cluster) -> Iterator[Step]:
    yield Step(
        title="Make a new cluster",
        on="where machines are made",
        why="Of the same minor version, with at least as many nodes, in the same or another zone or region. Cut the "
        "old one off from the network, should any of it still run.",
        commands=("kubectl config current-context", "kubectl version", "kubectl get nodes"),
        check="The context is that of the new cluster, its nodes are Ready. All commands below run against it.",
    )
    yield Step(
        title="Install the platform",
        on="where hubops and helm are, with the site's hubops.yaml",
        why="The Secrets that hubops.yaml names come first, the credentials of the backups' store above all: 'plan' "
        "says which are not there. They are in no backup that can be read without them; keep them elsewhere, too.",
        commands=("hubops bootstrap plan", "hubops bootstrap apply --yes"),
        check="It ends with 0: every component is installed and its gates are passed.",
    )
    yield Step(
        title="Keep the backups safe from the new cluster",
        on=ON,
        why="At once: its schedules would back up an empty cluster, and what expires meanwhile would be deleted.",
        commands=(
            *(patch(site.server, "schedules.velero.io", each, {"spec": {"paused": True}}) for each in site.schedules),
            *_access(site, "ReadOnly"),
            kubectl(site.server, "get", "backups.velero.io"),
        ),
        check="After some minutes the backups of the lost cluster are listed: Velero finds them in the store."
        + ("" if site.schedules else " Pause every schedule, too: kubectl -n velero get schedules.velero.io."),
    )


def _access(site: Cluster, mode: str) -> Iterator[str]:
    for each in site.locations:
        yield patch(site.server, "backupstoragelocations.velero.io", each, {"spec": {"accessMode": mode}})


def _again() -> Step:
    return Step(
        title="Print the rest of the plan",
        on="where hubops is",
        why="The steps that follow need the names of the backups, which only their Velero knows.",
        commands=("hubops restore plan velero --cluster",),
        check="It names the backups and the namespaces in them.",
    )


def _restored(site: Cluster, mark: str) -> Iterator[Step]:
    if site.objects:
        yield from _scoped(site.server, site.objects.backup, mark)
    for title, shares, name in (
        ("Restore the namespaces that have data", site.data, "data"),
        ("Restore the other namespaces", site.others, "others"),
    ):
        if shares:
            yield _spaces(site.server, title, shares, f"{name}-{mark}")
    if site.objects:
        yield _calling(site.server, site.objects.backup, mark)
    yield _after(site)


def _scoped(server: str, backup: Backup, mark: str) -> Iterator[Step]:
    spec = {"backupName": backup.name, "includedNamespaces": [_NONE], "includeClusterResources": True}
    definitions = {**spec, "includedResources": ["customresourcedefinitions.apiextensions.k8s.io"]}
    yield Step(
        title="Restore the definitions of custom resources",
        on=ON,
        why="Those that the platform has installed are left as they are.",
        commands=(*asked("Restore", server, f"definitions-{mark}", definitions),
                  "kubectl wait --for=condition=Established customresourcedefinitions --all --timeout=2m"),
        check=AFTERWARDS,
    )  # fmt: skip
    objects = {**spec, "excludedResources": [*_CALLING, *_WITH_OTHERS]}
    yield Step(
        title="Restore the cluster-scoped objects",
        on=ON,
        why="ClusterRoles, StorageClasses, PriorityClasses and the like. Volumes come with their claims; webhooks and "
        "APIServices last, since they refuse everything while what they call does not run.",
        commands=asked("Restore", server, f"cluster-{mark}", objects),
        check=AFTERWARDS,
    )


def _spaces(server: str, title: str, shares: Sequence[Share], name: str) -> Step:
    commands: list[str] = []
    for number, share in enumerate(shares, 1):
        spec = {"backupName": share.held.backup.name, "includedNamespaces": list(share.namespaces)}
        commands += asked("Restore", server, f"{name}-{number}" if len(shares) > 1 else name, spec)
    named = ",".join(space for share in shares for space in share.namespaces)
    return Step(
        title=title,
        on=ON,
        why=f"{named.replace(',', ', ')}.",
        commands=(*commands, "kubectl get pods,persistentvolumeclaims -A"),
        check="Claims are Bound and pods become ready, before the next step: who consumes comes after what it consumes "
        "from. " + AFTERWARDS,
    )


def _calling(server: str, backup: Backup, mark: str) -> Step:
    spec = {
        "backupName": backup.name, "includedNamespaces": [_NONE], "includeClusterResources": True,
        "includedResources": list(_CALLING),
    }  # fmt: skip
    return Step(
        title="Restore webhooks and APIServices",
        on=ON,
        why="What they call runs now. Those that the platform has installed are left as they are.",
        commands=(*asked("Restore", server, f"calling-{mark}", spec),
                  "hubops check webhook-failing apiservice-unavailable"),
        check="The checks find nothing. A webhook of something that is no longer there is to be deleted.",
    )  # fmt: skip


def _after(site: Cluster) -> Step:
    resumed = (patch(site.server, "schedules.velero.io", each, {"spec": {"paused": False}}) for each in site.schedules)
    return Step(
        title="Look, lead the users there, and back up again",
        on="where hubops and kubectl are",
        why="'verify' names the DNS records to change. From then on the new cluster writes: the old one must never "
        "come back beside it.",
        commands=("hubops daily", "hubops bootstrap verify", *_access(site, "ReadWrite"), *resumed, "hubops backup",
                  "hubops drill all"),
        check="The round finds nothing, users have their applications, a backup of the new cluster was taken and "
        "restored.",
    )  # fmt: skip
