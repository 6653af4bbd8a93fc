"""`hubops drill volumes` as a program: killed while it works, ended by its user, and what the next one finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.drill import volume_scratch, volumes
from tests.backup.claims_world import Told, World
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
        CONFIG.format(kubeconfig=csi.bed.kubeconfig, folder=tmp_path, space=world.space, snapshot_class=CLASS)
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


class Cut(Told):
    """The API server ends when this is told that the drill waits for its pod."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def __call__(self, name: str, words: str) -> None:
        super().__call__(name, words)
        if words.startswith("waiting for its volume"):
            self.world.csi.bed.end_program("kube-apiserver")


def test_what_drills_left_that_were_killed_or_lost_the_cluster_is_removed_by_the_next_one(
    world: World, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    pods.held.set()
    with monkeypatch.context() as patched:
        patched.setattr(KubeClient, "attempts", 1)  # it is away for longer than anybody tries
        lost = volumes.drill(world.config(), world.journal, say=Cut(world), claims=[f"{world.space}/data"])
    world.csi.bed.start_program("kube-apiserver")
    pods.held.clear()
    assert lost.outcome == "failed"
    assert "is not removed, which the next drill will try" in str(lost.reason)
    done = program(world, "drill", "volumes", "--claim", f"{world.space}/data", "--output", "plain")
    said, progress = done.communicate(timeout=90)
    assert done.returncode == 0, said + progress
    assert volume_scratch.leftovers(world.cluster) == []
    assert_nothing_is_left(world)
    assert (world.csi.copy(world.space, "data-1") / "-n").read_text() == "data"
    # The run that had lost its cluster is in the journal by now, too.
    assert [run.outcome for run in world.journal.runs("volumes")] == ["succeeded", "failed"]


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
