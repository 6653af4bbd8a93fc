"""Small clusters and checks for the engine's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hubops.model.check import Check
from hubops.model.kube.core import Pod
from hubops.model.kube.kinds import Objects
from hubops.model.kube.meta import Object, ObjectMeta, OwnerReference
from hubops.model.kube.workloads import ReplicaSet
from hubops.model.snapshot import Sample, Snapshot

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def meta(name: str, namespace: str = "", owner: tuple[str, str] | None = None, **fields: Any) -> ObjectMeta:
    owners = (OwnerReference(kind=owner[0], name=owner[1], controller=True),) if owner else ()
    return ObjectMeta(name=name, namespace=namespace, owner_references=owners, **fields)


def pod(name: str, namespace: str = "shop", owner: tuple[str, str] | None = None, **fields: Any) -> Pod:
    return Pod(metadata=meta(name, namespace, owner, **fields))


def replicaset(name: str, deployment: str, namespace: str = "shop") -> ReplicaSet:
    return ReplicaSet(metadata=meta(name, namespace, ("Deployment", deployment)))


def deployment_pods(deployment: str, count: int, namespace: str = "shop") -> tuple[tuple[Pod, ...], ReplicaSet]:
    """A Deployment's pods and the ReplicaSet between them."""
    owner = replicaset(f"{deployment}-5d8", deployment, namespace)
    pods = tuple(pod(f"{deployment}-5d8-{at}", namespace, ("ReplicaSet", owner.name)) for at in range(count))
    return pods, owner


def snapshot(*objects: Object, read: tuple[str, ...] = (), **fields: Any) -> Snapshot:
    """A snapshot of *objects*, whose kinds count as read beside *read*."""
    by_plural: dict[str, tuple[Object, ...]] = {}
    for item in objects:
        plural = f"{type(item).__name__.lower()}s"
        by_plural[plural] = (*by_plural.get(plural, ()), item)
    found: Any = by_plural
    return Snapshot(
        hubops_version="0",
        cluster="test",
        taken_at=NOW,
        objects=Objects(**found),
        read=(*by_plural, *read),
        **fields,
    )


def sample(value: str, **labels: str) -> Sample:
    return Sample(labels=labels, value=value, at=NOW)


def check(name: str = "c", **fields: Any) -> Check:
    given = {"title": "Something is wrong", "rounds": ("daily",), "severity": "warning", **fields}
    return Check(id=name, **given)
