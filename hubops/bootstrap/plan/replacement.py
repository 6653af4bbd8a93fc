"""Objects whose change the API server never allows: what hubops makes anew, and what is left to a person."""

from __future__ import annotations

from typing import Any

from hubops.bootstrap.difference import between
from hubops.bootstrap.plan.planned import ObjectPlan
from hubops.bootstrap.record import refs
from hubops.clients.kube.errors import Immutable, WebhookSilent
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, Retryable

Manifest = dict[str, Any]

#: Kinds in whose objects nothing lives, with what becomes of those that were made by one.
REPLACED = {"StorageClass": "volumes that were made by it stay as they are"}
#: What is lost with an object of these kinds, so that only a person may delete it.
_LOST = {
    "Deployment": "its pods end with it",
    "StatefulSet": "its pods end with it, its claims stay",
    "DaemonSet": "its pods end with it",
    "Job": "it would run again",
    "Service": "it gets another address",
    "Secret": "what reads it is without it until then",
    "ConfigMap": "what reads it is without it until then",
    "RoleBinding": "its subjects are without these rights until then",
    "ClusterRoleBinding": "its subjects are without these rights until then",
}
_DATA = ("PersistentVolumeClaim", "PersistentVolume")


def replacement(cluster: KubeWriter, item: Manifest, live: Manifest, error: Immutable) -> ObjectPlan:
    """The plan of *item*, which cannot be made of *live* because of the *error*.

    That the new one would be accepted is asked before anything is deleted. Raises SourceError.
    """
    [ref] = refs([item])
    if ref.kind not in REPLACED:
        return ObjectPlan(ref, "refused", reason=by_hand(cluster, item, error))
    fields = ", ".join(error.fields)
    try:
        new = _tried(cluster, item)
    except (WebhookSilent, Retryable) as silent:
        return ObjectPlan(ref, "later", reason=f"it cannot be asked at the moment: {silent}")
    except Permanent as refusal:
        return ObjectPlan(ref, "refused", reason=f"{ref}: {fields} cannot be changed, and a new one is not: {refusal}")
    reason = f"{fields} cannot be changed; {REPLACED[ref.kind]}"
    return ObjectPlan(ref, "replace", between(live, new), reason)


def by_hand(cluster: KubeWriter, item: Manifest, error: Immutable) -> str:
    """What a person has to do so that *item* can be what it is to be. Raises NotServed."""
    return f"{refs([item])[0]}: {', '.join(error.fields)} cannot be changed; {_advice(cluster, item)}"


def _tried(cluster: KubeWriter, item: Manifest) -> Manifest:
    """What the API server would make of *item* as a new object: asked under a name that is free, and not stored."""
    name = item["metadata"]["name"]
    nameless = {key: value for key, value in item["metadata"].items() if key != "name"}
    made = cluster.create({**item, "metadata": {**nameless, "generateName": f"{name}-"}}, dry_run=True)
    metadata = {key: value for key, value in made["metadata"].items() if key != "generateName"}
    return {**made, "metadata": {**metadata, "name": name}}


def _advice(cluster: KubeWriter, item: Manifest) -> str:
    """What a person can do about *item*, with what that costs."""
    kind, metadata = item["kind"], item["metadata"]
    if kind in _DATA:
        return "its data would be deleted with it: leave it as it was, or move the data to one of another name"
    group = item["apiVersion"].rpartition("/")[0]
    plural = cluster.resource(item["apiVersion"], kind).plural
    command = f"kubectl delete {plural}{f'.{group}' if group else ''} {metadata['name']}"
    command += f" --namespace {metadata['namespace']}" if metadata.get("namespace") else ""
    lost = f" ({said})" if (said := _LOST.get(kind) or REPLACED.get(kind)) else ""
    return f"delete it{lost} and run this again to have it made anew: {command}"
