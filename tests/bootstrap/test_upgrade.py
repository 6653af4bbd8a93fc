"""hubops bootstrap upgrade: to the stack's pins, and back where that fails; and what others installed, taken on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hubops.errors import Exit
from tests.bootstrap import stand_ins
from tests.bootstrap.world import World


def version(world: World) -> str:
    """Of the chart that the pods of `paint` are made by."""
    return str(world.deployments()[world.paint]["spec"]["template"]["metadata"]["labels"]["version"])


def fields(world: World) -> set[str]:
    """What the kind Color can have."""
    crd = world.bed.api.get("CustomResourceDefinition", None, f"colors.{world.group}")
    assert crd
    [served] = crd["spec"]["versions"]
    return set(served["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def test_a_new_version_with_its_definitions_and_values(world: World) -> None:
    """Helm itself would leave the definitions as they are."""
    world.installed()
    world.repository.add(stand_ins.paint(world.group, "1.1.0", field="gloss"))
    world.write(
        version="1.1.0",
        colors=stand_ins.COLORS.replace("hex: ff0000", "gloss: high"),
        **{"paint.values": "color: << site.domain >>\nreplicas: 3\n"},
    )
    planned = world.run("plan")
    assert f"paint: upgrade {world.paint}/{world.paint}: paint-1.0.0 → paint-1.1.0" in planned.stdout
    assert "~ value + replicas: 3" in planned.stdout
    done = world.run("upgrade", "--yes")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "Installed: paint, colors." in done.stdout
    assert version(world) == "1.1.0"
    assert world.deployments()[world.paint]["spec"]["replicas"] == 3
    assert fields(world) == {"hex", "gloss"}
    assert world.colors()["red"] == {"gloss": "high"}
    assert "Nothing to change." in world.run("upgrade", "--yes").stdout


def test_what_helm_could_not_change_is_said_before(world: World) -> None:
    """It would stop in the middle. What a person is told to delete is made anew."""
    world.installed()
    before = world.state()
    other = stand_ins.DEPLOYMENT.replace("{app: {{ .Release.Name }}", "{app: other")
    world.repository.add(replace(stand_ins.paint(world.group, "1.1.0"), templates={"deployment.yaml": other}))
    world.write(version="1.1.0")
    done = world.run("upgrade", "--yes")
    assert done.returncode == Exit.CRITICAL
    command = f"kubectl delete deployments.apps {world.paint} --namespace {world.paint}"
    words = "spec.selector cannot be changed; delete it (its pods end with it) and run this again to have it made anew"
    assert f"  ! Deployment {world.paint}/{world.paint}: {words}: {command}\n" in done.stdout
    assert world.state() == before
    metadata = {"namespace": world.paint, "name": world.paint}
    world.bed.api.delete({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata})
    assert world.run("upgrade", "--yes").returncode == Exit.OK
    assert version(world) == "1.1.0"


def test_what_never_gets_ready_goes_back(world: World) -> None:
    world.installed()
    world.repository.add(stand_ins.paint(world.group, "1.1.0", nodes="nowhere"))
    world.write(version="1.1.0")
    done = world.run("upgrade", "--yes", "--timeout", "4s")
    assert done.returncode == Exit.CRITICAL, done.stdout + done.stderr
    assert f"Failed: paint: Deployment {world.paint}/{world.paint}: 1 of 2 pods updated (after 4 s)" in done.stdout
    assert "; back as before: paint-1.0.0\n" in done.stdout
    assert version(world) == "1.0.0"
    status: dict[str, Any] = world.deployments()[world.paint]["status"]
    assert status["readyReplicas"] == 2
    assert '"complete":false' in world.records()["paint"]

    world.repository.add(stand_ins.paint(world.group, "1.2.0"))
    world.write(version="1.2.0")
    assert world.run("upgrade", "--yes").returncode == Exit.OK
    assert version(world) == "1.2.0"


def test_a_gate_that_fails_brings_chart_and_manifests_back(world: World) -> None:
    """Changed objects, replaced ones, removed ones and new ones; those that others live in stay, and are named."""
    stack = stand_ins.STACK.replace("values: [paint", "manifests: [tins.yaml]\n    values: [paint")
    world.write(stack=stack, tins=tin("tin", "closed") + tin("old", "dry") + shelf("wood"))
    world.installed()
    before = tins(world)
    world.repository.add(stand_ins.paint(world.group, "1.1.0", field="gloss"))
    annex = f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: annex-{world.mark}}}\n"
    wanted = {
        "stack": stack.replace("gates: [objects-applied]", "gates: [objects-applied, metrics-api-answers]", 1),
        "tins": tin("tin", "open", "handle: left") + tin("new", "wet") + shelf("steel") + annex,
    }
    world.write(version="1.1.0", **wanted)
    try:
        with unsimulated(world):
            done = world.run("upgrade", "--yes", "--timeout", "8s")
        assert done.returncode == Exit.CRITICAL, done.stdout + done.stderr
        failure = "Failed: paint: APIService v1beta1.metrics.k8s.io is missing (after 8 s)"
        assert f"{failure}; back as before: paint-1.0.0, 4 objects of its manifests\n" in done.stdout
        assert f"  not back: Namespace annex-{world.mark}: it is new, and others may live in it by now\n" in done.stdout
        assert f"  not back: CustomResourceDefinition colors.{world.group}: older ones could not" in done.stdout
        assert version(world) == "1.0.0"
        assert tins(world) == before
        record = json.loads(world.records()["paint"])
        assert (record["complete"], record["version"]) == (False, "1.0.0")
        names = {each["name"].removesuffix(f"-{world.mark}") for each in record["objects"]}
        assert names == {"tin", "old", "shelf", "annex"}

        world.write(version="1.1.0", tins=wanted["tins"], stack=stack)
        assert world.run("upgrade", "--yes").returncode == Exit.OK
        assert version(world) == "1.1.0"
        assert set(tins(world)) == {"tin", "new", "shelf"}
        assert "Nothing to change." in world.installed().stdout
    finally:
        world.bed.api.delete(named(world, "v1", "Namespace", "annex"))
        world.bed.api.delete(named(world, "storage.k8s.io/v1", "StorageClass", "shelf"))


def named(world: World, version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": f"{name}-{world.mark}"}}


def tin(name: str, lid: str, *lines: str) -> str:
    data = "".join(f"\n  {line}" for line in (f"lid: {lid}", *lines))
    metadata = f"{{name: {name}, namespace: paint-MARK, labels: {{tin: here}}}}"
    return f"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\ndata:{data}\n"


def shelf(made_of: str) -> str:
    head = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: shelf-MARK}"
    return f"\n---\n{head}\nprovisioner: kubernetes.io/no-provisioner\nparameters: {{of: {made_of}}}\n"


def tins(world: World) -> dict[str, Any]:
    """What the manifests of `paint` have made, as far as it was applied."""
    found = {each["metadata"]["name"]: each["data"] for each in
             world.bed.api.list("ConfigMap", world.paint, labelSelector="tin")}  # fmt: skip
    made = world.bed.api.get("StorageClass", None, f"shelf-{world.mark}")
    return found | ({"shelf": made["parameters"]} if made else {})


@contextmanager
def unsimulated(world: World) -> Iterator[None]:
    """A node that kwok does not simulate: gates are held to be possible then."""
    node = named(world, "v1", "Node", "real")
    world.bed.api.apply(node)
    try:
        yield
    finally:
        world.bed.api.delete(node)


def test_a_step_that_fails_tells_what_stands_in_its_way(world: World) -> None:
    world.repository.add(stand_ins.paint(world.group, nodes="nowhere"))
    done = world.apply("--timeout", "4s")
    assert done.returncode == Exit.CRITICAL
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Failed: paint: "))
    told = "\n".join(lines[start:])
    assert f"Deployment {world.paint}/{world.paint}:\n" in told
    assert told.count("FailedScheduling") == 1, "once, however many pods"
    assert "what to do: hubops runbook pod-pending" in told
    assert "Not begun: colors (it needs paint)" in told
    assert f"paint: failed: Deployment {world.paint}/{world.paint}: 0 of 2 pods ready" in done.stderr
    planned = world.run("plan", "--only", "paint")
    assert planned.returncode == Exit.WARNING, "nothing would change, and nothing is well"
    assert "paint: not finished by the last run; its gates are tried again" in planned.stdout
    assert world.run("status").returncode == Exit.WARNING


def test_what_the_readme_installed_is_taken_on(world: World) -> None:
    """helm install and kubectl apply of the same things: nothing is made anew."""
    place = ["--namespace", world.paint, "--create-namespace", "--repo", world.repository.url]
    world.helm_run("install", world.paint, "paint", *place, "--set", "color=platform.internal")
    world.bed.api.apply({**world.color("red"), "spec": {"hex": "ff0000"}})
    before = world.deployments()[world.paint]["metadata"]
    shown = world.run("status")
    assert "by others" in next(line for line in shown.stdout.splitlines() if line.startswith("paint "))

    planned = world.run("plan")
    assert "paint: adopted: it was installed by other means\n" in planned.stdout
    assert "colors: adopted: it was installed by other means; manifests\n" in planned.stdout
    done = world.installed()
    assert done.stdout.count("adopted") == 3
    after = world.deployments()[world.paint]["metadata"]
    assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])
    assert "revision: 1\n" in world.helm_run("status", world.paint, "--namespace", world.paint).lower()
    assert world.run("status").returncode == Exit.OK
    assert "Nothing to change." in world.installed().stdout
