"""Objects whose change the API server never allows: storage classes are made anew, of others it is said what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hubops.errors import Exit
from tests.bootstrap.stand_ins import NAMESPACES
from tests.bootstrap.test_killed import kill, until
from tests.bootstrap.world import World

#: Without charts.
STACK = """
schema: hubops.stack/v1
title: manifests
kubernetes: "1.28"
repositories: {}
namespaces: {paint-MARK: {pod_security: restricted, reason: a test}}
components:
  namespaces: {title: Namespaces, manifests: [namespaces.yaml], gates: [namespaces-labelled]}
  things: {title: Things, needs: [namespaces], manifests: [things.yaml], gates: [objects-applied]}
"""
CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast-MARK}
provisioner: kubernetes.io/no-provisioner
parameters: {type: TYPE}
volumeBindingMode: WaitForFirstConsumer
"""
#: What a person has to decide about, with what is to be changed of each.
OTHERS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: pots, namespace: paint-MARK}
spec:
  selector: {matchLabels: {app: NAME}}
  template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: main, image: registry.example.com/main:1}]}}
---
apiVersion: v1
kind: Service
metadata: {name: pots, namespace: paint-MARK}
spec: {ports: [{port: 80}], clusterIP: ADDRESS}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: pots, namespace: paint-MARK}
spec: {accessModes: [MODE], resources: {requests: {storage: 1Gi}}}
"""


def test_a_storage_class_is_made_anew(world: World) -> None:
    """Not for one that would be refused, nor where it is another's too; killed in between, the next run makes it."""
    things(world, CLASS, TYPE="slow")
    world.installed()
    before = stored(world)
    try:
        things(world, CLASS, TYPE="quick", WaitForFirstConsumer="Whenever")
        assert "things: cannot be installed as it is" in refused(world)
        assert stored(world) == before

        things(world, CLASS, TYPE="quick")
        planned = world.run("plan")
        assert planned.returncode == Exit.WARNING, planned.stdout
        words = (
            f"  -/+ StorageClass fast-{world.mark}: parameters cannot be changed; volumes that were made by it stay as"
        )
        assert f"{words} they are\n      ~ parameters.type: slow → quick\n" in planned.stdout
        assert "Objects of manifests: 1 to replace." in planned.stdout
        assert stored(world) == before, "a plan writes nothing"
        with held_up(world):
            process = world.start("apply", "--yes")
            until(process, "things: the API server answered 500: Internal error occurred: failed calling webhook")
            kill(process)
        assert stored(world) == {}
        assert "  + 1 StorageClass\n" in world.installed().stdout
        after = stored(world)
        assert after["parameters"] == {"type": "quick"}
        assert "Nothing to change." in world.installed().stdout

        world.bed.api.apply(storage_class(world, provisioner=after["provisioner"], parameters=after["parameters"]))
        things(world, CLASS, TYPE="slow")
        assert "hubops does not take fields over" in refused(world)
        assert stored(world)["parameters"] == {"type": "quick"}
    finally:
        world.bed.api.delete(storage_class(world))


def test_what_a_person_has_to_delete(world: World) -> None:
    """Nothing is begun; each is named with the command and what it costs; once that is done, the run goes on."""
    things(world, OTHERS, NAME="pots", ADDRESS='""', MODE="ReadWriteOnce")
    world.installed()
    before = world.deployments()["pots"]["metadata"]["uid"]
    things(world, OTHERS, NAME="jars", ADDRESS='"None"', MODE="ReadWriteMany")
    said = refused(world)
    name, place = f"{world.paint}/pots", f"pots --namespace {world.paint}"
    again = "and run this again to have it made anew: kubectl delete"
    for words in (
        f"! Deployment {name}: spec.selector cannot be changed; delete it (its pods end with it) "
        f"{again} deployments.apps {place}\n",
        f"! Service {name}: spec.clusterIPs[0] cannot be changed; delete it (it gets another address) "
        f"{again} services {place}\n",
        f"! PersistentVolumeClaim {name}: spec cannot be changed; its data would be deleted with it: ",
    ):
        assert words in said
    assert world.deployments()["pots"]["metadata"]["uid"] == before

    things(world, OTHERS, NAME="jars", ADDRESS='"None"', MODE="ReadWriteOnce")
    for version, kind in (("apps/v1", "Deployment"), ("v1", "Service")):
        metadata = {"namespace": world.paint, "name": "pots"}
        world.bed.api.delete({"apiVersion": version, "kind": kind, "metadata": metadata})
    assert "Installed: things." in world.installed().stdout


def things(world: World, text: str, **changes: str) -> None:
    """The stack with these manifests, in which words are changed."""
    for before, after in changes.items():
        text = text.replace(before, after)
    world.write(stack=STACK, things=text, namespaces=NAMESPACES)


def refused(world: World) -> str:
    """What an apply says that is not begun."""
    done = world.apply()
    assert done.returncode == Exit.CRITICAL, done.stdout + done.stderr
    assert "Installed" not in done.stdout
    return done.stdout


def storage_class(world: World, **content: Any) -> dict[str, Any]:
    metadata = {"name": f"fast-{world.mark}"}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, **content}


def stored(world: World) -> dict[str, Any]:
    """The storage class as it is; empty where there is none."""
    return world.bed.api.get("StorageClass", None, f"fast-{world.mark}") or {}


@contextmanager
def held_up(world: World) -> Iterator[None]:
    """A webhook that nobody answers keeps storage classes from being made, and lets dry runs of them pass."""
    webhook = {
        "name": "held.example.com", "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/held"}, "timeoutSeconds": 2,
        "matchConditions": [{"name": "real", "expression": "!has(request.dryRun) || request.dryRun != true"}],
        "rules": [{"apiGroups": ["storage.k8s.io"], "apiVersions": ["*"], "operations": ["CREATE"],
                   "resources": ["storageclasses"]}],
    }  # fmt: skip
    item = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": f"held-{world.mark}"}, "webhooks": [webhook]}  # fmt: skip
    world.bed.api.apply(item)
    try:
        yield
    finally:
        world.bed.api.delete(item)
