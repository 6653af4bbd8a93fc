"""hubops bootstrap as a process, on a real control plane, with charts from a real repository."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal

import jsonschema
import pytest

from hubops.bootstrap.show.document import schema
from hubops.errors import Exit
from tests.bootstrap import stand_ins
from tests.bootstrap.world import World


@pytest.mark.parametrize("world", ["helm", "helm4"], indirect=True)
def test_from_nothing_to_the_platform_and_again(world: World) -> None:
    planned = world.run("plan")
    assert planned.returncode == 1, planned.stderr
    assert f"paint: install paint-1.0.0 as {world.paint}/{world.paint}" in planned.stdout
    assert f"shop: install shop-1.0.0 as {world.shop}/{world.release}" in planned.stdout
    assert world.bed.api.get("Namespace", None, world.paint) is None, "a plan writes nothing"

    done = world.installed()
    assert "Installed: namespaces, " in done.stdout
    assert world.colors() == {"red": {"hex": "ff0000"}, "blue": {"hex": "0000ff"}}
    till = world.bed.api.get("Secret", world.shop, "till")
    assert till
    assert till["data"]["pin"] not in done.stdout + done.stderr

    before = world.state()
    again = world.installed()
    assert "Nothing to change." in again.stdout
    assert "Installed" not in again.stdout
    assert world.state() == before
    asked = Counter(helm_calls(world))
    per_chart = {"show crds": 2, "template": 2, "get manifest": 2, "get values": 2}
    assert asked == per_chart | {"version": 1, "list": 3}, "nothing is asked twice but whether releases have changed"
    assert world.bed.api.get("Secret", world.shop, "till") == till, "a generated Secret is made once"

    assert world.run("plan").returncode == 0
    assert world.run("verify").returncode == 0
    shown = world.run("status")
    assert shown.returncode == 0, shown.stdout
    assert shown.stdout.count("complete") == 4


def helm_calls(world: World) -> list[str]:
    """What an apply asks of helm."""
    log, program = world.folder / "helm.log", world.folder / "logged-helm"
    program.write_text(f'#!/bin/sh\necho "$1 $2" >> {log}\nexec {world.helms[world.helm]} "$@"\n')
    program.chmod(0o755)
    assert world.apply("--helm", str(program)).returncode == Exit.OK
    verbs = [line.split() for line in log.read_text().splitlines()]
    return [" ".join(verb[: 2 if verb[0] in ("get", "show") else 1]) for verb in verbs]


def test_what_is_read_by_programs(world: World) -> None:
    planned = document(world, "plan", Exit.WARNING)
    names = [each["name"] for each in planned["components"] if each["action"] == "change"]
    assert names == ["namespaces", "paint", "shop", "colors"]
    release = planned["components"][1]["release"]
    assert (release["action"], release["after"]) == ("install", "paint-1.0.0")
    assert {each["ref"]["kind"] for each in planned["components"][3]["objects"]} == {"Color"}
    stated = document(world, "status", Exit.WARNING)
    assert {each["state"] for each in stated["components"]} == {"not installed"}

    world.installed()
    planned = document(world, "plan", Exit.OK)
    assert {each["action"] for each in planned["components"]} == {"keep"}
    stated = document(world, "status", Exit.OK)
    assert [each["chart"] for each in stated["components"]] == ["", "paint-1.0.0", "shop-1.0.0", ""]

    world.write(version="9.9.9")
    refused = document(world, "plan", Exit.CRITICAL)["components"][1]
    assert refused["action"] == "refuse"
    assert "9.9.9" in refused["problems"][0]


def document(world: World, verb: Literal["plan", "status"], code: Exit) -> dict[str, Any]:
    """What *verb* tells as JSON, which has to be as its schema says."""
    done = world.run(verb, "--output", "json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, schema(verb))
    return found


def test_somebody_deletes_and_changes_and_apply_mends_it(world: World) -> None:
    world.installed()
    before = world.state()
    metadata = {"namespace": world.paint, "name": world.paint}
    world.bed.api.delete({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata})
    world.bed.api.delete(world.color("red"))
    planned = world.run("plan")
    assert f"repair {world.paint}/{world.paint}: a part of it is missing" in planned.stdout
    assert "colors: manifests" in planned.stdout
    assert "Installed: paint, colors.\n" in world.installed().stdout
    assert world.state() == before


def test_what_is_no_longer_part_of_it_is_removed_but_no_namespace(world: World) -> None:
    attic = """
---
apiVersion: v1
kind: Namespace
metadata: {name: attic-MARK}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: attic, namespace: paint-MARK}
"""
    world.write(namespaces=stand_ins.NAMESPACES + attic)
    world.installed()
    world.write()
    planned = world.run("plan").stdout
    assert f"  - ConfigMap {world.paint}/attic\n" in planned
    assert f"  = Namespace attic-{world.mark}: no longer part of it; deleting it is left to you" in planned
    world.installed()
    assert world.bed.api.get("ConfigMap", world.paint, "attic") is None
    left = world.bed.api.get("Namespace", None, f"attic-{world.mark}")
    assert left
    assert "deletionTimestamp" not in left["metadata"]
    world.bed.api.delete(left)


def test_a_field_of_somebody_else_is_shown_and_not_forced(world: World) -> None:
    world.installed()
    world.bed.api.apply({**world.color("red"), "spec": {"hex": "cc0000"}})  # as "testbed", by force
    done = world.apply()
    assert done.returncode == 2
    assert "colors: cannot be installed as it is" in done.stdout
    assert f"Color {world.paint}/red: " in done.stdout
    assert "testbed" in done.stdout
    assert world.colors()["red"] == {"hex": "cc0000"}


def test_it_ends_with_what_is_of_value_left(world: World) -> None:
    world.installed()
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"namespace": world.shop, "name": "ledger"}
    world.bed.api.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim})
    refused = world.run("destroy", "--confirm", "another")
    assert refused.returncode == 64
    assert len(world.deployments()) == 2

    done = world.run("destroy", "--confirm", "bare")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == ["colors", "paint", "shop", "namespaces"]
    assert f"Left: Namespace {world.shop}: 1 claims are in it, such as ledger" in lines
    assert world.deployments() == {}
    assert world.bed.api.get("Namespace", None, world.paint) is None
    assert world.bed.api.get("PersistentVolumeClaim", world.shop, "ledger")
    assert world.run("destroy", "--confirm", "bare").stdout == "hubops has installed nothing of it here.\n"
