"""pods-refused: controllers whose pods the API server does not accept, and which rule, in plain words, refuses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods, webhooks
from hubops.engine.probes.phrases import meaning, phrases
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Event, ResourceQuota
from hubops.model.kube.meta import Object, holding
from hubops.model.kube.workloads import DaemonSet, Job, ReplicaSet, StatefulSet, wanted

#: How the API server words it that an admission webhook did not answer (apiserver, admission/plugin/webhook): the
#: webhook's name, of which there may be several, and the name and namespace of the Service that it called.
_UNANSWERED = re.compile(r'failed calling webhook "([^"]+)".*? "https://([\w-]+)\.([\w-]+)\.svc')
_QUOTA = re.compile(r"(?:exceeded|failed) quota: ([^\s,:]+)")

#: What admission plugins, webhooks and the controllers write (apiserver, plugin/pkg/admission), and what it means.
_WORDS = phrases(
    (r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+)$",
     r"quota \1 has no room: asks \2, used \3, allowed \4"),
    (r"failed quota: ([^:]+): must specify (.+)$", r"quota \1 accepts only pods that specify \2"),
    (r"insufficient quota to match these scopes: (.+)$", r"no quota allows its priority class: \1"),
    (r'violates PodSecurity "([^"]+)": (.+)$', r"its namespace enforces Pod Security \1: \2"),
    (r'serviceaccount "([^"]+)" not found', r"ServiceAccount \1 does not exist"),
    (r"no PriorityClass with name (\S+) was found", r"PriorityClass \1 does not exist"),
    (r'RuntimeClass "([^"]+)" not found', r"RuntimeClass \1 does not exist"),
    (r"((?:maximum|minimum) \S+ usage per \w+ is .+?|\S+ max limit to request ratio per \w+ is .+?)\]?$",
     r"a LimitRange of its namespace refuses it: \1"),
    (r'admission webhook "([^"]+)" denied the request: ?(.*)$', r"admission webhook \1 refuses it: \2"),
    (r'failed calling webhook "([^"]+)": (?:failed to call webhook: )?(?:Post "[^"]*": )?(.+)$',
     r"admission webhook \1 does not answer: \2"),
    (r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.+)$",
     r"admission policy \1 refuses it: \2"),
    (r"unable to validate against any security context constraint: (.+)$",
     r"no SecurityContextConstraints allows it: \1"),
    (r"unable to create new content in namespace (\S+) because it is being terminated",
     r"namespace \1 is being deleted"),
    (r'(?:Pod|Job\.batch) "[^"]*" is invalid: (.+)$', r"its template is invalid: \1"),
    (r"must be no more than 63 characters", r"its name makes a label longer than 63 characters"),
)  # fmt: skip


class Shortage(NamedTuple):
    """A controller that lacks pods because they were refused: how many of how many, in which words, since when."""

    item: Object
    there: int
    wanted: int
    message: str
    since: datetime | None
    events: tuple[Event, ...]


@probe(
    needs=("replicasets", "statefulsets", "daemonsets", "jobs", "events"),
    uses=("deployments", "resourcequotas", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
)
def pods_refused(view: View, *, grace: timedelta, recent: timedelta) -> Iterator[Hit]:
    """Controllers that have fewer pods than they want, and have been refused the others for longer than *grace*.

    A ReplicaSet says so in its condition. The others have none: they count while they are short of pods and their last
    refusal is no older than *recent*, after which their next attempt is due.
    """
    for found in (*_replica_sets(view), *_others(view, recent)):
        if found.item.metadata.deletion_timestamp is None and pods.longer_than(view, found.since, grace):
            yield _hit(view, found)


def _replica_sets(view: View) -> Iterator[Shortage]:
    for item in view.objects.replicasets:
        most = wanted(item)
        state = holding(item.status.conditions, "ReplicaFailure")
        if state is None or state.reason != "FailedCreate" or item.status.replicas >= most:
            continue
        events = refusals(view, item)
        yield Shortage(item, item.status.replicas, most, state.message, state.last_transition_time, events)


def _others(view: View, recent: timedelta) -> Iterator[Shortage]:
    items: tuple[StatefulSet | DaemonSet | Job, ...]
    items = (*view.objects.statefulsets, *view.objects.daemonsets, *view.objects.jobs)
    for item in items:
        there, most = _count(item)
        if there >= most:
            continue
        events = refusals(view, item)
        if events and events[0].last_seen is not None and view.now - events[0].last_seen <= recent:
            yield Shortage(item, there, most, events[0].message, first_seen(events), events)


def _count(item: StatefulSet | DaemonSet | Job) -> tuple[int, int]:
    """How many pods there are, and how many there should be."""
    if isinstance(item, StatefulSet):
        return item.status.replicas, wanted(item)
    if isinstance(item, DaemonSet):
        return item.status.current_number_scheduled, item.status.desired_number_scheduled
    if item.spec.suspend or any(holding(item.status.conditions, kind) for kind in ("Complete", "Failed")):
        return 0, 0
    parallel = 1 if item.spec.parallelism is None else item.spec.parallelism
    left = parallel if item.spec.completions is None else item.spec.completions - item.status.succeeded
    return item.status.active, min(parallel, left)


def refusals(view: View, item: Object) -> tuple[Event, ...]:
    """The events that say that *item* could not make what it wants, newest first."""
    uid = item.metadata.uid
    events = view.events.get(Ref(type(item).__name__, item.name, item.namespace), ())
    return tuple(e for e in events if e.reason == "FailedCreate" and e.involved_object.uid in {"", uid})


def first_seen(events: tuple[Event, ...]) -> datetime | None:
    """When the first of *events* was first observed; None where none of them says."""
    times = [event.first_seen for event in events]
    return min((time for time in times if time is not None), default=None)


def explain(message: str) -> str:
    """What a refusal means, or the message itself; for "... cannot be created: "."""
    if (words := meaning(_WORDS, message)) is not None:
        return evidence.bounded(words.removesuffix(": "), 300)
    text = " ".join(message.split())
    return evidence.bounded(text.removeprefix("Error creating: ").removeprefix("Error creating job: "), 300)


def causes(view: View, message: str, namespace: str) -> Iterator[Ref]:
    """What, when broken or used up, explains a refusal: webhooks that do not answer, a quota, a dying namespace."""
    if unanswered := _UNANSWERED.search(message):
        yield from webhooks.configurations_of(view, *unanswered.groups())
    if quota := _QUOTA.search(message):
        yield Ref("ResourceQuota", quota[1], namespace)
    if "because it is being terminated" in message:
        yield Ref("Namespace", namespace)


def _hit(view: View, found: Shortage) -> Hit:
    item, missing = found.item, found.wanted - found.there
    number = f"{missing} of {evidence.counted(found.wanted, 'pod')}" if found.wanted > 1 else "its pod"
    owner = view.owner(item)
    return Hit(
        ref=Ref(type(item).__name__, item.name, item.namespace),
        summary=evidence.bounded(f"{number} cannot be created: {explain(found.message)}", 400),
        evidence=tuple(_evidence(view, found)),
        value=Value(float(missing), "pods"),
        since=found.since,
        severity=_severity(found, owner),
        depends_on=tuple(causes(view, found.message, item.namespace)),
        details={"owner_kind": owner.kind, "owner_name": owner.name},
    )


def _severity(found: Shortage, owner: Ref) -> Severity | None:
    """Critical for a ReplicaSet without any pod that no Deployment speaks for: an operator's, or one of its own."""
    alone = isinstance(found.item, ReplicaSet) and owner.kind != "Deployment"
    return "critical" if alone and found.there == 0 else None


def _evidence(view: View, found: Shortage) -> Iterator[Evidence]:
    yield evidence.fact(found.message)
    yield evidence.fact(f"{found.there} of {evidence.counted(found.wanted, 'pod')} there")
    for event in found.events[:1]:
        yield evidence.from_event(event)
    if quota := _QUOTA.search(found.message):
        named = view.find(Ref("ResourceQuota", quota[1], found.item.namespace))
        if isinstance(named, ResourceQuota):
            yield evidence.fact(f"quota {named.name} now: " + _used(named))


def _used(quota: ResourceQuota) -> str:
    return ", ".join(f"{key} {quota.status.used.get(key, '0')} of {hard}" for key, hard in quota.status.hard.items())
