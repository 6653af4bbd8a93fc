"""What several probes ask about pods: their containers with spec and status, whether they are done, how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from hubops.engine.view import View
from hubops.model.finding import Ref
from hubops.model.kube.core import Container, ContainerStatus, Event, Node, Pod
from hubops.model.kube.meta import condition, holding

#: A character of what generated names end in (apimachinery's rand.String).
RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
#: A container in one of these states waits for its image.
WAITING_FOR_IMAGE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
#: A container in one of these states cannot be created or started, or has died and waits for its next start.
WAITING_AFTER_FAILURE = frozenset(
    {
        "CrashLoopBackOff",
        "RunContainerError",
        "CreateContainerError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
    }
)


class Slot(NamedTuple):
    """One container of a pod: what was asked for, and how it is."""

    role: str  # "container", "init container", "sidecar"
    spec: Container
    status: ContainerStatus

    @property
    def name(self) -> str:
        return self.status.name

    @property
    def title(self) -> str:
        return f"{self.role} {self.name}"

    @property
    def waiting(self) -> str:
        """The reason why it waits, empty where it does not."""
        return self.status.state.waiting.reason if self.status.state.waiting else ""


def slots(pod: Pod) -> Iterator[Slot]:
    """The containers of *pod* that have a status, init containers first, as the kubelet starts them."""
    init = {spec.name: spec for spec in pod.spec.init_containers}
    for status in pod.status.init_container_statuses:
        spec = init.get(status.name, Container(name=status.name))
        yield Slot("sidecar" if spec.restart_policy == "Always" else "init container", spec, status)
    main = {spec.name: spec for spec in pod.spec.containers}
    for status in pod.status.container_statuses:
        yield Slot("container", main.get(status.name, Container(name=status.name)), status)


def alive(pod: Pod) -> bool:
    """Whether *pod* is meant to run: neither finished nor being deleted."""
    return pod.status.phase not in {"Succeeded", "Failed"} and pod.metadata.deletion_timestamp is None


def ready(pod: Pod) -> bool:
    return holding(pod.status.conditions, "Ready") is not None


def not_ready_since(pod: Pod) -> datetime | None:
    """When *pod* stopped being ready, or was created where it never was; None while it is ready."""
    state = condition(pod.status.conditions, "Ready")
    if state is not None and state.status == "True":
        return None
    return (state.last_transition_time if state else None) or pod.metadata.creation_timestamp


def placed_since(pod: Pod) -> datetime | None:
    """When its kubelet could have begun: when a node was found for *pod*, or when it was made."""
    placed = condition(pod.status.conditions, "PodScheduled")
    return (placed.last_transition_time if placed else None) or pod.metadata.creation_timestamp


def reference(pod: Pod) -> Ref:
    return Ref("Pod", pod.name, pod.namespace)


def pod_events(view: View, pod: Pod) -> tuple[Event, ...]:
    """The events about *pod*, newest first; not those of a former pod of the same name."""
    uid = pod.metadata.uid
    events = view.events.get(reference(pod), ())
    return tuple(event for event in events if not (uid and event.involved_object.uid not in {"", uid}))


def about(events: tuple[Event, ...], container: str) -> tuple[Event, ...]:
    """Those of a pod's *events* that are about *container*, or do not say about which."""
    return tuple(
        e for e in events if not e.involved_object.field_path or f"{{{container}}}" in e.involved_object.field_path
    )


def longer_than(view: View, since: datetime | None, span: timedelta) -> bool:
    """Whether it has lasted for *span*; an unknown beginning has."""
    return since is None or view.now - since >= span


def on_node(pod: Pod) -> tuple[Ref, ...]:
    """The node that *pod* was placed on, whose failure would explain the pod's."""
    return (Ref("Node", pod.spec.node_name),) if pod.spec.node_name else ()


def last_change(found: Iterable[Pod]) -> datetime | None:
    """When one of *found* was last made, or became ready or unready; None where nothing says."""
    times = []
    for pod in found:
        state = condition(pod.status.conditions, "Ready")
        times += [pod.metadata.creation_timestamp, state.last_transition_time if state else None]
    return max((time for time in times if time is not None), default=None)


def platform(view: View, pod: Pod) -> str:
    """The operating system and CPU of its node, "linux/arm64"; empty where they are not known."""
    node = next((view.find(ref) for ref in on_node(pod)), None)
    if not isinstance(node, Node) or not node.status.node_info.architecture:
        return ""
    return f"{node.status.node_info.operating_system or 'linux'}/{node.status.node_info.architecture}"


def claims(view: View, pod: Pod) -> tuple[Ref, ...]:
    """The claims that *pod* mounts, by volume and, for generic ephemeral volumes, by ownership."""
    named = {v.persistent_volume_claim.claim_name for v in pod.spec.volumes if v.persistent_volume_claim}
    named |= view.claims_of_pods.get((pod.namespace, pod.name), frozenset())
    return tuple(Ref("PersistentVolumeClaim", name, pod.namespace) for name in sorted(named))


def details(pod: Pod, slot: Slot | None = None) -> dict[str, str]:
    """What a runbook's placeholders need of *pod* and of its container; a name that there is not is left out."""
    found = {"pod": pod.name, "node": pod.spec.node_name}
    if slot is not None:
        found |= {"container": slot.name, "image": slot.spec.image or slot.status.image}
    return {key: value for key, value in found.items() if value}
