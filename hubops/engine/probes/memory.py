"""pod-oom-killed: containers, and nodes, whose memory ran out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.exits import explain_oom
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import ContainerStateTerminated, Pod
from hubops.model.kube.meta import holding
from hubops.model.kube.workloads import Job


@probe(needs=("pods",), uses=("jobs", "events", "container-logs"))
def oom_killed(view: View, *, within: timedelta) -> Iterator[Hit]:
    """Containers that the kernel killed for memory in the time *within*, and nodes that said the same of themselves.

    Critical while the container waits to be started again. What came to a good end in spite of it is left out.
    """
    for pod in view.objects.pods:
        for slot in pods.slots(pod):
            ended = _killed(slot)
            if ended is None or _older(view, ended, within) or pod.metadata.deletion_timestamp is not None:
                continue
            if not _ended_well(view, pod):
                yield _hit(view, pod, slot, ended)
    yield from _nodes(view, within)


def _ended_well(view: View, pod: Pod) -> bool:
    """Whether *pod*, or another pod of its Job, finished its work."""
    if pod.status.phase == "Succeeded":
        return True
    controller = pod.metadata.controller()
    if controller is None or controller.kind != "Job":
        return False
    job = view.find(Ref("Job", controller.name, pod.namespace))
    return isinstance(job, Job) and holding(job.status.conditions, "Complete") is not None


def _killed(slot: Slot) -> ContainerStateTerminated | None:
    """How the container's last run ended, if the kernel killed it for memory and no later run came to a good end."""
    now, before = slot.status.state.terminated, slot.status.last_state.terminated
    if slot.role == "init container" and now is not None and now.exit_code == 0:
        return None
    return next((ended for ended in (now, before) if ended is not None and ended.reason == "OOMKilled"), None)


def _older(view: View, ended: ContainerStateTerminated, within: timedelta) -> bool:
    return ended.finished_at is not None and view.now - ended.finished_at > within


def _hit(view: View, pod: Pod, slot: Slot, ended: ContainerStateTerminated) -> Hit:
    count = slot.status.restart_count
    looping = slot.waiting == "CrashLoopBackOff"
    times = f" ({evidence.counted(count, 'restart')})" if count else ""
    limit = slot.spec.resources.limits.get("memory", "none")
    text = f"last end of {slot.name}: OOMKilled, exit code {ended.exit_code}, memory limit {limit}"
    waits = [evidence.fact(f"{slot.name} waits: CrashLoopBackOff")] if looping else []
    return Hit(
        ref=pods.reference(pod),
        summary=f"{slot.title} {explain_oom(slot.spec)}{times}",
        evidence=(
            evidence.fact(text, ended.finished_at),
            *waits,
            *evidence.from_log(view, pod, slot.name),
        ),
        value=Value(float(count), "restarts"),
        since=ended.finished_at,
        severity="critical" if looping else None,
        details=pods.details(pod, slot),
    )


def _nodes(view: View, within: timedelta) -> Iterator[Hit]:
    """Nodes whose kubelet saw the kernel kill a process outside of every container's limit."""
    for node in view.objects.nodes:
        ref = Ref("Node", node.name)
        event = evidence.newest(view.events.get(ref, ()), "SystemOOM")
        if event is None or (event.last_seen is not None and view.now - event.last_seen > within):
            continue
        found: tuple[Evidence, ...] = (evidence.from_event(event),)
        yield Hit(
            ref=ref,
            summary=f"the node itself ran out of memory: {evidence.bounded(event.message, 120)}",
            evidence=found,
            since=event.first_timestamp or event.last_seen,
            details={"node": node.name},
        )
