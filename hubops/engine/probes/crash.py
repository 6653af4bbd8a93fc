"""pod-crash-looping: containers that die and are started again, or that cannot be started at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.exits import explain_exit, start_failure
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.core import ContainerStateTerminated, Event, Pod
from hubops.model.kube.meta import condition
from hubops.model.quantity import human_duration

#: What a process that the kubelet stops ends with: SIGKILL, SIGTERM, or a clean end on SIGTERM.
STOPPED = frozenset({0, 137, 143})
#: A container that has run on for this long, and twice as long as before it died, has come out of its loop.
RECOVERED = timedelta(minutes=1)
#: After a run as long as this the kubelet starts a container again without delay: twice its longest back-off.
BACK_OFF_RESET = timedelta(minutes=10)

#: What runc and crun write into the container's own log of a program that the kernel refuses to execute (ENOEXEC). A
#: program that runs, and itself fails to run another, says "fork/exec ...".
_NOT_EXECUTED = re.compile(
    r'^(?:\{"msg":")?(?:standard_init_linux\.go:\d+: )?exec .*: exec format error', re.IGNORECASE
)


@probe(needs=("pods",), uses=("container-logs", "events", "nodes"))
def crash_looping(view: View, *, restarts: int, within: timedelta, grace: timedelta) -> Iterator[Hit]:
    """Containers in CrashLoopBackOff, and those between two crashes of a loop.

    Between crashes means: *restarts* times or more restarted, the last end no longer than *within* ago after a run
    no longer than *within*, and not yet recovered. A worker that ends well after a long run, to be started afresh, is
    no loop. A container that cannot be created is given *grace*. One that the kernel killed for memory belongs to the
    check on that, which says what to do about it.
    """
    for pod in filter(pods.alive, view.objects.pods):
        for slot in pods.slots(pod):
            ended = last_end(slot)
            if ended is not None and ended.reason == "OOMKilled":
                continue
            if _cannot_start(view, pod, slot, grace) or _looping(view, pod, slot, restarts, within):
                yield _hit(view, pod, slot)


def _cannot_start(view: View, pod: Pod, slot: Slot, grace: timedelta) -> bool:
    if slot.waiting == "CrashLoopBackOff":
        return True
    failing = slot.waiting in pods.WAITING_AFTER_FAILURE
    return failing and (slot.status.restart_count > 0 or pods.longer_than(view, pod.metadata.creation_timestamp, grace))


def _looping(view: View, pod: Pod, slot: Slot, restarts: int, within: timedelta) -> bool:
    ended = last_end(slot)
    if ended is None or slot.status.restart_count < restarts or ended.finished_at is None:
        return False
    if view.now - ended.finished_at > within or _run(ended) > within:
        return False
    if ended.exit_code == 0 and _run(ended) >= BACK_OFF_RESET:
        return False
    if slot.status.state.terminated is not None:
        return _is_started_again(pod, slot, slot.status.state.terminated)
    running = slot.status.state.running
    since = running.started_at if running else None
    return since is None or view.now - since <= max(RECOVERED, 2 * _run(ended))


def _is_started_again(pod: Pod, slot: Slot, ended: ContainerStateTerminated) -> bool:
    policy = "Always" if slot.role == "sidecar" else pod.spec.restart_policy
    if slot.role == "init container" and policy == "Always":
        policy = "OnFailure"
    return policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)


def last_end(slot: Slot) -> ContainerStateTerminated | None:
    """How the container's last run ended, or None where it never ended."""
    return slot.status.state.terminated or slot.status.last_state.terminated


def _run(ended: ContainerStateTerminated) -> timedelta:
    """How long the last run lasted; unknown times count as no time."""
    if not _ran(ended) or ended.started_at is None or ended.finished_at is None:
        return timedelta()
    return ended.finished_at - ended.started_at


def _ran(ended: ContainerStateTerminated) -> bool:
    """Whether the process was started at all; the kubelet says 1970 of one that was not."""
    return ended.started_at is None or ended.started_at.timestamp() > 0


def _hit(view: View, pod: Pod, slot: Slot) -> Hit:
    events = pods.about(pods.pod_events(view, pod), slot.name)
    state = condition(pod.status.conditions, "Ready")
    count = slot.status.restart_count
    times = f" ({evidence.counted(count, 'restart')})" if count else ""
    return Hit(
        ref=pods.reference(pod),
        summary=f"{slot.title} {why_it_ended(view, pod, slot)}{times}",
        evidence=tuple(_evidence(view, pod, slot, events)),
        value=Value(float(count), "restarts"),
        since=state.last_transition_time if state and state.status == "False" else None,
        details=pods.details(pod, slot),
    )


def why_it_ended(view: View, pod: Pod, slot: Slot) -> str:
    """How the last run of the container ended, to follow its title: "exits with code 1", "is killed because …"."""
    events = pods.about(pods.pod_events(view, pod), slot.name)
    waiting, ended = slot.status.state.waiting, last_end(slot)
    if _wrong_format(view, pod, slot, ended):
        return f"cannot run: its program is not one for the CPU of the node{_cpu(view, pod)}, or a script without #!"
    if waiting and waiting.reason == "PostStartHookError":
        return f"is killed because its postStart hook fails: {start_failure(waiting.message)}".removesuffix(": ")
    if waiting and waiting.reason != "CrashLoopBackOff":
        return f"cannot start: {start_failure(waiting.message) or waiting.reason}"
    if ended is None:
        return "dies again and again, and no exit code is known"
    if ended.exit_code in STOPPED and (failure := _killed(events)):
        return f"is killed because its {failure}"
    return explain_exit(ended)


def _wrong_format(view: View, pod: Pod, slot: Slot, ended: ContainerStateTerminated | None) -> bool:
    """Whether the kernel could not execute the program, as the runtime says in the status or in the log."""
    waiting = slot.status.state.waiting
    said = (ended.message if ended else "", waiting.message if waiting else "")
    if any("exec format error" in text.lower() for text in said):
        return True
    return any(_NOT_EXECUTED.search(item.text) for item in evidence.from_log(view, pod, slot.name))


def _cpu(view: View, pod: Pod) -> str:
    platform = pods.platform(view, pod)
    return f" ({platform})" if platform else ""


def _killed(events: tuple[Event, ...]) -> str | None:
    """What the kubelet killed the container for, the newest first, in its own words; or None."""
    for event in events:
        if event.reason == "FailedPostStartHook":
            return "postStart hook fails"
        said = evidence.said(event)
        if event.reason == "Unhealthy" and said.startswith(("Liveness probe", "Startup probe")):
            text = said[:1].lower() + said[1:]
            return evidence.bounded(text.replace("probe failed", "probe fails", 1), 160)
    return None


def _evidence(view: View, pod: Pod, slot: Slot, events: tuple[Event, ...]) -> Iterator[Evidence]:
    if ended := last_end(slot):
        message = f": {ended.message.strip()}" if ended.message.strip() else ""
        text = f"last run of {slot.name}: {ended.reason or 'ended'}, exit code {ended.exit_code}"
        lasted = f"ran {human_duration(_run(ended))}" if _ran(ended) else "never ran"
        yield evidence.fact(f"{text}, {lasted}{message}", ended.finished_at)
    if slot.waiting != "CrashLoopBackOff" and (waiting := slot.status.state.waiting):
        yield evidence.fact(f"{slot.name} waits: {waiting.reason}: {waiting.message}".removesuffix(": "))
    if event := evidence.newest(events, "Unhealthy", "Failed", "FailedPostStartHook"):
        yield evidence.from_event(event)
    yield from evidence.from_log(view, pod, slot.name)
