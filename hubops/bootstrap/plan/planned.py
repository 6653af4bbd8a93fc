"""What would be done to a cluster, as it was found out: objects, releases, components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hubops.bootstrap.difference import Change
from hubops.bootstrap.record import Ref
from hubops.clients.helm import ChartFile
from hubops.stack.render import Rendered


@dataclass(frozen=True)
class ObjectPlan:
    """One object: created, changed, deleted, kept as it is; replaced, that is deleted and created, for that `reason`;
    not to be asked before `reason` is no more; or refused by the cluster for that `reason`, under the `definition` of
    its kind, "plural.group", that there is now.
    """

    ref: Ref
    action: Literal["create", "change", "replace", "delete", "keep", "later", "refused"]
    changes: tuple[Change, ...] = ()
    reason: str = ""
    definition: str = ""

    @property
    def there(self) -> bool:
        """Whether the cluster has it."""
        return self.action in ("keep", "change", "replace")


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
    revision: str = ""  # that is the newest now
    installed: tuple[dict[str, Any], ...] = ()  # the objects of that revision


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
    unfinished: bool = False  # the last run about it failed, or was ended
    adopted: bool = False  # hubops has no record of it, but it is there: installed by other means

    @property
    def problems(self) -> tuple[str, ...]:
        """All that stands in its way."""
        refused = (each.reason for each in (*self.crds, *self.objects) if each.action == "refused")
        return (*([self.fault] if self.fault else []), *refused)

    @property
    def installed(self) -> tuple[dict[str, Any], ...]:
        """The objects of its release, where they are known and stay as they are."""
        return self.release.installed if self.release and self.release.action == "keep" else ()

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        written = any(each.action != "keep" for each in (*self.crds, *self.objects))
        return written or (self.release is not None and self.release.action != "keep")


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
