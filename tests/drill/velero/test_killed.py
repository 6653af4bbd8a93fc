"""`hubops drill velero` as a program: killed while it works, ended by its user, cut off; and what cleans up then."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.drill.velero import drill as velero_drill
from tests.backup.claims_world import hears
from tests.drill.velero.small import backed_up
from tests.drill.velero.world import Looking, World
from tests.testbed.line import line_to
from tests.testbed.objects import meta
from tests.testbed.velero_platform import VeleroPlatform

_SPACE = "small-killed"


@pytest.fixture(scope="module", autouse=True)
def application(velero_platform: VeleroPlatform) -> Iterator[None]:
    backed_up(velero_platform, _SPACE, "killed-1")
    yield
    velero_platform.bed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, _SPACE)})


@pytest.fixture
def world(velero_platform: VeleroPlatform, tmp_path: Path) -> World:
    return World(velero_platform, tmp_path, _SPACE)


def test_what_drills_left_that_were_killed_at_any_step_is_removed(world: World) -> None:
    # The second one removes what the first one left, and the third is killed while it does that for the second.
    for step in ("velero: making", "velero: InProgress", "waiting until namespace"):
        killed = world.program("drill", "velero")
        hears(killed, step)
        killed.kill()
        killed.communicate(timeout=30)
    assert world.left() != []
    for words in ("left by killed drills, removed.", "Nothing was left by a drill."):
        cleaned = world.program("drill", "clean")
        output, progress = cleaned.communicate(timeout=120)
        assert (cleaned.returncode, words in output) == (0, True), output + progress
    assert world.left() == []


def test_one_that_is_ended_removes_what_it_has_made(world: World) -> None:
    ended = world.program("drill", "velero")
    hears(ended, "velero: InProgress")
    ended.send_signal(signal.SIGTERM)
    _, progress = ended.communicate(timeout=120)
    assert ended.returncode == 130, progress
    assert world.left() == []
    newest = world.journal.runs("velero")[0]
    assert (newest.outcome, newest.reason) == ("failed", "it was interrupted")


def test_one_that_loses_the_cluster_says_what_may_be_left_and_the_next_removes_it(
    world: World, velero_platform: VeleroPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with line_to(velero_platform.bed, world.folder) as line, monkeypatch.context() as patched:
        patched.setattr(KubeClient, "attempts", 1)  # it is away for longer than anybody tries
        away = World(velero_platform, world.folder, _SPACE, line.kubeconfig)
        away.told = Looking(words="InProgress", look=line.cut)
        lost = away.drill()
    world.forget_lock()
    assert lost.outcome == "failed"
    assert "there may be hubops-drill-small-killed-" in str(lost.reason)
    assert world.left() != []
    assert velero_drill.clear(world.config(), world.told) == (1, [])
    assert world.left() == []
