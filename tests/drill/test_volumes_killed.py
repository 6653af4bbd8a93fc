"""`hubops drill volumes` as a program: killed while it works, ended by its user, and what the next one finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.config import Duration
from hubops.config.backup import VolumeDrillConfig
from hubops.drill import volume_scratch, volumes
from tests.backup.claims_world import World
from tests.drill.pods import Pods, pods_end
from tests.drill.test_volumes import assert_nothing_is_left, backed_up
from tests.testbed.csi import CLASS, Csi

CONFIG = """
kubernetes: {{kubeconfig: {kubeconfig}}}
prometheus: {{enabled: false}}
backup:
  directory: {folder}
  volumes: {{namespaces: ["{space}"], snapshot_class: {snapshot_class}}}
drill:
  volumes: {{timeout: 40s}}
"""


@pytest.fixture(scope="module")
def pods(csi: Csi) -> Iterator[Pods]:
    with pods_end(csi) as pods:
        yield pods


@pytest.fixture
def world(csi: Csi, pods: Pods, tmp_path: Path) -> Iterator[World]:
    world = World(csi, tmp_path)
    (tmp_path / "hubops.yaml").write_text(
        CONFIG.format(
            kubeconfig=csi.bed.kubeconfig, folder=tmp_path / "hubops", space=world.space, snapshot_class=CLASS
        )
    )
    yield world
    pods.held.clear()
    world.clear()


def program(world: World, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hubops.cli", *arguments, "--config", str(world.folder / "hubops.yaml")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.folder)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def told(process: subprocess.Popen[str], words: str) -> None:
    """Wait until *process* says *words*."""
    assert process.stderr
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}:\n{''.join(seen)}")


def test_what_killed_drills_left_is_removed_by_the_next_one(world: World, pods: Pods) -> None:
    backed_up(world, "data")
    pods.held.set()
    for step in ("waiting until the driver knows the snapshot", "waiting for its volume and its pod"):
        killed = program(world, "drill", "volumes", "--claim", f"{world.space}/data")
        told(killed, step)
        killed.kill()
        killed.communicate(timeout=20)
    pods.held.clear()
    removing = program(world, "drill", "volumes", "--claim", f"{world.space}/data")
    told(removing, "removing VolumeSnapshot")
    removing.kill()
    removing.communicate(timeout=20)
    assert volume_scratch.leftovers(world.cluster) != []
    done = program(world, "drill", "volumes", "--claim", f"{world.space}/data", "--output", "plain")
    said, progress = done.communicate(timeout=90)
    assert done.returncode == 0, said + progress
    assert_nothing_is_left(world)
    assert (world.csi.copy(world.space, "data-1") / "-n").read_text() == "data"


def test_one_that_is_ended_removes_what_it_has_made(world: World, pods: Pods) -> None:
    backed_up(world, "data")
    pods.held.set()
    ended = program(world, "drill", "volumes", "--claim", f"{world.space}/data")
    told(ended, "waiting for its volume and its pod")
    ended.send_signal(signal.SIGTERM)
    _, progress = ended.communicate(timeout=60)
    assert ended.returncode == 130, progress
    assert_nothing_is_left(world)
    [run] = world.journal.runs("volumes")
    assert (run.outcome, run.reason) == ("failed", "it was interrupted")


def test_a_cluster_that_is_gone_for_a_while_keeps_nothing_of_a_drill(world: World, pods: Pods) -> None:
    backed_up(world, "data")
    pods.held.set()
    lost = program(world, "drill", "volumes", "--claim", f"{world.space}/data")
    told(lost, "waiting for its volume and its pod")
    world.csi.bed.end_program("kube-apiserver")
    said, progress = lost.communicate(timeout=120)
    assert lost.returncode == 2, said + progress
    world.csi.bed.start_program("kube-apiserver")
    pods.held.clear()
    run = volumes.drill(
        world.config(drill=VolumeDrillConfig(timeout=Duration(seconds=40))), world.journal, say=world.told,
        claims=[f"{world.space}/data"],
    )  # fmt: skip
    assert run.outcome == "succeeded", run.reason
    assert_nothing_is_left(world)
