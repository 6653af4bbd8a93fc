"""keda-scaler-failing and keda-paused: KEDA's objects that do not scale what they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import custom, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Event
from hubops.model.kube.meta import Condition, Kube, ObjectMeta, condition, holding
from hubops.model.kube.scaling import CrossVersionObjectReference

SCALED_OBJECTS = "scaledobjects.keda.sh"
SCALED_JOBS = "scaledjobs.keda.sh"
#: The words of KEDA's conditions that say only that something is wrong: what is wrong stands in its events.
_VAGUE = frozenset({"TriggerError", "PartialTriggerError", ""})
_FIELDS = ("spec.scaleTargetRef", "spec.triggers.type", "status.conditions", "status.health", "status.lastActiveTime")


class _Trigger(Kube, frozen=True):
    type: str = ""


class _Spec(Kube, frozen=True):
    scale_target_ref: CrossVersionObjectReference | None = None
    triggers: tuple[_Trigger, ...] = ()


class _Health(Kube, frozen=True):
    number_of_failures: int | None = None
    status: str = ""


class _Status(Kube, frozen=True):
    conditions: tuple[Condition, ...] = ()
    health: dict[str, _Health] = {}
    last_active_time: datetime | None = None


class Scaled(Kube, frozen=True):
    """A keda.sh/v1alpha1 ScaledObject or ScaledJob, trimmed."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


@probe(needs=(SCALED_OBJECTS, SCALED_JOBS), uses=("events",), fields={SCALED_OBJECTS: _FIELDS, SCALED_JOBS: _FIELDS})
def keda_scaler_failing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """ScaledObjects and ScaledJobs that are not ready, or run on their fallback, while KEDA is to scale them.

    KEDA's conditions have no time. What its events first reported less than *grace* ago may be one poll that failed.
    """
    for item in custom.read(view, Scaled, SCALED_OBJECTS, SCALED_JOBS):
        state = _wrong(item)
        if item.metadata.deletion_timestamp is not None or _paused(item) or state is None:
            continue
        ref = Ref(item.kind, item.metadata.name, item.metadata.namespace)
        events = view.events.get(ref, ())
        if _lasts(view, item, events, grace):
            yield _failing(ref, item, state, events)


def _paused(item: Scaled) -> bool:
    return holding(item.status.conditions, "Paused") is not None


def _wrong(item: Scaled) -> Condition | None:
    """The condition that says that it does not work; one that was not looked at yet is Unknown without a reason."""
    ready = condition(item.status.conditions, "Ready")
    if ready is not None and (ready.status == "False" or (ready.status == "Unknown" and ready.reason)):
        return ready
    return holding(item.status.conditions, "Fallback")


def _since(events: tuple[Event, ...]) -> datetime | None:
    times = [event.first_timestamp or event.event_time or event.metadata.creation_timestamp for event in events]
    return min((time for time in times if time), default=None)


def _lasts(view: View, item: Scaled, events: tuple[Event, ...], grace: timedelta) -> bool:
    old = pods.longer_than(view, item.metadata.creation_timestamp, grace)
    return old and pods.longer_than(view, _since(events), grace)


def _failing(ref: Ref, item: Scaled, state: Condition, events: tuple[Event, ...]) -> Hit:
    aim = item.spec.scale_target_ref
    scaled = Ref(aim.kind or "Deployment", aim.name, ref.namespace) if aim else None
    said = next((event.message for event in events if event.message), "")
    if state.type == "Fallback":
        words = f"runs on its fallback replicas, because a trigger cannot be read: {said or state.message}"
    elif state.reason == "PartialTriggerError":
        words = f"some of its triggers cannot be read: {said or state.message}"
    else:
        cause = said if state.reason in _VAGUE and said else state.message or said
        words = f"does not scale {scaled or 'its jobs'}: {cause or state.reason}"
    return Hit(
        ref=ref,
        summary=evidence.bounded(words, 300),
        evidence=tuple(_evidence(item, state, events)),
        since=_since(events),
        depends_on=(scaled,) if scaled else (),
        details={"target": f"{scaled.kind.lower()}/{scaled.name}"} if scaled else {},
    )


def _evidence(item: Scaled, state: Condition, events: tuple[Event, ...]) -> Iterator[Evidence]:
    yield evidence.from_condition(state)
    yield from (evidence.from_event(event) for event in events[:2])
    for metric, health in sorted(item.status.health.items()):
        if health.status == "Failing":
            yield evidence.fact(f"metric {metric} failed {evidence.counted(health.number_of_failures or 0, 'time')}")
    if triggers := ", ".join(trigger.type for trigger in item.spec.triggers):
        yield evidence.fact(f"triggers: {triggers}", item.status.last_active_time)


@probe(needs=(SCALED_OBJECTS, SCALED_JOBS), fields={SCALED_OBJECTS: _FIELDS, SCALED_JOBS: _FIELDS})
def keda_paused(view: View, *, idle: timedelta) -> Iterator[Hit]:
    """ScaledObjects and ScaledJobs that are paused, and whose triggers were last active longer than *idle* ago.

    KEDA does not note when it was paused; a paused object is not looked at, so that its last activity comes before it.
    """
    for item in custom.read(view, Scaled, SCALED_OBJECTS, SCALED_JOBS):
        last = item.status.last_active_time or item.metadata.creation_timestamp
        if item.metadata.deletion_timestamp is not None or not _paused(item):
            continue
        if pods.longer_than(view, last, idle):
            yield _forgotten(item)


def _forgotten(item: Scaled) -> Hit:
    state = condition(item.status.conditions, "Paused")
    return Hit(
        ref=Ref(item.kind, item.metadata.name, item.metadata.namespace),
        summary="is paused: KEDA does not scale it, whatever its triggers say",
        evidence=(
            *([evidence.from_condition(state)] if state else []),
            evidence.fact("its triggers were last active", item.status.last_active_time)
            if item.status.last_active_time
            else evidence.fact("its triggers were never active", item.metadata.creation_timestamp),
        ),
    )
