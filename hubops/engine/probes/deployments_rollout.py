"""rollout-stuck: Deployments whose new version does not arrive, though enough of the old one still serves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import deployments, evidence, pods
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.meta import condition
from hubops.model.kube.workloads import Deployment, wanted


@probe(needs=("deployments",), uses=deployments.TELLING)
def rollout_stuck(view: View, *, grace: timedelta, paused: timedelta) -> Iterator[Hit]:
    """Rollouts past their progress deadline, or where there is none without any change for *grace*, that still have
    old pods; and Deployments *paused* for so long.

    One that keeps less than it promises is deployment-unavailable's, whatever keeps it.
    """
    for item in view.objects.deployments:
        seen = item.status.observed_generation >= item.metadata.generation
        if not seen or item.metadata.deletion_timestamp is not None or not wanted(item):
            continue
        if item.spec.paused:
            yield from _paused(view, item, paused)
        elif _unfinished(item) and _serves(item):
            yield from _hanging(view, item, grace)


def _unfinished(item: Deployment) -> bool:
    """Whether pods of an older template are there, or new ones are missing."""
    status = item.status
    return status.updated_replicas < wanted(item) or status.replicas > status.updated_replicas


def _serves(item: Deployment) -> bool:
    available = item.status.available_replicas
    return available > 0 and available >= deployments.promised(item)


def _paused(view: View, item: Deployment, allowed: timedelta) -> Iterator[Hit]:
    state = condition(item.status.conditions, "Progressing")
    since = state.last_transition_time if state is not None and state.reason == "DeploymentPaused" else None
    if not pods.longer_than(view, since, allowed):
        return
    if _unfinished(item):
        new = f"{item.status.updated_replicas} of {wanted(item)} replicas"
        yield _hit(view, item, f"is paused in the middle of a rollout: {new} run the new version", since)
    else:
        yield _hit(view, item, "is paused: no change to it will be rolled out until it is resumed", since, "info")


def _hanging(view: View, item: Deployment, grace: timedelta) -> Iterator[Hit]:
    state = condition(item.status.conditions, "Progressing")
    if state is not None and not (state.status == "False" and state.reason == "ProgressDeadlineExceeded"):
        return  # within its deadline, or its controller says by ReplicaFailure what refuses its pods
    # A rollout without a deadline shows no other change than that of its pods.
    since = state.last_transition_time if state is not None else pods.last_change(deployments.own_pods(view, item))
    if state is None and (since is None or not pods.longer_than(view, since, grace)):
        return
    number = f"{item.status.updated_replicas} of {wanted(item)} replicas are of the new version"
    yield _hit(view, item, f"hangs, and the old version serves on: {number}{deployments.cause(view, item)}", since)


def _hit(view: View, item: Deployment, summary: str, since: datetime | None, severity: Severity | None = None) -> Hit:
    unready = deployments.unready_pods(view, item)
    return Hit(
        ref=Ref("Deployment", item.name, item.namespace),
        summary=evidence.bounded(summary, 400),
        evidence=tuple(deployments.shown(view, item)),
        value=Value(float(item.status.updated_replicas), "replicas"),
        since=since,
        severity=severity,
        depends_on=tuple(deployments.explaining(view, item)),
        details=pods.details(unready[0]) if unready else {},
    )
