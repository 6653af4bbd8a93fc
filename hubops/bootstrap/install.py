"""Installs one component, in steps that can each be done again: a killed run is continued by the next."""

from __future__ import annotations

import math
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from hubops.bootstrap.chart_objects import objects_of, placed
from hubops.bootstrap.gate import Gate, Installed, Verdict, awaited, passed, waiting
from hubops.bootstrap.plan import plan
from hubops.bootstrap.planned import ComponentPlan, ObjectPlan, ReleasePlan
from hubops.bootstrap.ready import WORKLOADS, waits_for
from hubops.bootstrap.record import Record, Records, Ref, refs
from hubops.bootstrap.target import Target, values_text
from hubops.bootstrap.trouble import trouble
from hubops.clients.helm import Release
from hubops.clients.kube.errors import AlreadyExists, NotServed, WebhookSilent
from hubops.clients.retry import Deadline
from hubops.errors import Permanent, Retryable, SourceError, StepFailed
from hubops.stack.render import Rendered
from hubops.stack.site import Site
from hubops.stack.structure import Gate as GateName
from hubops.stack.structure import GeneratedSecret

Manifest = dict[str, Any]
_ALPHABET = string.ascii_letters + string.digits
_AT_ONCE = 6  # objects of one component that are written at the same time
_HELM_AGAIN = 15.0  # seconds at most until helm is tried again; each time is another revision
#: Seconds until the API server takes objects of a definition that has changed for what they are.
_PUBLISHED = 5.0
#: Written first, because others live in them or name them.
_FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ServiceAccount")


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
    _renewed: float = -math.inf  # when definitions were changed last, on the monotonic clock
    _deadlines: list[Deadline] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """End the steps that run: what waits stops waiting, and a helm records how far it came."""
        self._cancelled.set()
        for each in list(self._deadlines):
            each.cancel()
        self.target.helm.interrupt()

    def deadline(self) -> Deadline:
        """The time of one component, which begins now."""
        deadline = Deadline(self.timeout)
        self._deadlines.append(deadline)
        if self._cancelled.is_set():
            deadline.cancel()
        return deadline

    def upgrade(self, rendered: Rendered) -> None:
        """As `install`; where that fails, the release goes back to the revision that was deployed before.

        Custom resource definitions do not go back: the older ones could not hold what the newer ones stored.
        """
        before = self._current(rendered)
        try:
            self.install(rendered)
        except StepFailed as error:
            after = self._current(rendered)
            if before is None or before.status != "deployed" or after == before or self._cancelled.is_set():
                raise
            self._back(rendered, before, error)

    def _current(self, rendered: Rendered) -> Release | None:
        """The component's release, as it is."""
        pin = rendered.component.chart
        found = self.target.helm.releases([pin.release_name]) if pin else ()
        return next((each for each in found if each.namespace == rendered.component.namespace), None)

    def _back(self, rendered: Rendered, before: Release, error: StepFailed) -> NoReturn:
        """Bring the release back to where it was *before* the *error*, and raise that."""
        say = partial(self.say, rendered.name)
        say(f"{error}; back to revision {before.revision}")
        try:
            self.target.helm.rollback(before.name, before.namespace, int(before.revision), timeout=self.timeout)
            awaited(self._readiness(rendered), self.deadline(), say)
        except (SourceError, StepFailed) as again:
            text = f"{error}; going back to {before.chart} did not help: {again}"
            raise StepFailed(text, details=error.details) from error
        raise StepFailed(f"{error}; {before.chart} is back", details=error.details) from error

    def install(self, rendered: Rendered) -> None:
        """Bring one component to what *rendered* says, and wait until its gates pass.

        Raises StepFailed that names the step, and SourceError where the cluster no longer answers.
        """
        name, deadline = rendered.name, self.deadline()
        planned = self._planned(rendered, deadline)
        if planned.problems:
            more = f" (and {len(planned.problems) - 1} more: hubops bootstrap plan)" if planned.problems[1:] else ""
            raise StepFailed(planned.problems[0] + more)
        with self._explained(rendered):
            if planned.changes or not self._complete(name):
                self.changed.append(name)
                self._change(planned, deadline)
            self._verify(rendered, deadline)
        if name in self.changed:
            self._end(planned)
        self.over(name, "done" if name in self.changed else "unchanged")

    def verify(self, rendered: Rendered, deadline: Deadline) -> None:
        """Wait until what the component runs is ready, then for each of its gates. Raises StepFailed."""
        with self._explained(rendered):
            self._verify(rendered, deadline)

    @contextmanager
    def _explained(self, rendered: Rendered) -> Iterator[None]:
        """A StepFailed within tells what stood in its way."""
        try:
            yield
        except StepFailed as error:
            namespace = rendered.component.namespace
            error.details = trouble(self.target.cluster, str(error), partial(self._objects, rendered), namespace)
            raise

    def _change(self, planned: ComponentPlan, deadline: Deadline) -> None:
        """Write all that the component is made of, in the order in which its parts need each other."""
        say = partial(self.say, planned.name)
        self._begin(planned)
        self._definitions(planned, deadline, say)
        self._secrets(planned.rendered)
        if planned.release:
            self._release(planned, planned.release, deadline, say)
        self._manifests(planned.rendered, deadline, say)
        self._remove(planned.objects, say)

    def _verify(self, rendered: Rendered, deadline: Deadline) -> None:
        say = partial(self.say, rendered.name)
        awaited(self._readiness(rendered), deadline, say)
        for name in rendered.component.gates:
            say(f"gate {name}")
            at = Installed(self.target, self.site, rendered)
            verdict = awaited(partial(self.gates[name], at), deadline, say)
            self.verdicts.setdefault(rendered.name, {})[name] = verdict

    def _planned(self, rendered: Rendered, deadline: Deadline) -> ComponentPlan:
        say = partial(self.say, rendered.name)
        say("planning")
        pin = rendered.component.chart
        releases: tuple[Release, ...] = ()
        if pin:
            name = pin.release_name
            awaited(partial(self._idle, name, rendered.component.namespace or ""), deadline, say)
            releases = self.target.helm.releases([name])
        return plan(self.target, rendered, self.records.known.get(rendered.name), releases, shown=False)

    def _idle(self, release: str, namespace: str) -> Verdict:
        """Of a run that was killed, helm may have been left alive: what it does is not to be taken for left behind."""
        if self.target.helm.is_at_work(release, namespace):
            return waiting(f"the helm of a run that was killed is still at work on {namespace}/{release}")
        return passed("")

    def _complete(self, name: str) -> bool:
        record = self.records.known.get(name)
        return record is not None and record.complete

    def _begin(self, planned: ComponentPlan) -> None:
        """Note what is about to be written, beside what the last run wrote."""
        before = self.records.known.get(planned.name)
        known = before.objects if before else ()
        self._note(planned, tuple(sorted({*known, *refs(planned.rendered.objects())})), complete=False)

    def _end(self, planned: ComponentPlan) -> None:
        self._note(planned, refs(planned.rendered.objects()), complete=True)

    def _note(self, planned: ComponentPlan, objects: tuple[Ref, ...], *, complete: bool) -> None:
        component, chart = planned.rendered.component, planned.rendered.component.chart
        record = Record(
            component=planned.name,
            chart=chart.name if chart else "",
            version=chart.version if chart else "",
            release=f"{component.namespace}/{chart.release_name}" if chart else "",
            objects=objects,
            complete=complete,
            needs=component.needs,
        )
        with self._writing:
            self.records.write(record)

    def _definitions(self, planned: ComponentPlan, deadline: Deadline, say: Callable[[str], None]) -> None:
        """The chart's CRDs: Helm installs them once and never again, so hubops does, and takes them over from it."""
        if not planned.chart or all(each.action == "keep" for each in planned.crds):
            return
        say("custom resource definitions")
        definitions = objects_of(self.target.crds(planned.chart))
        for item in definitions:
            self._apply(item, deadline, say, take_over=True)
        self._renewed = time.monotonic()
        awaited(partial(self._waits, definitions), deadline, say)

    def _secrets(self, rendered: Rendered) -> None:
        for each in rendered.component.generates:
            try:
                self.target.cluster.create(_generated(each, rendered.component.namespace or ""))
            except AlreadyExists:
                continue  # made by an earlier run, or by the operator: either way it stays

    def _release(
        self, planned: ComponentPlan, release: ReleasePlan, deadline: Deadline, say: Callable[[str], None]
    ) -> None:
        if release.action == "keep" or planned.chart is None:
            return
        if release.status.startswith("pending-") or release.status == "uninstalling":
            self._repair(release, deadline, say)
        say(f"helm {'install' if release.action == 'install' else 'upgrade'} {release.after}")
        values = values_text(planned.rendered)

        def upgrade() -> Verdict:
            left = max(deadline.remaining(), 30.0)
            self.target.helm.upgrade(planned.chart, release.name, release.namespace, values, timeout=left)  # type: ignore[arg-type]
            return passed("")

        awaited(_only_passing(upgrade), deadline, say, every=_HELM_AGAIN)

    def _repair(self, release: ReleasePlan, deadline: Deadline, say: Callable[[str], None]) -> None:
        """Undo what a killed Helm left half done: back to the last revision that was deployed, or to nothing."""
        helm, left = self.target.helm, deadline.remaining()
        deployed = [each for each in helm.history(release.name, release.namespace) if each.status == "deployed"]
        if deployed:
            say(f"{release.status} was left behind; back to revision {deployed[-1].revision}")
            helm.rollback(release.name, release.namespace, deployed[-1].revision, timeout=left)
        else:
            say(f"{release.status} was left behind; removing it")
            helm.uninstall(release.name, release.namespace, timeout=left)

    def _manifests(self, rendered: Rendered, deadline: Deadline, say: Callable[[str], None]) -> None:
        items = list(rendered.objects())
        if items:
            say(f"{len(items)} objects of manifests")
        for item in items:
            if item["kind"] in _FIRST:
                self._apply(item, deadline, say)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=rendered.name) as pool:
            rest = [item for item in items if item["kind"] not in _FIRST]
            list(pool.map(lambda item: self._apply(item, deadline, say), rest))

    def _apply(
        self, item: Manifest, deadline: Deadline, say: Callable[[str], None], *, take_over: bool = False
    ) -> None:
        """Apply *item*, again while its kind is not served yet or a webhook of a pod that starts does not answer."""

        def attempt() -> Verdict:
            try:
                self.target.cluster.apply(item, take_over=take_over)
            except (NotServed, WebhookSilent) as error:
                return waiting(str(error))
            except Permanent as error:
                [ref] = refs([item])
                if error.status == 422 and time.monotonic() - self._renewed < _PUBLISHED:
                    return waiting(f"{ref}: {error}")
                raise StepFailed(f"{ref}: {error}") from error
            return passed("")

        awaited(attempt, deadline, say)

    def _remove(self, objects: Iterable[ObjectPlan], say: Callable[[str], None]) -> None:
        for each in objects:
            if each.action == "delete":
                say(f"{each.ref} is no longer part of it: removing it")
                try:
                    self.target.cluster.delete(each.ref.item())
                except NotServed:
                    continue  # gone with its kind

    def _readiness(self, rendered: Rendered) -> Callable[[], Verdict]:
        """Asks whether all that the component consists of is ready; helm is asked once what that is."""
        found: list[Manifest] = []

        def ask() -> Verdict:
            if not found:
                found.extend(self._objects(rendered))
            return self._waits(found)

        return ask

    def _objects(self, rendered: Rendered) -> list[Manifest]:
        """The objects of the component's manifests and of its release."""
        objects: list[Manifest] = list(rendered.objects())
        if chart := rendered.component.chart:
            namespace = rendered.component.namespace or ""
            installed = objects_of(self.target.helm.manifest(chart.release_name, namespace))
            objects += [placed(item, namespace) if item["kind"] in WORKLOADS else item for item in installed]
        return objects

    def _waits(self, objects: Iterable[Manifest]) -> Verdict:
        left = waits_for(self.target.cluster, objects)
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        return waiting(left[0] + more) if left else passed("")


def _only_passing(ask: Callable[[], Verdict]) -> Callable[[], Verdict]:
    """*ask*, of whose errors only those are waited for that may pass by themselves."""

    def asked() -> Verdict:
        try:
            return ask()
        except Retryable as error:
            return waiting(str(error))
        except SourceError as error:
            raise StepFailed(str(error)) from error

    return asked


def _generated(secret: GeneratedSecret, namespace: str) -> Manifest:
    values = {key: "".join(secrets.choice(_ALPHABET) for _ in range(length)) for key, length in secret.random.items()}
    labels = {"app.kubernetes.io/managed-by": "hubops"}
    metadata = {"name": secret.name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {**secret.fixed, **values}}
