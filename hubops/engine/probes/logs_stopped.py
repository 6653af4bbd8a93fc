"""logs-stopped: namespaces that run on and log no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from hubops.engine.probe import Absent, Undecided, probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value

_LINES = 'sum by (namespace) (count_over_time({namespace=~".+"}[3h]'
_NOW = f"logql:{_LINES}))"
_YESTERDAY = f"logql:{_LINES} offset 24h))"
_WINDOW = timedelta(hours=3)
#: How far the hours of yesterday reach back.
_PAST = timedelta(hours=27)


#: Programs that read the logs of containers, as their charts name the DaemonSet.
_COLLECTORS = ("promtail", "alloy", "fluent-bit", "fluentd", "vector", "otel")


@probe(needs=(_NOW, _YESTERDAY, "pods"), uses=("daemonsets", "namespaces"))
def logs_stopped(view: View, *, lines: int) -> Iterator[Hit]:
    """Namespaces without a line in the last three hours that had *lines* in the same hours of yesterday.

    Left out: namespaces where nothing runs any more, or nothing for as long as that. All of them at once are one
    finding: then the way of the logs is broken, and not the namespaces.
    """
    now, yesterday = _counted(view, _NOW), _counted(view, _YESTERDAY)
    if not yesterday and any(now.values()) and (new := _new_logging(view)):
        raise Absent(f"the namespace {new} of the log collector is from today: there is no yesterday to compare with")
    if not yesterday:
        raise Undecided("Loki has no lines of yesterday with a label namespace: there is nothing to compare with")
    expected = {name: count for name, count in yesterday.items() if count >= lines and _running(view, name)}
    silent = {name: count for name, count in expected.items() if not now.get(name)}
    if len(silent) > 1 and len(silent) == len(expected) and not any(now.values()):
        yield _all(view, silent)
        return
    for name, count in silent.items():
        yield Hit(
            ref=Ref("Namespace", name),
            summary="no line in Loki for three hours, while its pods run",
            evidence=(_evidence(view, name, count),),
            value=Value(count, "lines yesterday"),
            depends_on=_collectors(view),
            details={"namespace": name},
        )


def _counted(view: View, query: str) -> Mapping[str, float]:
    return {sample.labels.get("namespace", ""): sample.number for sample in view.answer(query)}


def _running(view: View, namespace: str) -> int:
    """How many ready pods of it are older than the hours that are compared."""
    found = (pod for pod in view.pods_by_namespace.get(namespace, ()) if pods.alive(pod) and pods.ready(pod))
    return sum(1 for pod in found if pods.longer_than(view, pod.metadata.creation_timestamp, _WINDOW))


def _collectors(view: View) -> tuple[Ref, ...]:
    """What brings logs to Loki: when that is broken, this is why they stopped."""
    found = (item for item in view.objects.daemonsets if any(name in item.name for name in _COLLECTORS))
    return tuple(Ref("DaemonSet", item.name, item.namespace) for item in found)


def _new_logging(view: View) -> str:
    """The namespace of the log collectors where it is so new that it cannot have had logs then; else nothing.

    Not the collectors' own age: whoever exchanges them, or Loki, and loses its past on the way, has to know.
    """
    homes = {ref.namespace for ref in _collectors(view)}
    found = [item for item in view.objects.namespaces if item.name in homes]
    young = [item.name for item in found if not pods.longer_than(view, item.metadata.creation_timestamp, _PAST)]
    return young[0] if len(young) == len(homes) == 1 else ""


def _evidence(view: View, namespace: str, count: float) -> Evidence:
    running = evidence.counted(_running(view, namespace), "ready pod")
    return evidence.fact(f"{namespace}: {running}, {count:.0f} lines in the same three hours of yesterday, now 0")


def _all(view: View, silent: Mapping[str, float]) -> Hit:
    return Hit(
        ref=Ref("Cluster", view.snapshot.cluster),
        summary=f"no namespace has a line in Loki for three hours: {len(silent)} had lines yesterday",
        evidence=tuple(_evidence(view, name, count) for name, count in list(silent.items())[:5]),
        value=Value(sum(silent.values()), "lines yesterday"),
        depends_on=_collectors(view),
        severity="critical",
    )
