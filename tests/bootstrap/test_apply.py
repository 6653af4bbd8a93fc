"""hubops bootstrap as a process, on a real control plane, with charts from a real repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bootstrap import stand_ins
from tests.bootstrap.repository import Repository
from tests.stack.rendered import site_file
from tests.testbed import sample
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

Bootstrap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    """A control plane with nodes and nothing on them."""
    bed = Testbed.start(sample=False)
    for node in sample.nodes():
        bed.api.apply(node)
    yield bed
    bed.stop()


@pytest.fixture
def program(request: pytest.FixtureRequest) -> str:
    """Which helm; tests that do not ask for both are about what hubops does by itself."""
    return getattr(request, "param", "helm")


@pytest.fixture
def bootstrap(
    program: str, bed: Testbed, helms: dict[str, Path], repository: Repository, tmp_path: Path
) -> Iterator[Bootstrap]:
    """Runs `hubops bootstrap` on the stand-ins; afterwards all that it installed is gone."""
    repository.add(stand_ins.PAINT, stand_ins.SHOP)
    stack = stand_ins.write(tmp_path / "stack", repository)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HUBOPS_CONFIG": str(site_file("none"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        verb = [sys.executable, "-m", "hubops.cli", "bootstrap", *arguments]
        flags = ["--accept", "storage-drivers", "--stack", str(stack), "--kubeconfig", str(bed.kubeconfig), "--helm", str(helms[program])]
        return subprocess.run(
            [*verb, *flags], capture_output=True, text=True, check=False, timeout=180, env=environment
        )

    yield run
    clear(bed)


def clear(bed: Testbed) -> None:
    names = ("paint", "shop", "hubops")
    for name in names:
        bed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    bed.api.delete({**definition, "metadata": {"name": "colors.paint.example.com"}})
    gone: Callable[[], bool] = lambda: not any(bed.api.get("Namespace", None, name) for name in names)  # noqa: E731
    poll(gone, "the namespaces gone", 60)


def state(bed: Testbed) -> dict[str, Any]:
    """What a run leaves that must not depend on how it came there."""
    colors = {each["metadata"]["name"]: each["spec"] for each in bed.api.list("Color", "paint")}
    images = {each["metadata"]["name"]: each["spec"]["replicas"] for each in bed.api.list("Deployment")}
    records = {each["metadata"]["name"]: each["data"] for each in bed.api.list("ConfigMap", "hubops")}
    records.pop("kube-root-ca.crt", None)
    return {"colors": colors, "deployments": images, "records": records}


@pytest.mark.parametrize("program", ["helm", "helm4"], indirect=True)
def test_from_nothing_to_the_platform_and_again(bootstrap: Bootstrap, bed: Testbed) -> None:
    planned = bootstrap("plan")
    assert planned.returncode == 1, planned.stderr
    assert "paint: install paint-1.0.0 as paint/paint" in planned.stdout
    assert "shop: install shop-1.0.0 as shop/corner-shop" in planned.stdout
    assert bed.api.get("Namespace", None, "paint") is None, "a plan writes nothing"

    done = bootstrap("apply", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Installed: namespaces, " in done.stdout
    assert state(bed)["colors"] == {"red": {"hex": "ff0000"}, "blue": {"hex": "0000ff"}}
    till = bed.api.get("Secret", "shop", "till")
    assert till
    assert till["data"]["pin"] not in done.stdout + done.stderr

    before = state(bed)
    again = bootstrap("apply", "--yes")
    assert again.returncode == 0, again.stderr
    assert "Nothing to change." in again.stdout
    assert "Installed" not in again.stdout
    assert state(bed) == before
    assert bed.api.get("Secret", "shop", "till") == till, "a generated Secret is made once"

    assert bootstrap("plan").returncode == 0
    assert bootstrap("verify").returncode == 0
    shown = bootstrap("status")
    assert shown.returncode == 0, shown.stdout
    assert shown.stdout.count("complete") == 4


def test_somebody_deletes_and_changes_and_apply_mends_it(bootstrap: Bootstrap, bed: Testbed) -> None:
    assert bootstrap("apply", "--yes").returncode == 0
    before = state(bed)
    bed.api.delete({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "paint", "name": "paint"}})
    color = {"apiVersion": "paint.example.com/v1", "kind": "Color", "metadata": {"namespace": "paint", "name": "red"}}
    bed.api.delete(color)
    planned = bootstrap("plan")
    assert "repair paint/paint: it is deployed, or a part of it is missing" in planned.stdout
    assert "colors: manifests" in planned.stdout
    done = bootstrap("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Installed: paint, colors.\n" in done.stdout
    assert state(bed) == before


def test_a_field_of_somebody_else_is_shown_and_not_forced(bootstrap: Bootstrap, bed: Testbed) -> None:
    assert bootstrap("apply", "--yes").returncode == 0
    color = {"apiVersion": "paint.example.com/v1", "kind": "Color", "metadata": {"namespace": "paint", "name": "red"}}
    bed.api.apply({**color, "spec": {"hex": "cc0000"}})  # as "testbed", by force
    done = bootstrap("apply", "--yes")
    assert done.returncode == 2
    assert "colors: cannot be installed as it is" in done.stdout
    assert "testbed" in done.stdout
    assert bed.api.list("Color", "paint")[1]["spec"] == {"hex": "cc0000"}


def test_it_ends_with_what_is_of_value_left(bootstrap: Bootstrap, bed: Testbed) -> None:
    assert bootstrap("apply", "--yes").returncode == 0
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"namespace": "shop", "name": "ledger"}
    bed.api.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim})
    refused = bootstrap("destroy", "--confirm", "another")
    assert refused.returncode == 64
    assert len(bed.api.list("Deployment")) == 2

    done = bootstrap("destroy", "--confirm", "bare")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == ["colors", "paint", "shop", "namespaces"]
    assert "Left: Namespace shop: 1 claims are in it, such as ledger" in lines
    assert bed.api.list("Deployment") == []
    assert bed.api.get("Namespace", None, "paint") is None
    assert bed.api.get("PersistentVolumeClaim", "shop", "ledger")
    assert bootstrap("destroy", "--confirm", "bare").stdout == "hubops has installed nothing of it here.\n"
