"""What an installation would do to a cluster, asked of the cluster itself: nothing is written.

Objects of manifests are applied as a dry run, so that defaults, webhooks and other owners have their say. What cannot
be asked yet, because its kind or namespace comes with the installation, is planned by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import yaml

from hubops.bootstrap.difference import Change, between, of_values
from hubops.bootstrap.images import images
from hubops.bootstrap.ready import ends_by_itself
from hubops.bootstrap.record import Record, Ref, refs
from hubops.bootstrap.target import Target
from hubops.clients.helm import ChartFile, Release
from hubops.clients.kube.errors import Conflict, NotServed, WebhookSilent
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, Retryable, SourceError
from hubops.stack.render import Rendered

Manifest = dict[str, Any]
#: Kinds that charts write several objects as.
_LISTS = ("ConfigMapList", "RoleList", "RoleBindingList", "ClusterRoleList", "ServiceMonitorList", "SecretList")
#: Requests at once for the objects of one component.
_AT_ONCE = 6
#: Seconds after which a release that is still "pending" is nobody's work any more.
ABANDONED = 15 * 60.0


@dataclass(frozen=True)
class ObjectPlan:
    """One object: created, changed, deleted, kept as it is, or not to be asked before `reason` is no more; or refused
    by the cluster for that `reason`, under the `definition` of its kind, "plural.group", that there is now.
    """

    ref: Ref
    action: Literal["create", "change", "delete", "keep", "later", "refused"]
    changes: tuple[Change, ...] = ()
    reason: str = ""
    definition: str = ""

    @property
    def there(self) -> bool:
        """Whether the cluster has it."""
        return self.action in ("keep", "change")


@dataclass(frozen=True)
class ReleasePlan:
    """One release of a chart. "repair": something ended while Helm was at work on it, or it failed."""

    name: str
    namespace: str
    action: Literal["install", "upgrade", "repair", "keep"]
    before: str = ""  # the chart that is installed
    after: str = ""
    values: tuple[Change, ...] = ()
    objects: tuple[ObjectPlan, ...] = ()
    status: str = ""


@dataclass(frozen=True)
class ComponentPlan:
    """What would be done for one component; `fault` says why that cannot be said, or must not be done."""

    name: str
    rendered: Rendered
    chart: ChartFile | None = None
    crds: tuple[ObjectPlan, ...] = ()
    release: ReleasePlan | None = None
    objects: tuple[ObjectPlan, ...] = ()
    fault: str | None = None
    images: tuple[str, ...] = ()  # that its pods are made of
    adopted: bool = False  # hubops has no record of it, but it is there: installed by other means

    @property
    def problems(self) -> tuple[str, ...]:
        """All that stands in its way."""
        refused = (each.reason for each in (*self.crds, *self.objects) if each.action == "refused")
        return (*([self.fault] if self.fault else []), *refused)

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        written = any(each.action != "keep" for each in (*self.crds, *self.objects))
        return written or (self.release is not None and self.release.action != "keep")


def plan(
    target: Target, rendered: Rendered, record: Record | None, releases: Iterable[Release], *, shown: bool = True
) -> ComponentPlan:
    """The plan of one component; what the cluster refuses, or a chart's repository does not give, are its `problems`.

    Unless it is to be *shown*, the objects that the chart would make are left out.
    """
    try:
        return settled([_plan(target, rendered, record, releases, shown)])[0]
    except SourceError as error:
        return ComponentPlan(rendered.name, rendered, fault=str(error))


def settled(plans: Sequence[ComponentPlan]) -> list[ComponentPlan]:
    """*plans* of one run, in which what is refused under a definition that the run changes is to be asked later."""
    renewed = {
        each.ref.name
        for planned in plans
        for each in (*planned.crds, *planned.objects)
        if each.ref.kind == "CustomResourceDefinition" and each.action in ("create", "change")
    }

    def later(item: ObjectPlan) -> ObjectPlan:
        if item.action != "refused" or item.definition not in renewed:
            return item
        return ObjectPlan(item.ref, "later", reason=f"the definition of {item.ref.kind} changes before")

    return [replace(planned, objects=tuple(map(later, planned.objects))) for planned in plans]


def _plan(
    target: Target, rendered: Rendered, record: Record | None, releases: Iterable[Release], shown: bool
) -> ComponentPlan:
    chart = release = fault = None
    crds: list[Manifest] = []
    made: list[Manifest] = []
    if rendered.component.chart:
        chart = target.charts.fetch(rendered.component.chart)
        crds = objects_of(target.crds(chart))
        made = objects_of(target.template(rendered, chart)) if shown else []
        named = {(each.namespace, each.name): each for each in releases}
        release, fault = _release(target, rendered, made, named, record)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="plan") as pool:
        definitions = tuple(pool.map(partial(_planned, target.cluster, take_over=True), crds))
        objects = _objects(target.cluster, rendered, record, pool.map)
    pulled = tuple(sorted(set(images([*made, *rendered.objects()]))))
    there = release.status not in ("", "uninstalled") if release else any(each.there for each in objects)
    adopted = record is None and there
    return ComponentPlan(rendered.name, rendered, chart, definitions, release, objects, fault, pulled, adopted)


def objects_of(text: str) -> list[Manifest]:
    """The objects in a stream of YAML documents that Helm has printed, lists opened. Raises Permanent."""
    try:
        documents = [each for each in yaml.load_all(text, Loader=_Loader) if each]
    except yaml.YAMLError as error:
        raise Permanent(f"the chart renders something that is no YAML: {' '.join(str(error).split())}") from error
    items = [
        item for each in documents for item in (each["items"] if each.get("kind", "").endswith("List") else [each])
    ]
    return [item for item in items if item.get("kind")]


class _Loader(yaml.CSafeLoader):
    """With the bare "=" that CRDs of Prometheus have among their enums, which YAML 1.1 gives another meaning."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def _release(
    target: Target,
    rendered: Rendered,
    made: list[Manifest],
    releases: Mapping[tuple[str, str], Release],
    record: Record | None,
) -> tuple[ReleasePlan, str | None]:
    pin, namespace = rendered.component.chart, rendered.component.namespace or ""
    assert pin
    name = pin.release or pin.name
    wanted = rendered.chart_values()
    after = f"{pin.name}-{pin.version}"
    current = releases.get((namespace, name))
    if current is None or current.status == "uninstalled":
        objects = tuple(ObjectPlan(ref, "create") for ref in refs(made))
        return ReleasePlan(name, namespace, "install", after=after, objects=objects), _taken(name, namespace, releases)
    values = of_values(target.helm.values(name, namespace), wanted)
    installed = objects_of(target.helm.manifest(name, namespace))
    objects = _rendered(installed, made) if made else ()
    changed = values or not current.is_of(pin.name, pin.version)
    broken = current.pending or current.status == "failed" or _missing(target.cluster, installed, namespace)
    action: Literal["repair", "upgrade", "keep"] = "repair" if broken else "upgrade" if changed else "keep"
    kept = ReleasePlan(name, namespace, action, current.chart, after, values, objects, current.status)
    if current.chart_name != pin.name:
        return kept, f"the name {name} is taken in {namespace} by a release of {current.chart}"
    return kept, _alive(current, record, datetime.now(UTC) + target.cluster.clock_offset())


def _taken(name: str, namespace: str, releases: Mapping[tuple[str, str], Release]) -> str | None:
    """Charts make objects of the whole cluster that carry the release's name: a second one would fight over them."""
    for other in releases.values():
        if other.name == name and other.namespace != namespace and other.status != "uninstalled":
            return (
                f"a release {name} of {other.chart} is in the namespace {other.namespace}; remove it, or move it here"
            )
    return None


def _alive(current: Release, record: Record | None, now: datetime) -> str | None:
    """Why a release that is changing is left alone: somebody else's Helm may be at work on it.

    What hubops itself has begun is in an unfinished record; that its helm has ended is known on this machine, and the
    lock of the cluster tells of hubops elsewhere. Of others only the time tells: Helm gives itself 5 minutes unless it
    is told otherwise, and who tells it so seldom says more than a quarter of an hour.
    """
    ours = record is not None and not record.complete
    if ours or not current.pending:
        return None
    age = current.age(now)
    if age is not None and age > ABANDONED:
        return None
    when = f"{age / 60:.0f} minutes ago" if age is not None else "at a time that it does not tell"
    minutes = f"{ABANDONED / 60:.0f} minutes"
    return (
        f"a Helm that hubops has not started began {when} to change {current.namespace}/{current.name}, which is "
        f"{current.status}; wait for it: what it has left unfinished {minutes} after it began is repaired by hubops"
    )


def _missing(cluster: KubeWriter, installed: Iterable[Manifest], namespace: str) -> bool:
    """Whether somebody has deleted an object of the release: an upgrade makes it again."""
    lasting = [item for item in installed if not ends_by_itself(item)]

    def there(item: Manifest) -> bool:
        try:
            return cluster.has(placed(item, namespace) if cluster.is_namespaced(item) else item)
        except NotServed:
            return False

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="plan") as pool:
        return not all(pool.map(there, lasting))


def placed(item: Manifest, namespace: str) -> Manifest:
    """*item* in the *namespace* of its release, where it names none itself; for kinds that have one."""
    return {**item, "metadata": {"namespace": namespace, **item["metadata"]}}


def _rendered(before: list[Manifest], after: list[Manifest]) -> tuple[ObjectPlan, ...]:
    """What differs between the objects of two revisions."""
    known, wanted = ({_key(item): item for item in items} for items in (before, after))
    plans = []
    for key in dict.fromkeys([*wanted, *known]):
        [ref] = refs([wanted.get(key) or known[key]])
        if key not in wanted:
            plans.append(ObjectPlan(ref, "delete"))
        elif key not in known:
            plans.append(ObjectPlan(ref, "create"))
        elif changes := between(known[key], wanted[key]):
            plans.append(ObjectPlan(ref, "change", changes))
    return tuple(plans)


def _key(item: Mapping[str, Any]) -> tuple[str, str, str, str]:
    [ref] = refs([item])
    return ref.key()


def _objects(
    cluster: KubeWriter, rendered: Rendered, record: Record | None, each: Callable[..., Iterable[ObjectPlan]]
) -> tuple[ObjectPlan, ...]:
    """The plans of the manifests' objects, and of those that the record has and the manifests no longer do."""
    wanted = list(rendered.objects())
    plans = list(each(partial(_planned, cluster), wanted))
    kept = {ref.key() for ref in refs(wanted)}
    gone = [ref for ref in (record.objects if record else ()) if ref.key() not in kept]
    return (*plans, *(ObjectPlan(ref, "delete") for ref in gone))


def _planned(cluster: KubeWriter, item: Manifest, *, take_over: bool = False) -> ObjectPlan:
    """What applying *item* would change."""
    [ref] = refs([item])
    try:
        live = cluster.read(item)
    except NotServed:
        return ObjectPlan(ref, "later", reason=f"the cluster does not know the kind {ref.kind} yet")
    except Permanent as error:
        return ObjectPlan(ref, "refused", reason=f"{ref}: {error}")
    try:
        applied = cluster.apply(item, dry_run=True, take_over=take_over)
    except (WebhookSilent, Retryable) as error:
        return ObjectPlan(ref, "later", reason=f"it cannot be asked at the moment: {error}")
    except Conflict as error:
        owned = "hubops does not take fields over: change the manifest, or let their owner give them up"
        return ObjectPlan(ref, "refused", reason=f"{ref}: {error}; {owned}")
    except Permanent as error:
        if live is None and error.status == 404:
            return ObjectPlan(ref, "later", reason=f"the namespace {ref.namespace} is not there yet")
        kind = cluster.resource(ref.api_version, ref.kind)
        definition = f"{kind.plural}.{ref.api_version.rpartition('/')[0]}"
        return ObjectPlan(ref, "refused", reason=f"{ref}: {error}", definition=definition)
    if live is None:
        return ObjectPlan(ref, "create")
    changes = between(live, applied.object)
    return ObjectPlan(ref, "change" if changes else "keep", changes)
