"""What an installation would do to a cluster, asked of the cluster itself: nothing is written.

Objects of manifests are applied as a dry run, so that defaults, webhooks and other owners have their say. What cannot
be asked yet, because its kind or namespace comes with the installation, is planned by its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.chart_objects import objects_of
from hubops.bootstrap.difference import between
from hubops.bootstrap.plan.images import images
from hubops.bootstrap.plan.planned import ComponentPlan, ObjectPlan, settled
from hubops.bootstrap.plan.release import release_plan
from hubops.bootstrap.plan.replacement import replacement
from hubops.bootstrap.record import Record, Ref, refs
from hubops.bootstrap.target import Target
from hubops.clients.helm import Release
from hubops.clients.kube.errors import Conflict, Immutable, NotServed, WebhookSilent
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, Retryable, SourceError
from hubops.stack.render import Rendered

Manifest = dict[str, Any]
#: Kinds that take more with them than was ever installed; a changed setting must not delete them.
PRECIOUS = ("Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume")


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
        release, fault = release_plan(target, rendered, made, named, record)
    definitions = tuple(at_once(partial(_planned, target.cluster, take_over=True), crds))
    objects = _objects(target.cluster, rendered, record)
    pulled = tuple(sorted(set(images([*made, *rendered.objects()]))))
    there = release.status not in ("", "uninstalled") if release else any(each.there for each in objects)
    adopted = record is None and there
    unfinished = record is not None and not record.complete
    return ComponentPlan(
        rendered.name, rendered, chart, definitions, release, objects, fault, pulled, unfinished, adopted
    )


def _objects(cluster: KubeWriter, rendered: Rendered, record: Record | None) -> tuple[ObjectPlan, ...]:
    """The plans of the manifests' objects, and of those that the record has and the manifests no longer do."""
    wanted = list(rendered.objects())
    plans = at_once(partial(_planned, cluster), wanted)
    kept = {ref.key() for ref in refs(wanted)}
    gone = [ref for ref in (record.objects if record else ()) if ref.key() not in kept]
    return (*plans, *map(_gone, gone))


def _gone(ref: Ref) -> ObjectPlan:
    """The plan of an object that the manifests no longer have."""
    if ref.kind in PRECIOUS:
        return ObjectPlan(ref, "keep", reason="no longer part of it; deleting it is left to you: others live in it")
    return ObjectPlan(ref, "delete")


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
    except Immutable as error:
        return replacement(cluster, item, live or item, error)
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
