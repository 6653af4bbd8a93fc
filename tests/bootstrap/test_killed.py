"""SIGKILL at each step, at random moments, and in the middle of a Helm: the next run always comes to the same end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hubops.errors import Exit
from tests.bootstrap import stand_ins
from tests.bootstrap.world import World
from tests.testbed.process import poll

#: What a run says when it begins each of its steps, in a run from nothing, until it waits for pods.
STEPS = (
    "namespaces: planning",
    "namespaces: 3 objects",
    "paint: planning",
    "paint: custom resource definitions",
    "paint: helm install",
    "shop: ",  # at whatever: it is installed beside paint, and may be there already
    "paint: Deployment",
)
#: And what it says once they run.
MORE_STEPS = (
    "paint: gate",
    "colors: 2 objects",
    "colors: gate",
)
#: The seconds after which runs are killed; a whole one takes about two.
MOMENTS = random.Random(20).sample([tenth / 10 for tenth in range(6, 26)], 4)


def test_killed_at_each_step(world: World) -> None:
    world.repository.add(stand_ins.paint(world.group, nodes=world.paint))
    for step in STEPS:
        process = world.start("apply", "--yes")
        until(process, step)
        kill(process)
    with node(world):
        for step in MORE_STEPS:
            process = world.start("apply", "--yes")
            until(process, step)
            kill(process)
        ends_well(world)


def test_killed_at_random_moments(world: World) -> None:
    for moment in MOMENTS:
        process = world.start("apply", "--yes")
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        kill(process)
    ends_well(world)


def test_killed_with_a_helm_that_installs(world: World) -> None:
    """Its release is left pending-install: nothing of it can be kept."""
    killed_in_the_hook(world, "pending-install")
    planned = world.run("plan")
    assert f"repair {world.paint}/{world.paint}: it is pending-install" in planned.stdout
    with node(world):
        ends_well(world)


@pytest.mark.parametrize("world", ["helm4"], indirect=True)
def test_killed_with_a_helm_that_upgrades(world: World) -> None:
    """Its release is left pending-upgrade: it goes back to what was deployed, and is upgraded from there."""
    world.installed()
    world.write(version="1.1.0")
    killed_in_the_hook(world, "pending-upgrade", version="1.1.0")
    with node(world):
        done = ends_well(world)
    assert "pending-upgrade was left behind; back to revision 1" in done
    assert world.deployments()[world.paint]["spec"]["template"]["metadata"]["labels"]["version"] == "1.1.0"


def test_killed_without_its_helm(world: World) -> None:
    """The helm goes on by itself: the next run waits for it instead of undoing what it does."""
    world.repository.add(stand_ins.paint(world.group, held=True))
    process = world.start("apply", "--yes")
    hook_runs(world)
    process.kill()
    process.communicate()
    following = world.start("apply", "--yes", "--accept", "nodes")
    until(following, f"paint: the helm of a run that was killed is still at work on {world.paint}/{world.paint}")
    with node(world):
        said, complained = following.communicate(timeout=180)
        assert following.returncode == Exit.OK, said + complained
    assert "left behind" not in complained
    assert "revision: 1\n" in world.helm_run("status", world.paint, "--namespace", world.paint).lower()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_the_middle(world: World, sent: signal.Signals) -> None:
    """By ^C, or by a CI job that is cancelled."""
    world.repository.add(stand_ins.paint(world.group, held=True))
    process = world.start("apply", "--yes")
    hook_runs(world)
    process.send_signal(sent)
    said, complained = process.communicate(timeout=180)
    assert process.returncode == Exit.INTERRUPTED, complained
    assert "Interrupted. What had begun is recorded; run the same command again" in said
    assert world.holder() == "", "the lock is free"
    assert '"complete":false' in world.records()["paint"]
    assert world.releases()[world.paint] == "failed", "helm has recorded that it was ended"
    if sent == signal.SIGINT:
        with node(world):
            ends_well(world)


def test_a_helm_of_somebody_else_is_left_alone(world: World) -> None:
    """hubops has no record of what it does, and it began just now."""
    world.repository.add(stand_ins.paint(world.group, held=True))
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.paint}}
    world.bed.api.apply(space)
    archive = str(world.repository.folder / "paint-1.0.0.tgz")
    command = [str(world.helms["helm"]), "install", world.paint, archive, "--namespace", world.paint]
    theirs = subprocess.Popen([*command, "--kubeconfig", str(world.kubeconfig)], stdout=subprocess.DEVNULL)
    try:
        hook_runs(world)
        refused = world.apply()
        assert refused.returncode == Exit.CRITICAL
        assert "a Helm that hubops has not started began 0 minutes ago to change" in refused.stdout
        assert theirs.poll() is None
        assert world.releases() == {world.paint: "pending-install"}
        assert world.records() == {}
    finally:
        theirs.kill()
        theirs.wait()


def ends_well(world: World) -> str:
    """An undisturbed run comes to the one end, and another would have nothing to do; what it said on the way."""
    done = world.installed()
    wanted = world.state()
    assert wanted["colors"] == {"red": {"hex": "ff0000"}, "blue": {"hex": "0000ff"}}
    assert {name: replicas for name, (replicas, _) in wanted["deployments"].items()} == {
        world.paint: 2,
        world.release: 1,
    }
    assert set(wanted["records"]) == {"namespaces", "paint", "colors", "shop"}
    assert all('"complete":true' in record for record in wanted["records"].values())
    assert set(world.releases().values()) == {"deployed"}
    assert world.holder() == ""
    assert world.run("plan").returncode == Exit.OK
    return done.stderr


def killed_in_the_hook(world: World, status: str, version: str = "1.0.0") -> None:
    """Kill a run with its helm while the chart's hook holds that up, so that the release is left in *status*."""
    world.repository.add(stand_ins.paint(world.group, version, held=True))
    process = world.start("apply", "--yes")
    hook_runs(world)
    kill(process)
    assert world.releases()[world.paint] == status


def hook_runs(world: World) -> None:
    poll(lambda: bool(world.bed.api.list("Job", world.paint)), "the hook of the chart")


@contextmanager
def node(world: World) -> Iterator[None]:
    """A node that the pods of the chart's hook, and those that are for nodes of this test, can be scheduled on."""
    name = f"open-{world.mark}"
    room = {"cpu": "8", "memory": "32Gi", "pods": "10"}
    metadata: dict[str, Any] = {"name": name, "labels": {"open": world.paint, "for": world.paint}}
    metadata["annotations"] = {"kwok.x-k8s.io/node": "fake"}
    status = {"capacity": room, "allocatable": room}
    item = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}
    world.bed.api.apply(item)
    yield
    world.bed.api.delete(item)


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read what the process says until it begins with *words*."""
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if line.partition("  ")[2].startswith(words):
            return
    pytest.fail(f"it ended without {words!r}:\n{''.join(said)}")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill hubops with the helms that it has started, as a container that ends does."""
    children = [int(each) for each in _children(process.pid)]
    process.kill()
    for each in children:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    process.communicate()
    poll(lambda: not any(Path(f"/proc/{each}").exists() for each in children), "its helms gone")


def _children(pid: int) -> Iterator[str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                yield from (thread / "children").read_text().split()
