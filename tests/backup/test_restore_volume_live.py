"""The plan of a volume, followed: its kubectl commands on claims with bytes in them, until the claim is what it was."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.backup.volumes.restore import read
from hubops.errors import UsageError
from tests.backup.claims_world import World
from tests.testbed import build
from tests.testbed.csi import Csi
from tests.testbed.process import poll


@pytest.fixture
def world(csi: Csi, tmp_path: Path) -> Iterator[World]:
    world = World(csi, tmp_path)
    yield world
    world.clear()


def kubectl(world: World, command: str) -> str:
    programs = build.programs(families=("kubectl",))
    path = f"{Path(programs['kubectl']).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(world.folder), "KUBECONFIG": str(world.access.kubeconfig)}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, cwd=world.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_its_commands_bring_back_what_was_in_the_claim(world: World) -> None:
    (world.csi.claim(world.space, "orders") / "table").write_text("as it was")
    assert world.take().outcome == "succeeded"
    before = world.api.get("PersistentVolumeClaim", world.space, "orders") or {}
    (world.csi.files(world.space, "orders") / "table").write_text("spoilt")

    process = world.program("restore", "plan", "volume", f"{world.space}/orders", "--output", "json")
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    commands = [command for step in json.loads(out)["steps"] for command in step["commands"]]
    for command in commands:
        if "hubops" not in command.split()[0] and not command.startswith("kubectl delete persistentvolume "):
            kubectl(world, command)

    def bound() -> bool:
        claim = world.api.get("PersistentVolumeClaim", world.space, "orders") or {}
        return bool(claim.get("status", {}).get("phase") == "Bound")

    poll(bound, "the claim is bound again")
    after = world.api.get("PersistentVolumeClaim", world.space, "orders") or {}
    old = before["spec"]["volumeName"]
    assert after["spec"]["volumeName"] != old
    assert (world.csi.files(world.space, "orders") / "table").read_text() == "as it was"
    kept = world.api.get("PersistentVolume", None, old)
    assert kept
    assert kept["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_without_a_snapshot_there_is_no_plan(world: World) -> None:
    with pytest.raises(UsageError, match=r"no snapshot of .*/nothing that is ready"):
        read(world.cluster, f"{world.space}/nothing", None)
    with pytest.raises(UsageError, match="NAMESPACE/CLAIM"):
        read(world.cluster, "nothing", None)
