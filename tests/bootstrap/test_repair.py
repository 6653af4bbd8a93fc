"""Releases in every state that a Helm can leave them in: repaired where nobody is at work on them any more."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from collections.abc import Mapping

import pytest

from hubops.errors import Exit
from tests.bootstrap.world import World

HOUR = dt.timedelta(hours=1)


def left(world: World, states: Mapping[int, str], ago: dt.timedelta) -> None:
    """Write into Helm's storage that the revisions of `paint` are in *states*, since so long *ago*."""
    at = (dt.datetime.now(dt.UTC) - ago).isoformat()
    for revision, status in states.items():
        name = f"sh.helm.release.v1.{world.paint}.v{revision}"
        secret = world.bed.api.get("Secret", world.paint, name)
        assert secret
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        release["info"] |= {"status": status, "last_deployed": at}
        data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
        change = {"metadata": {"labels": {"status": status}}, "data": {"release": data}}
        world.bed.api.patch({"apiVersion": "v1", "kind": "Secret", **secret}, change)


def revisions(world: World) -> int:
    """How many there are of `paint`, the last of them being the one that counts."""
    return len(world.bed.api.list("Secret", world.paint, labelSelector=f"owner=helm,name={world.paint}"))


@pytest.mark.parametrize("world", ["helm4"], indirect=True)
def test_whatever_a_dead_helm_left(world: World) -> None:
    world.installed()
    wanted = world.state()
    told = {
        "failed": f"paint: repair {world.paint}/{world.paint}: it is failed",
        "uninstalling": "uninstalling was left behind; removing it",
        "pending-install": "pending-install was left behind; removing it",
        "pending-upgrade": "pending-upgrade was left behind; back to revision ",
        "pending-rollback": "pending-rollback was left behind; back to revision ",
    }
    for status, words in told.items():
        if words.endswith("back to revision "):
            place = ["--namespace", world.paint, "--reuse-values", "--set", "replicas=3"]
            archive = str(world.repository.folder / "paint-1.0.0.tgz")
            world.helm_run("upgrade", world.paint, archive, *place)
            last = revisions(world)
            left(world, {last - 1: "deployed", last: status}, HOUR)
            words += str(last - 1)
        else:
            left(world, {revisions(world): status}, HOUR)
        done = world.installed()
        assert words in done.stdout + done.stderr, status
        assert world.releases()[world.paint] == "deployed"
        assert world.state() == wanted, status


def test_a_release_that_changes_right_now_is_left_alone(world: World) -> None:
    world.installed()
    left(world, {1: "pending-upgrade"}, dt.timedelta(minutes=14))
    refused = world.apply()
    assert refused.returncode == Exit.CRITICAL
    assert "a Helm that hubops has not started began 14 minutes ago" in refused.stdout
    left(world, {1: "pending-upgrade"}, dt.timedelta(minutes=16))
    world.installed()
    assert world.releases()[world.paint] == "deployed"
