"""Installs one component, in steps that can each be done again: a killed run is continued by the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial

from hubops.bootstrap.apply import generated, release
from hubops.bootstrap.apply.objects import Objects
from hubops.bootstrap.apply.parts import Parts
from hubops.bootstrap.apply.step import Step
from hubops.bootstrap.apply.trouble import trouble
from hubops.bootstrap.chart_objects import objects_of
from hubops.bootstrap.gate import Gate, Installed, Verdict
from hubops.bootstrap.plan.component import plan
from hubops.bootstrap.plan.planned import ComponentPlan
from hubops.bootstrap.record import Record, Records, Ref, refs
from hubops.bootstrap.target import Target
from hubops.clients.helm import Release
from hubops.clients.retry import Deadline
from hubops.errors import StepFailed
from hubops.stack.render import Rendered
from hubops.stack.site import Site
from hubops.stack.structure import Gate as GateName


@dataclass
class Installation:
    """One run over the components of a stack; its methods may be called for several components at once."""

    target: Target
    site: Site
    records: Records
    gates: Mapping[GateName, Gate]
    timeout: float  # seconds for one component
    say: Callable[[str, str], None]  # component, what it is doing
    over: Callable[[str, str], None]  # component, how it ended
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _deadlines: list[Deadline] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def objects(self) -> Objects:
        """What writes the objects of all components."""
        return Objects(self.target.cluster)

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End the steps that run: what waits stops waiting, and a helm records how far it came."""
        self._cancelled.set()
        for each in list(self._deadlines):
            each.cancel()
        self.target.helm.interrupt()

    def step(self, name: str) -> Step:
        """The work on the component *name*, whose time begins now."""
        deadline = Deadline(self.timeout)
        self._deadlines.append(deadline)
        if self.cancelled:
            deadline.cancel()
        return Step(deadline, partial(self.say, name))

    def install(self, rendered: Rendered) -> None:
        """Bring one component to what *rendered* says, and wait until its gates pass.

        Raises StepFailed that names the step, and SourceError where the cluster no longer answers.
        """
        step = self.step(rendered.name)
        self.carry_out(self.planned(rendered, step), step)

    def verify(self, rendered: Rendered) -> None:
        """Wait until what the component runs is ready, then for each of its gates. Raises StepFailed."""
        parts = Parts(self.target, rendered)
        with self._explained(parts, rendered):
            self._verify(rendered, parts, self.step(rendered.name))

    def planned(self, rendered: Rendered, step: Step) -> ComponentPlan:
        """What is to be done for the component, as the cluster is now. Raises StepFailed where it cannot be."""
        step.say("planning")
        releases: tuple[Release, ...] = ()
        if pin := rendered.component.chart:
            namespace = rendered.component.namespace or ""
            step.until(partial(release.idle, self.target.helm, pin.release_name, namespace))
            releases = self.target.helm.releases([pin.release_name])
        planned = plan(self.target, rendered, self.records.known.get(rendered.name), releases, shown=False)
        if planned.problems:
            more = f" (and {len(planned.problems) - 1} more: hubops bootstrap plan)" if planned.problems[1:] else ""
            raise StepFailed(planned.problems[0] + more)
        return planned

    def carry_out(self, planned: ComponentPlan, step: Step) -> None:
        """Do what is *planned*, and wait until the gates pass. Raises as `install` does."""
        name, rendered = planned.name, planned.rendered
        parts = Parts(self.target, rendered, planned.installed)
        with self._explained(parts, rendered):
            if planned.changes or not self._complete(name):
                self.changed.append(name)
                self._change(planned, step)
            self._verify(rendered, parts, step)
        if name in self.changed:
            self.note(planned, refs(rendered.objects()), complete=True)
        self.over(name, "done" if name in self.changed else "unchanged")

    @contextmanager
    def _explained(self, parts: Parts, rendered: Rendered) -> Iterator[None]:
        """A StepFailed within tells what stood in its way."""
        try:
            yield
        except StepFailed as error:
            error.details = trouble(self.target.cluster, str(error), parts.objects, rendered.component.namespace)
            raise

    def _change(self, planned: ComponentPlan, step: Step) -> None:
        """Write all that the component is made of, in the order in which its parts need each other."""
        self._begin(planned)
        if planned.chart and any(each.action != "keep" for each in planned.crds):
            self.objects.define(objects_of(self.target.crds(planned.chart)), step)
        generated.make(self.target.cluster, planned.rendered)
        release.change(self.target.helm, planned, step)
        replaced = {each.ref for each in planned.objects if each.action == "replace"}
        self.objects.write(planned.rendered.objects(), step, replaced)
        self.objects.remove(planned.objects, step)

    def _verify(self, rendered: Rendered, parts: Parts, step: Step) -> None:
        step.until(parts.ready)
        for name in rendered.component.gates:
            step.say(f"gate {name}")
            at = Installed(self.target, self.site, rendered)
            self.verdicts.setdefault(rendered.name, {})[name] = step.until(partial(self.gates[name], at))

    def _complete(self, name: str) -> bool:
        record = self.records.known.get(name)
        return record is not None and record.complete

    def _begin(self, planned: ComponentPlan) -> None:
        """Note what is about to be written, beside what the last run wrote."""
        before = self.records.known.get(planned.name)
        known = before.objects if before else ()
        self.note(planned, tuple(sorted({*known, *refs(planned.rendered.objects())})), complete=False)

    def note(self, planned: ComponentPlan, objects: tuple[Ref, ...], *, complete: bool) -> None:
        """Record that the component consists of *objects*, and whether all of it is there and works."""
        component, chart = planned.rendered.component, planned.rendered.component.chart
        self.record(
            Record(
                component=planned.name,
                chart=chart.name if chart else "",
                version=chart.version if chart else "",
                release=f"{component.namespace}/{chart.release_name}" if chart else "",
                objects=objects,
                complete=complete,
                needs=component.needs,
            )
        )

    def record(self, record: Record) -> None:
        """Store *record* in place of the component's last one."""
        with self._writing:
            self.records.write(record)
