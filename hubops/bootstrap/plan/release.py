"""What would become of the release of a chart, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.chart_objects import placed
from hubops.bootstrap.difference import between, of_values
from hubops.bootstrap.plan.planned import ObjectPlan, ReleasePlan
from hubops.bootstrap.plan.refused import in_the_way, taken, unchangeable
from hubops.bootstrap.ready import ends_by_itself
from hubops.bootstrap.record import Record, refs
from hubops.bootstrap.target import Target
from hubops.clients.helm import Release
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.stack.render import Rendered

Manifest = dict[str, Any]
#: Seconds after which a release that is still "pending" is nobody's work any more.
ABANDONED = 15 * 60.0


def release_plan(
    target: Target,
    rendered: Rendered,
    made: list[Manifest],
    releases: Mapping[tuple[str, str], Release],
    record: Record | None,
) -> tuple[ReleasePlan, str | None]:
    """The plan of the component's release, whose chart makes the objects *made*, and why it must not be touched.

    *releases* are those that there are, by namespace and name. Raises SourceError.
    """
    pin, namespace = rendered.component.chart, rendered.component.namespace or ""
    assert pin
    name = pin.release_name
    wanted = rendered.chart_values()
    after = f"{pin.name}-{pin.version}"
    current = releases.get((namespace, name))
    if current is None or current.status == "uninstalled":
        objects = tuple(ObjectPlan(ref, "create") for ref in refs(made))
        release = ReleasePlan(name, namespace, "install", after=after, objects=objects)
        return release, taken(name, namespace, releases) or in_the_way(target.cluster, made, rendered)
    given, installed = target.contents(current)
    values = of_values(given, wanted)
    objects = _rendered(installed, made) if made else ()
    changed = values or not current.is_of(pin.name, pin.version)
    broken = current.pending or current.status == "failed" or _missing(target.cluster, installed, namespace)
    action: Literal["repair", "upgrade", "keep"] = "repair" if broken else "upgrade" if changed else "keep"
    kept = ReleasePlan(
        name, namespace, action, current.chart, after, values, objects, current.status, current.revision,
        tuple(installed),
    )  # fmt: skip
    if current.chart_name != pin.name and not _is_ours(current, record):
        return kept, f"the name {name} is taken in {namespace} by a release of {current.chart}"
    fault = _alive(current, record, datetime.now(UTC) + target.cluster.clock_offset())
    return kept, fault or unchangeable(target.cluster, kept, made)


def _is_ours(current: Release, record: Record | None) -> bool:
    """Whether hubops itself has installed it: then another chart under its name is a successor of that one."""
    known = (record.chart, record.release) if record else ()
    return known == (current.chart_name, f"{current.namespace}/{current.name}")


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

    return not all(at_once(there, lasting))


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
