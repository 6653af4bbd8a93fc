"""Moves one component to what the stack says; where that fails, its release and its manifests go back.

Custom resource definitions do not: the older ones could not hold what the newer ones stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from msgspec.structs import replace

from hubops.bootstrap.apply.install import Installation
from hubops.bootstrap.apply.objects import are_ready
from hubops.bootstrap.apply.step import Step
from hubops.bootstrap.chart_objects import objects_of, placed
from hubops.bootstrap.plan.component import PRECIOUS
from hubops.bootstrap.plan.planned import ComponentPlan, ReleasePlan
from hubops.bootstrap.ready import IN_NAMESPACES
from hubops.bootstrap.record import Record, Ref
from hubops.clients.kube.applied import applied, applied_version
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import FIELD_MANAGER, KubeWriter
from hubops.errors import SourceError, StepFailed
from hubops.stack.render import Rendered

Manifest = dict[str, Any]
_DEFINITION = "older ones could not hold what newer ones have stored"


@dataclass(frozen=True)
class Before:
    """What a component was: its record, its release, and what hubops had applied of each object that was to change,
    None where there was none.
    """

    record: Record | None
    release: ReleasePlan | None  # one that worked
    objects: Mapping[Ref, Manifest | None]

    @property
    def there(self) -> bool:
        """Whether there is anything to go back to."""
        return self.record is not None or self.release is not None


def upgrade(installation: Installation, rendered: Rendered) -> None:
    """As `Installation.install`; what fails is brought back to what it was, and the StepFailed says so."""
    step = installation.step(rendered.name)
    planned = installation.planned(rendered, step)
    before = _before(installation, planned)
    try:
        installation.carry_out(planned, step)
    except StepFailed as error:
        if not before.there or installation.cancelled:
            raise
        _Return(installation, planned, before, installation.step(rendered.name)).go(error)


def _before(installation: Installation, planned: ComponentPlan) -> Before:
    cluster, release = installation.target.cluster, planned.release
    changing = [each.ref for each in planned.objects if each.action != "keep"]
    return Before(
        installation.records.known.get(planned.name),
        release if release and release.status == "deployed" else None,
        {ref: _applied(cluster, ref) for ref in changing},
    )


def _applied(cluster: KubeWriter, ref: Ref) -> Manifest | None:
    """What hubops has applied of an object, as it is now; None where there is no such object."""
    try:
        live = cluster.read(ref.item())
        if live and (version := applied_version(live, FIELD_MANAGER)) != live["apiVersion"]:
            live = cluster.read({**ref.item(), "apiVersion": version})
    except NotServed:
        return None
    return applied(live, FIELD_MANAGER) if live else None


@dataclass
class _Return:
    """The way back of one component."""

    installation: Installation
    planned: ComponentPlan
    before: Before
    step: Step
    back: list[str] = field(default_factory=list)
    left: dict[Ref, str] = field(default_factory=dict)  # what stays as it is now, and why

    def go(self, error: StepFailed) -> NoReturn:
        """Bring back what can be, one part in spite of the other, and raise the *error* with what is back."""
        self.step.say(f"{error}; going back")
        self.left = {each.ref: _DEFINITION for each in self.planned.crds if each.action in ("create", "change")}
        problems = []
        for part in (self._release, self._objects, self._wait, self._note):
            try:
                part()
            except (SourceError, StepFailed) as problem:
                problems.append(str(problem))
        text = f"; back as before: {', '.join(self.back)}" if self.back else ""
        text += f"; going back did not help: {'; '.join(problems)}" if problems else ""
        left = (f"not back: {ref}: {reason}" for ref, reason in self.left.items())
        raise StepFailed(f"{error}{text}", details=(*error.details, *left)) from error

    def _release(self) -> None:
        helm, release = self.installation.target.helm, self.before.release
        if release is None:
            return
        [now] = (each for each in helm.releases([release.name]) if each.namespace == release.namespace)
        if now.revision != release.revision:
            helm.rollback(
                release.name, release.namespace, int(release.revision), timeout=self.step.deadline.remaining()
            )
            self.back.append(release.before)

    def _objects(self) -> None:
        writing = self.installation.objects
        now = {ref: _applied(self.installation.target.cluster, ref) for ref in self.before.objects}
        moved = {ref: item for ref, item in self.before.objects.items() if item != now[ref]}
        self.left |= {ref: reason for ref, item in moved.items() if (reason := _stays(ref, item))}
        moved = {ref: item for ref, item in moved.items() if ref not in self.left}
        replaced = {each.ref for each in self.planned.objects if each.action == "replace"}
        writing.write([item for item in moved.values() if item], self.step, replaced)
        for ref in (ref for ref, item in moved.items() if not item):
            writing.delete(ref)
        if moved:
            self.back.append(f"{len(moved)} object{'s' if len(moved) > 1 else ''} of its manifests")

    def _wait(self) -> None:
        """Until what is back is ready again."""
        target, release = self.installation.target, self.before.release
        objects = [item for ref, item in self.before.objects.items() if item and ref not in self.left]
        if release:
            made = objects_of(target.helm.manifest(release.name, release.namespace))
            objects += [placed(item, release.namespace) if item["kind"] in IN_NAMESPACES else item for item in made]
        self.step.until(lambda: are_ready(target.cluster, objects))

    def _note(self) -> None:
        """The component is what it was, but for what stays; and it is not what was wanted."""
        if record := self.before.record:
            stays = {ref for ref, item in self.before.objects.items() if ref in self.left and not item}
            objects = tuple(sorted({*record.objects, *stays}))
            self.installation.record(replace(record, objects=objects, complete=False))


def _stays(ref: Ref, item: Manifest | None) -> str:
    """Why an object does not go back to *item*; empty where it does."""
    if ref.kind == "CustomResourceDefinition":
        return _DEFINITION
    if item is None and ref.kind in PRECIOUS:
        return "it is new, and others may live in it by now"
    if item and ref.kind == "Job":
        return "it would run again"
    return ""
