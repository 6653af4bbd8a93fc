"""namespace-not-covered and cluster-kind-not-covered: what no good backup of Velero was to hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from hubops.engine.probe import Absent, probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.evidence import counted
from hubops.engine.probes.velero import (
    BACKUPS,
    LOCATIONS,
    SCHEDULES,
    Planned,
    Resources,
    begun,
    fields,
    is_ahead,
    is_good,
    told,
)
from hubops.engine.view import View
from hubops.model import velero_times
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.meta import Object
from hubops.model.quantity import human_duration
from hubops.model.velero import EXCLUDED_LABEL, Backup
from hubops.model.velero_scope import Scope, Sort

CRDS, ROLES = "customresourcedefinitions.apiextensions.k8s.io", "clusterroles.rbac.authorization.k8s.io"
BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_READ = fields(BACKUPS, SCHEDULES, LOCATIONS)
_CLUSTER: dict[str, tuple[str, ...]] = {CRDS: (), ROLES: (), BINDINGS: ()}


def _sort(group: str, kind: str, plural: str, namespaced: bool, *short: str) -> Sort:
    return Sort(group, kind, plural, namespaced, frozenset({kind.lower(), *short}))


CLAIMS = _sort("", "PersistentVolumeClaim", "persistentvolumeclaims", True, "pvc")
#: What people make in a namespace: a loss of these is noticed.
_NAMESPACED = (
    _sort("apps", "Deployment", "deployments", True, "deploy"),
    _sort("apps", "StatefulSet", "statefulsets", True, "sts"),
    _sort("apps", "DaemonSet", "daemonsets", True, "ds"),
    _sort("batch", "CronJob", "cronjobs", True, "cj"),
    _sort("", "Service", "services", True, "svc"),
    CLAIMS,
    _sort("networking.k8s.io", "Ingress", "ingresses", True, "ing"),
    _sort("networking.k8s.io", "NetworkPolicy", "networkpolicies", True, "netpol"),
    _sort("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, "hpa"),
    _sort("policy", "PodDisruptionBudget", "poddisruptionbudgets", True, "pdb"),
)
#: What people make in the cluster itself, and a restore of namespaces alone does not bring back.
_CLUSTER_SCOPED = (
    _sort("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", False, "crd", "crds"),
    _sort("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", False),
    _sort("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", False),
    _sort("storage.k8s.io", "StorageClass", "storageclasses", False, "sc"),
    _sort("networking.k8s.io", "IngressClass", "ingressclasses", False),
    _sort("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False),
    _sort("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False),
)
_BOOTSTRAP = "kubernetes.io/bootstrapping"  # label of what each API server makes itself
_NEEDS = tuple(sort.plural for sort in _NAMESPACED)


@dataclass(frozen=True)
class _Thing:
    """An object that somebody made."""

    sort: Sort
    namespace: str
    name: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.sort.kind} {self.name}"


@probe(needs=("namespaces", BACKUPS, SCHEDULES, LOCATIONS, *_NEEDS), uses=("journal",), fields=_READ)
def namespace_not_covered(
    view: View, *, within: timedelta, grace: timedelta, exclude: tuple[str, ...], named: int
) -> Iterator[Hit]:
    """Namespaces with objects, older than *grace*, that no good backup of the last *within* was to hold.

    A schedule that makes its backups less often counts with its newest good one for two of its periods. What the label
    velero.io/exclude-from-backup leaves out is left out on purpose; so are the namespaces of *exclude* and of
    backup.velero.exclude in hubops.yaml. Of more than *named* namespaces it is told as one.
    """
    velero = _used(view)
    held = _held(view, velero, within)
    labels = {each.name: each.metadata.labels for each in view.objects.namespaces}
    scopes = [Scope(backup.spec, labels, _NAMESPACED) for backup in held]
    patterns = (*exclude, *view.snapshot.journal.excluded_from_velero)
    things: dict[str, list[_Thing]] = defaultdict(list)
    for thing in _things(view, grace):
        things[thing.namespace].append(thing)
    bare: dict[str, list[_Thing]] = {}
    for namespace, mine in sorted(things.items()):
        on_purpose = labels.get(namespace, {}).get(EXCLUDED_LABEL) == "true" or _any(namespace, patterns)
        left = [each for each in mine if not any(_takes(scope, each) for scope in scopes)]
        if left and not on_purpose:
            bare[namespace] = left
    yield from _told(velero, bare, {name: len(each) for name, each in things.items()}, held, within, named)
    velero.doubt()


def _used(view: View) -> Resources:
    """Velero's resources. Raises Absent where there is nothing but their definitions, and nobody asks for more."""
    velero = Resources(view)
    there = velero.backups or velero.planned or velero.locations
    if not there and velero.is_certain and "velero" not in view.snapshot.journal.configured:
        raise Absent("Velero has no location, no schedule and no backup here, and hubops.yaml asks for none")
    return velero


def _any(namespace: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


def _takes(scope: Scope, thing: _Thing) -> bool:
    return scope.takes(thing.sort, thing.namespace, thing.name, thing.labels)


def _held(view: View, velero: Resources, within: timedelta) -> list[Backup]:
    """The good backups that count, the newest first."""
    late: dict[tuple[str, str], timedelta] = {}
    for planned in velero.planned:
        span = max(within, _two_periods(view, planned))
        late |= {(each.namespace, each.name): span for each in planned.backups}
    return [
        each
        for each in velero.backups
        if is_good(each) and _is_since(view, begun(each), late.get((each.namespace, each.name), within))
    ]


def _two_periods(view: View, planned: Planned) -> timedelta:
    """How long a schedule's newest backup counts; for one that makes none any more it is no longer than for others."""
    if not planned.works:
        return timedelta()
    try:
        every = velero_times.period(velero_times.times(planned.schedule), view.now)
    except ValueError:
        return timedelta()
    return 2 * every if every else timedelta()


def _is_since(view: View, moment: datetime | None, span: timedelta) -> bool:
    return moment is not None and not is_ahead(view, moment) and view.now - moment <= span


def _things(view: View, grace: timedelta) -> Iterator[_Thing]:
    """What people made long enough ago, without what is made again by what controls it."""
    for sort in _NAMESPACED:
        items: tuple[Object, ...] = getattr(view.objects, sort.plural)
        for item in items:
            meta = item.metadata
            own = meta.controller() is None and meta.deletion_timestamp is None
            wanted = meta.labels.get(EXCLUDED_LABEL) != "true" and "hubops.io/drill" not in meta.labels
            if own and wanted and pods.longer_than(view, meta.creation_timestamp, grace):
                yield _Thing(sort, meta.namespace, meta.name, meta.labels)


def _told(
    velero: Resources,
    bare: Mapping[str, Sequence[_Thing]],
    all_of: Mapping[str, int],
    held: Sequence[Backup],
    within: timedelta,
    named: int,
) -> Iterator[Hit]:
    """One for each namespace; of many, one about the server's."""
    servers = {each.namespace for each in (*velero.backups, *(planned.schedule for planned in velero.planned))}
    if len(bare) > named and servers:
        number = sum(map(len, bare.values()))
        names = ", ".join(list(bare)[:6])
        yield Hit(
            ref=Ref("Namespace", min(servers)),
            summary=f"{len(bare)} namespaces with {counted(number, 'object')} are in no good backup of the last "
            f"{human_duration(within)}: {names}{' …' if len(bare) > 6 else ''}",
            evidence=(_newest(velero, held), *(_facts(name, each) for name, each in list(bare.items())[:5])),
            value=Value(len(bare), "namespaces"),
        )
        return
    for namespace, left in bare.items():
        whole = len(left) == all_of[namespace]
        counts = counted(len(left), "object") if whole else f"{len(left)} of {counted(all_of[namespace], 'object')}"
        verb = "is" if counts == "1 object" else "are"
        yield Hit(
            ref=Ref("Namespace", namespace),
            summary=f"{counts} of it {verb} in no good backup of the last {human_duration(within)}",
            evidence=(_facts(namespace, left), _newest(velero, held)),
            value=Value(len(left), "objects"),
        )


def _facts(namespace: str, left: Sequence[_Thing]) -> Evidence:
    kinds = Counter(each.sort.kind for each in left)
    numbers = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common(4))
    return evidence.fact(f"{namespace}: {numbers}: {', '.join(map(str, left[:3]))}{' …' if len(left) > 3 else ''}")


def _newest(velero: Resources, held: Sequence[Backup]) -> Evidence:
    if held:
        return told(held[0])
    newest = next(iter(velero.backups), None)
    return told(newest) if newest else evidence.fact("there is no backup at all")


@probe(
    needs=(BACKUPS, SCHEDULES, LOCATIONS, CRDS, ROLES, BINDINGS, *(sort.plural for sort in _CLUSTER_SCOPED[3:])),
    uses=("namespaces", "journal"),
    fields=_READ | _CLUSTER,
)
def cluster_kind_not_covered(view: View, *, within: timedelta) -> Iterator[Hit]:
    """Kinds of the cluster itself of which no good backup of the last *within* was to hold all objects.

    Backups of single namespaces hold those that what they hold refers to; which these are, only the backup tells. What
    each API server makes itself is left out.
    """
    velero = _used(view)
    held = _held(view, velero, within)
    labels = {each.name: each.metadata.labels for each in view.objects.namespaces}
    scopes = [Scope(backup.spec, labels, _CLUSTER_SCOPED) for backup in held]
    for sort in _CLUSTER_SCOPED:
        things = list(_of_cluster(view, sort))
        left = [each for each in things if not any(_takes_of_cluster(scope, each) for scope in scopes)]
        if left:
            yield Hit(
                ref=Ref("Kind", sort.kind),
                summary=f"{len(left)} of {counted(len(things), 'object')} of it are in no good backup of the last "
                f"{human_duration(within)} by what it was to hold",
                evidence=(evidence.fact(", ".join(each.name for each in left[:6])), _newest(velero, held)),
                value=Value(len(left), "objects"),
                details={"resource": sort.resource},
            )
    velero.doubt()


def _takes_of_cluster(scope: Scope, thing: _Thing) -> bool:
    """Whether it was to be taken, by the spec as the server left it.

    With everything of all namespaces an older Velero takes everything of the cluster. A newer one adds kinds of its own
    making to what the spec excludes, and by that takes only kinds that the spec names.
    """
    spec = scope.spec
    everywhere = not spec.excluded_namespaces and set(spec.included_namespaces) <= {"*"}
    filters = (
        spec.included_resources, spec.excluded_resources, spec.included_cluster_scoped_resources,
        spec.excluded_cluster_scoped_resources, spec.included_namespace_scoped_resources,
        spec.excluded_namespace_scoped_resources,
    )  # fmt: skip
    if everywhere and spec.include_cluster_resources is None and not any(filters):
        return scope.takes_labels(thing.labels)
    return _takes(scope, thing)


def _of_cluster(view: View, sort: Sort) -> Iterator[_Thing]:
    if sort.resource in _CLUSTER:
        items = [item.get("metadata", {}) for item in view.snapshot.custom.get(sort.resource, ())]
        found = [(str(meta.get("name", "")), dict(meta.get("labels") or {})) for meta in items]
    else:
        objects: tuple[Object, ...] = getattr(view.objects, sort.plural)
        found = [(item.name, item.metadata.labels) for item in objects]
    for name, labels in found:
        made_itself = _BOOTSTRAP in labels or name.startswith("system:")
        if not made_itself and labels.get(EXCLUDED_LABEL) != "true":
            yield _Thing(sort, "", name, labels)
