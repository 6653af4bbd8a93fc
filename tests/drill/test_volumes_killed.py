"""`hubops drill volumes` as a program: killed while it works, ended by its user, and what the next one finds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.drill.volumes import drill as volumes
from hubops.drill.volumes import scratch as volume_scratch
from tests.backup.claims_world import Told, World, hears
from tests.drill.pods import Pods, pods_end
from tests.drill.test_volumes import assert_nothing_is_left, backed_up
from tests.testbed.csi import Csi
from tests.testbed.line import Line, line_to


@pytest.fixture(scope="module")
def pods(csi: Csi) -> Iterator[Pods]:
    with pods_end(csi) as pods:
        yield pods


@pytest.fixture
def world(csi: Csi, pods: Pods, tmp_path: Path) -> Iterator[World]:
    world = World(csi, tmp_path)
    yield world
    pods.held.clear()
    world.clear()


class Cut(Told):
    """The line to the API server is cut when this is told that the drill waits for its pod."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line

    def __call__(self, name: str, words: str) -> None:
        super().__call__(name, words)
        if words.startswith("waiting for its volume"):
            self.line.cut()


def test_what_drills_left_that_were_killed_or_lost_the_cluster_is_removed_by_the_next_one(
    world: World, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up(world, "data")
    pods.held.set()
    for step in ("waiting until the driver knows the snapshot", "waiting for its volume and its pod"):
        killed = world.program("drill", "volumes", "--claim", f"{world.space}/data")
        hears(killed, step)
        killed.kill()
        killed.communicate(timeout=180)
    pods.held.clear()
    removing = world.program("drill", "volumes", "--claim", f"{world.space}/data")
    hears(removing, "removing VolumeSnapshot")
    removing.kill()
    removing.communicate(timeout=180)
    assert volume_scratch.leftovers(world.cluster) != []
    pods.held.set()
    with line_to(world.csi.bed, world.folder) as line, monkeypatch.context() as patched:
        patched.setattr(KubeClient, "attempts", 1)  # it is away for longer than anybody tries
        away = World(world.csi, world.folder, line.kubeconfig, world.space)
        lost = volumes.drill(away.config(), away.journal, say=Cut(line), claims=[f"{world.space}/data"])
    pods.held.clear()
    # It could not give its lock back; its process lives on here, so that the next one would wait until it has run out.
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    world.api.delete(lease | {"metadata": {"namespace": "hubops", "name": volumes.LOCK}})
    assert lost.outcome == "failed"
    assert "is not removed, which the next drill will try" in str(lost.reason)
    done = world.program("drill", "volumes", "--claim", f"{world.space}/data", "--output", "plain")
    said, progress = done.communicate(timeout=180)
    assert done.returncode == 0, said + progress
    assert volume_scratch.leftovers(world.cluster) == []
    assert_nothing_is_left(world)
    assert (world.csi.copy(world.space, "data-1") / "-n").read_text() == "data"
    # The run that had lost its cluster is in the journal by now, too.
    assert [run.outcome for run in world.journal.runs("volumes")] == ["succeeded", "failed"]


def test_one_that_is_ended_removes_what_it_has_made(world: World, pods: Pods) -> None:
    backed_up(world, "data")
    pods.held.set()
    ended = world.program("drill", "volumes", "--claim", f"{world.space}/data")
    hears(ended, "waiting for its volume and its pod")
    ended.send_signal(signal.SIGTERM)
    _, progress = ended.communicate(timeout=180)
    assert ended.returncode == 130, progress
    assert_nothing_is_left(world)
    [run] = world.journal.runs("volumes")
    assert (run.outcome, run.reason) == ("failed", "it was interrupted")
