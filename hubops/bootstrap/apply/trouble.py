"""What stands in the way of a component: the object, its pods, its events, its last log lines, and the runbook.

Only read, and only once a step has failed; what cannot be read is left out, for the failure itself is told anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hubops.bootstrap.ready import WORKLOADS, waits_for
from hubops.bootstrap.record import refs
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import HubopsError, SourceError
from hubops.model.text import inert, redact

Manifest = Mapping[str, Any]

#: The runbook for what a cluster says, the most telling words first.
RUNBOOKS = (
    (re.compile(r"failed calling webhook"), "webhook-without-endpoints"),
    (re.compile(r"ImagePullBackOff|ErrImagePull|InvalidImageName"), "image-pull-failing"),
    (re.compile(r"OOMKilled"), "pod-oom-killed"),
    (re.compile(r"CrashLoopBackOff|exited with"), "pod-crash-looping"),
    (re.compile(r"persistentvolumeclaim|PersistentVolumeClaim|ProvisioningFailed"), "pvc-pending"),
    (re.compile(r"BackoffLimitExceeded|Job has reached"), "job-failed"),
    (re.compile(r"FailedScheduling|Unschedulable|nodes are available"), "pod-pending"),
    (re.compile(r"ContainerCreating|FailedMount|FailedCreatePodSandBox"), "pod-pending"),
)
_OBJECTS, _PODS, _EVENTS, _LINES = 2, 2, 4, 5  # that are shown, of each of what is above it
_WIDTH = 300  # characters of one event or line
_TIMEOUT = 10.0  # seconds for a log; a kubelet that does not answer is not waited for longer


def trouble(
    cluster: KubeWriter, words: str, objects: Callable[[], Iterable[Manifest]], namespace: str | None
) -> tuple[str, ...]:
    """Lines about why *objects*, workloads among them, are not ready, where a step has failed with *words*.

    Where all are ready, the latest warnings of the *namespace*. Raises nothing: the failure itself is to be told.
    """
    lines: list[str] = []
    try:
        for item in _unready(cluster, _found(objects)):
            lines += _about(cluster, item)
        if not lines and namespace:
            lines += _events(cluster, namespace, None)
    except HubopsError as error:
        lines.append(f"more could not be read: {error}")
    if runbook := _runbook([words, *lines]):
        lines.append(f"what to do: hubops runbook {runbook}")
    return tuple(lines)


def _found(objects: Callable[[], Iterable[Manifest]]) -> list[Manifest]:
    """The objects; none where their release has not come about."""
    try:
        return list(objects())
    except HubopsError:
        return []


def _unready(cluster: KubeWriter, objects: Iterable[Manifest]) -> list[Manifest]:
    workloads = (item for item in objects if item["kind"] in WORKLOADS)
    return [item for item in workloads if waits_for(cluster, [item])][:_OBJECTS]


def _about(cluster: KubeWriter, item: Manifest) -> Iterator[str]:
    [ref] = refs([item])
    live = cluster.read(dict(ref.item()))
    if live is None:
        yield f"{ref} is missing"
        return
    yield f"{ref}:"
    pods = [each for each in _pods(cluster, live) if not _is_ready(each)][:_PODS]
    names = {ref.name, *(each["metadata"]["name"] for each in pods)}
    events = list(_events(cluster, ref.namespace, names))
    yield from events
    if not any("FailedScheduling" in each for each in events):
        yield from {said for said in map(_unscheduled, pods) if said}
    for pod in pods:
        yield from _about_pod(cluster, pod)


def _pods(cluster: KubeWriter, live: Manifest) -> list[dict[str, Any]]:
    """The pods that the labels of its selector find; selectors of charts and of Jobs are labels alone."""
    labels = (live["spec"].get("selector") or {}).get("matchLabels") or {}
    if not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return cluster.find("v1", "Pod", live["metadata"]["namespace"], selector)


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _unscheduled(pod: Manifest) -> str:
    """Why *pod* is on no node, where its event is gone already; empty where it is on one."""
    for each in (pod.get("status") or {}).get("conditions") or []:
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return _line(f"  its pods are {each.get('reason', 'pending')}: {each.get('message', '')}")
    return ""


def _about_pod(cluster: KubeWriter, pod: Manifest) -> Iterator[str]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    status = pod.get("status") or {}
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if each.get("ready") or (each.get("state") or {}).get("terminated", {}).get("exitCode") == 0:
            continue
        if state := _state(each):
            yield _line(f"  Pod {name}, container {each['name']}: {state}")
        yield from _log(cluster, namespace, name, each)


def _state(container: Manifest) -> str:
    current, last = container.get("state") or {}, container.get("lastState") or {}
    said = []
    if waits := current.get("waiting"):
        said.append(f"{waits.get('reason', 'waiting')} {waits.get('message', '')}".strip())
    if ended := current.get("terminated") or last.get("terminated"):
        said.append(f"exited with {ended.get('exitCode')} ({ended.get('reason', 'no reason given')})")
    return ", ".join(said) or ("running, not ready" if "running" in current else "")


def _log(cluster: KubeWriter, namespace: str, pod: str, container: Manifest) -> Iterator[str]:
    """The last lines of a container; of its run before, where it is not running."""
    running = "running" in (container.get("state") or {})
    if not running and not container.get("restartCount"):
        return
    try:
        text = cluster.pod_log(namespace, pod, container["name"], not running, _LINES, _TIMEOUT)
    except SourceError as error:
        yield _line(f"    its log could not be read: {error}")
        return
    yield from (_line(f"    | {line}") for line in redact(text).splitlines()[-_LINES:])


def _events(cluster: KubeWriter, namespace: str, names: set[str] | None) -> Iterator[str]:
    """The latest warnings about objects of *names* and what they own, or of the whole namespace, oldest first."""
    events = [each for each in cluster.find("v1", "Event", namespace) if each.get("type") == "Warning"]
    if names is not None:
        events = [each for each in events if _is_of(str(each["involvedObject"].get("name", "")), names)]
    latest = {(each.get("reason"), each.get("message")): each for each in sorted(events, key=_time)}  # of many pods
    yield from (_event(each) for each in list(latest.values())[-_EVENTS:])


def _is_of(name: str, names: set[str]) -> bool:
    """ReplicaSets and pods begin with the name of what they belong to."""
    return any(name == each or name.startswith(f"{each}-") for each in names)


def _event(event: Manifest) -> str:
    about = event["involvedObject"]
    return _line(f"  {about.get('kind')} {about.get('name')}: {event.get('reason')}: {event.get('message')}")


def _time(event: Manifest) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((each for each in times if each), event["metadata"].get("creationTimestamp") or "")


def _runbook(lines: Sequence[str]) -> str | None:
    text = "\n".join(lines)
    return next((runbook for words, runbook in RUNBOOKS if words.search(text)), None)


def _line(text: str) -> str:
    return inert(redact(text), limit=_WIDTH).rstrip()
