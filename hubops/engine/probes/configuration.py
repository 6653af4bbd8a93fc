"""pod-config-error: pods whose ConfigMap, Secret or key is not there, and containers that may not run as configured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, kubelet, pods
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit
from hubops.model.kube.core import Event, Pod

#: The volume that a kubelet speaks of when it lacks a key; of which source, only the pod knows.
_KEY_OF_VOLUME = re.compile(r'failed for volume "([^"]+)" : (?:configmap )?references non-existent \w+ key: (\S+)')


class Lack(NamedTuple):
    """What a pod lacks, and who says so: a container that waits for it, or an event about a volume."""

    words: str
    slot: Slot | None
    event: Event | None


@probe(needs=("pods",), uses=("events", "nodes"))
def pod_config_error(view: View, *, grace: timedelta, recent: timedelta) -> Iterator[Hit]:
    """Pods that cannot start for their configuration for longer than *grace*.

    And pods that run on with a volume whose source is gone, as an event no older than *recent* says: the kubelet
    repeats it every few minutes. They will not come back from their next start.
    """
    for pod in filter(pods.alive, view.objects.pods):
        if not pod.spec.node_name:
            continue
        lack = lacking(view, pod)
        since = _since(pod, lack) if lack else None
        if lack and pods.longer_than(view, since, grace):
            yield _hit(pod, lack, since)
        elif lack is None and (lost := _lost(view, pod, recent)):
            yield _hit(pod, lost, lost.event.first_timestamp if lost.event else None)


def lacking(view: View, pod: Pod) -> Lack | None:
    """What keeps *pod*, which has a node, from starting, where that is its configuration."""
    for slot in pods.slots(pod):
        waiting = slot.status.state.waiting
        if waiting and waiting.reason == "CreateContainerConfigError":
            words = f"{slot.title} cannot be configured: {kubelet.explain(waiting.message)}"
            return Lack(words.removesuffix(": "), slot, None)
    if pod.status.phase != "Pending" or _at_work(pod):
        return None
    event = kubelet.cause_of(pods.pod_events(view, pod))
    return _of_volume(pod, event) if event else None


def _at_work(pod: Pod) -> bool:
    """Whether a container of it was created, which no kubelet does before all volumes are mounted."""
    return any(slot.status.state.running or slot.status.state.terminated for slot in pods.slots(pod))


def _of_volume(pod: Pod, event: Event) -> Lack | None:
    words = kubelet.missing(event.message)
    if words is None or event.reason != "FailedMount":
        return None
    if named := _KEY_OF_VOLUME.search(" ".join(event.message.split())):
        words = _key(pod, *named.groups()) or words
    return Lack(words, None, event)


def _key(pod: Pod, volume: str, key: str) -> str | None:
    found = next((item for item in pod.spec.volumes if item.name == volume), None)
    if found and found.config_map:
        return f"ConfigMap {found.config_map.name} has no key {key}, which volume {volume} asks for"
    if found and found.secret:
        return f"Secret {found.secret.secret_name} has no key {key}, which volume {volume} asks for"
    return None


def _lost(view: View, pod: Pod, recent: timedelta) -> Lack | None:
    """What a pod that runs has lost, as the newest event about it says: one from after its containers' start."""
    event = evidence.newest(pods.pod_events(view, pod), "FailedMount")
    if event is None or event.last_seen is None or view.now - event.last_seen > recent:
        return None
    running = [slot.status.state.running.started_at for slot in pods.slots(pod) if slot.status.state.running]
    if not any(started and started < event.last_seen for started in running):
        return None
    lack = _of_volume(pod, event)
    return lack and lack._replace(words=f"{lack.words}: it runs on with what it had, and cannot start again")


def _since(pod: Pod, lack: Lack) -> datetime | None:
    if lack.slot is not None and pod.status.phase == "Running":
        return pods.not_ready_since(pod)
    return pods.placed_since(pod)


def _hit(pod: Pod, lack: Lack, since: datetime | None) -> Hit:
    return Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(lack.words, 240),
        evidence=tuple(_evidence(lack)),
        since=since,
        depends_on=pods.on_node(pod),
        details=pods.details(pod, lack.slot),
    )


def _evidence(lack: Lack) -> Iterator[Evidence]:
    if lack.slot and (waiting := lack.slot.status.state.waiting):
        yield evidence.fact(f"{lack.slot.title} waits: {waiting.reason}: {waiting.message}".removesuffix(": "))
    if lack.event:
        yield evidence.from_event(lack.event)
