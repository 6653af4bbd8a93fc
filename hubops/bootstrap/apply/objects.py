"""Writes the objects of components, in steps that can each be done again."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from hubops.bootstrap.apply.step import Step
from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.gate import Verdict, passed, waiting
from hubops.bootstrap.plan.planned import ObjectPlan
from hubops.bootstrap.ready import waits_for
from hubops.bootstrap.record import Ref, refs
from hubops.clients.kube.errors import NotServed, WebhookSilent
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, StepFailed

Manifest = dict[str, Any]
#: Seconds until the API server takes objects of a definition that has changed for what they are.
_PUBLISHED = 5.0
#: Written first, because others live in them or name them.
_FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ServiceAccount")


class Objects:
    """Those of one cluster. Methods may be called for several components at once; they raise StepFailed."""

    def __init__(self, cluster: KubeWriter) -> None:
        self._cluster = cluster
        self._renewed = -math.inf  # when definitions were changed last, on the monotonic clock

    def define(self, definitions: Iterable[Manifest], step: Step) -> None:
        """Apply a chart's CRDs: Helm installs them once and never again, so hubops does, and takes them over from it.

        They are served when this returns.
        """
        step.say("custom resource definitions")
        definitions = list(definitions)
        for item in definitions:
            self.apply(item, step, take_over=True)
        self._renewed = time.monotonic()
        step.until(partial(are_ready, self._cluster, definitions))

    def write(self, items: Iterable[Manifest], step: Step, replaced: Collection[Ref] = ()) -> None:
        """Apply *items*; those that are to be *replaced* are deleted before."""
        items = list(items)
        if items:
            step.say(f"{len(items)} objects of manifests")
        write = partial(self._write, step=step, replaced=replaced)
        for item in items:
            if item["kind"] in _FIRST:
                write(item)
        at_once(write, [item for item in items if item["kind"] not in _FIRST])

    def _write(self, item: Manifest, step: Step, replaced: Collection[Ref]) -> None:
        [ref] = refs([item])
        if ref in replaced:
            self.replace(item, step)
        else:
            self.apply(item, step)

    def replace(self, item: Manifest, step: Step) -> None:
        """Delete the object and make it anew. Who is killed in between finds it missing, and makes it."""
        [ref] = refs([item])
        step.say(f"{ref}: deleting it, to make it anew")
        self.delete(ref)
        self.apply(item, step)

    def apply(self, item: Manifest, step: Step, *, take_over: bool = False) -> None:
        """Apply *item*, again while its kind is not served yet or a webhook of a pod that starts does not answer."""

        def attempt() -> Verdict:
            try:
                self._cluster.apply(item, take_over=take_over)
            except (NotServed, WebhookSilent) as error:
                return waiting(str(error))
            except Permanent as error:
                [ref] = refs([item])
                if error.status == 422 and time.monotonic() - self._renewed < _PUBLISHED:
                    return waiting(f"{ref}: {error}")
                raise StepFailed(f"{ref}: {error}") from error
            return passed("")

        step.until(attempt)

    def remove(self, objects: Iterable[ObjectPlan], step: Step) -> None:
        """Delete what is no longer part of a component."""
        for each in objects:
            if each.action == "delete":
                step.say(f"{each.ref} is no longer part of it: removing it")
                self.delete(each.ref)

    def delete(self, ref: Ref) -> None:
        try:
            self._cluster.delete(ref.item())
        except NotServed:
            return  # gone with its kind


def are_ready(cluster: KubeWriter, objects: Iterable[Manifest]) -> Verdict:
    """Whether all *objects* are ready, or what of them is waited for. Raises SourceError."""
    left = waits_for(cluster, objects)
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    return waiting(left[0] + more) if left else passed("")
