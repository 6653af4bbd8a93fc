"""Pods that have a node, and whose containers do not come up: volumes, network, configuration, init containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probes import evidence, pods
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit
from hubops.model.kube.core import Event, Pod
from hubops.model.kube.meta import condition
from hubops.model.quantity import human_duration

#: Events that say why a pod does not start, the ones that name a cause before those that only say it takes long.
_CAUSES = (
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedMount",
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "FailedPrepareDynamicResources",
    "FailedCreatePodContainer",
    "Failed",
)
_VAGUE = "Unable to attach or mount volumes"

#: What kubelet and volume plugins write (pkg/kubelet, pkg/volume/util/operationexecutor), and what it means.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), words)
    for pattern, words in (
        (r'configmaps? "([^"]+)" not found', r"ConfigMap \1 does not exist"),
        (r'secrets? "([^"]+)" not found', r"Secret \1 does not exist"),
        (r"couldn't find key (\S+) in (ConfigMap|Secret) [^/\s]+/(\S+)", r"\2 \3 has no key \1"),
        (r'failed for volume "([^"]+)" : (?:configmap )?references non-existent (config|secret) key: (\S+)',
         r"volume \1 asks for key \3, which its source lacks"),
        (r"Multi-Attach error for volume .*?(already used by pod\(s\) .+|already exclusively attached.*)$",
         r"its volume cannot be attached: \1"),
        (r'MountVolume\.\S+ (?:\w+ )?failed for volume "([^"]+)" : mount failed: .*?Mounting arguments: (.*?) /\S+'
         r" Output: (?:mount(?:\.\w+)?: (?:/\S+: )?)?(.+?)\.?(?: dmesg\(1\) .+)?$",
         r"volume \1 cannot be mounted (\2): \3"),
        (r'MountVolume\.\S+ (?:\w+ )?failed for volume "([^"]+)" : (.+)$', r"volume \1 cannot be mounted: \2"),
        # What follows names the pod, which the finding does.
        (r"(container has runAsNonRoot and .+?|container's runAsUser breaks non-root policy) \(pod: .+$", r"\1"),
        (r'AttachVolume\.\S+ failed for volume "([^"]+)" : (.+)$', r"volume \1 cannot be attached: \2"),
        (r"unmounted volumes=\[(.*?)\].*?(timed out waiting for the condition|context deadline exceeded)",
         r"volumes \1 are not mounted in time"),
        (r"failed to (?:setup|set up) network for sandbox \S+ (.+)$", r"its network cannot be set up: \1"),
        (r"Failed to create pod sandbox: (?:rpc error: code = \w+ desc = )?(.+)$",
         r"its sandbox cannot be created: \1"),
    )
)  # fmt: skip


def not_started(view: View, pod: Pod, grace: timedelta, initializing: timedelta) -> Iterator[Hit]:
    """A hit for *pod* if it has been on its node for longer than *grace* and does not start."""
    if pods.ready(pod):
        return
    slots = tuple(pods.slots(pod))
    own_check = pods.WAITING_FOR_IMAGE | pods.WAITING_AFTER_FAILURE
    if any(slot.waiting in own_check for slot in slots):
        return
    misconfigured = next((slot for slot in slots if slot.waiting == "CreateContainerConfigError"), None)
    if pod.status.phase != "Pending" and misconfigured is None:
        return
    since = _since(pod, misconfigured)
    if misconfigured is None and (at_work := _at_work(slots)) is not None:
        yield from _initializing(view, pod, at_work, initializing)
    elif pods.longer_than(view, since, grace):
        yield _hit(view, pod, misconfigured, since)


def _since(pod: Pod, misconfigured: Slot | None) -> datetime | None:
    """When its kubelet could have begun: when a node was found, or when a running pod stopped being ready."""
    if misconfigured is not None and pod.status.phase == "Running":
        return pods.not_ready_since(pod)
    placed = condition(pod.status.conditions, "PodScheduled")
    return (placed.last_transition_time if placed else None) or pod.metadata.creation_timestamp


def _at_work(slots: tuple[Slot, ...]) -> Slot | None:
    """The init container that runs at the moment, or None."""
    return next((slot for slot in slots if slot.role == "init container" and slot.status.state.running), None)


def _initializing(view: View, pod: Pod, slot: Slot, allowed: timedelta) -> Iterator[Hit]:
    running = slot.status.state.running
    since = running.started_at if running else None
    if since is None or not pods.longer_than(view, since, allowed):
        return
    yield Hit(
        ref=pods.reference(pod),
        summary=f"{slot.title} has not finished in {human_duration(view.now - since)}",
        evidence=(
            evidence.fact(f"{slot.title} runs", since),
            *evidence.from_log(view, pod, slot.name),
        ),
        since=since,
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )


def _hit(view: View, pod: Pod, misconfigured: Slot | None, since: datetime | None) -> Hit:
    events = pods.pod_events(view, pod)
    event = cause_of(events)
    return Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(_reason(pod, misconfigured, event), 240),
        evidence=tuple(_evidence(pod, misconfigured, event)),
        since=since,
        depends_on=(*pods.on_node(pod), *pods.claims(view, pod)),
        details=pods.details(pod, misconfigured),
    )


def cause_of(events: tuple[Event, ...]) -> Event | None:
    """The newest of *events* that names why the pod does not start."""
    causes = [event for event in events if event.reason in _CAUSES and not event.message.startswith("Error: ImagePull")]
    return next((event for event in causes if not event.message.startswith(_VAGUE)), causes[0] if causes else None)


def _reason(pod: Pod, misconfigured: Slot | None, event: Event | None) -> str:
    waiting = misconfigured.status.state.waiting if misconfigured else None
    if misconfigured and waiting:
        return f"{misconfigured.title} cannot be configured: {explain(waiting.message)}"
    if event is not None:
        return explain(event.message)
    if not pod.status.container_statuses and not pod.status.init_container_statuses:
        return f"the kubelet of node {pod.spec.node_name} has not taken it up"
    return "its containers are not created, and no event says why"


def explain(message: str) -> str:
    """What a kubelet's *message* means, or the message itself."""
    text = " ".join(message.split())
    for pattern, words in _WORDS:
        if match := pattern.search(text):
            return match.expand(words)
    return text


def _evidence(pod: Pod, misconfigured: Slot | None, event: Event | None) -> Iterator[Evidence]:
    for slot in pods.slots(pod):
        waiting = slot.status.state.waiting
        if waiting and (misconfigured is None or slot == misconfigured):
            yield evidence.fact(f"{slot.title} waits: {waiting.reason}: {waiting.message}".removesuffix(": "))
    if event is not None:
        yield evidence.from_event(event)
