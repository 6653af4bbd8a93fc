"""The drill of etcd: real etcds, a real store, copies as `hubops backup etcd` sends them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from hubops.backup.journal import Journal
from tests.drill.world import RESTORING, World, obj, path_of
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.object_store import ObjectStore

_OBJECTS = 600


@pytest.fixture(scope="module")
def environment(object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path_of(tmp_path_factory.mktemp("path") / "bin", *RESTORING))
        for name, value in object_store.environment().items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore, environment: pytest.MonkeyPatch
) -> Iterator[World]:
    """With one copy in the store, after which nothing was written."""
    home = tmp_path_factory.mktemp("drill")
    live = EtcdCluster.start(home / "live")
    live.client().put(
        (f"/registry/configmaps/ns-{number % 3}/map-{number}", obj("ConfigMap", f"map-{number}", f"ns-{number % 3}"))
        for number in range(_OBJECTS)
    )
    made = World.make(live, home / "world", object_store, "drill")
    made.put("/registry/secrets/shop/db", obj("Secret", "db", "shop", data={"password": "c2VjcmV0IG9mIHNob3A="}))
    made.put("/registry/minions/worker-1", obj("Node", "worker-1"))
    made.put("/registry/cert-manager.io/certificates/shop/web", obj("Certificate", "web", "shop"))
    made.send()
    yield made
    live.end()


@pytest.fixture(autouse=True)
def nothing_is_left(world: World) -> Iterator[None]:
    yield
    assert world.left() == []


def test_what_was_restored_is_what_lives(world: World) -> None:
    run = world.drill()
    proof = run.proof
    assert (run.outcome, run.reason) == ("succeeded", None)
    assert proof is not None
    assert proof.differences_total == 0
    assert proof.compared["equal"] == _OBJECTS + 3
    assert proof.compared["decoded"] == _OBJECTS + 2, "a Secret is never decoded"
    assert proof.by_resource == proof.live_by_resource == {
        "configmaps": _OBJECTS, "secrets": 1, "nodes": 1, "certificates.cert-manager.io": 1,
    }  # fmt: skip
    assert proof.by_namespace["ns-0"] == proof.live_by_namespace["ns-0"] == _OBJECTS // 3
    assert proof.changed_since == {"revisions": 0}
    assert 3600 <= proof.rpo_s < 3900
    assert list(proof.steps) == ["find", "fetch", "restore", "start etcd", "compare"]
    assert proof.rto_s == pytest.approx(sum(proof.steps[name] for name in ("fetch", "restore", "start etcd")))
    assert proof.versions.keys() == {"etcd", "etcdutl"}
    assert proof.unproven == ("no API server was started on it: kube-apiserver is not on PATH",)
    assert b"c2VjcmV0" not in msgspec.json.encode(run)
    assert Journal(None, world.folder / "spool").runs("etcd")[0] == run


def test_three_differences_are_found_and_no_more(world: World) -> None:
    before = world.folder / "before.db"
    world.snapshot(before)
    world.put("/registry/configmaps/shop/altered", obj("ConfigMap", "altered", "shop", data={"as": "copied"}))
    world.put("/registry/configmaps/shop/missing", obj("ConfigMap", "missing", "shop"))
    world.put("/registry/configmaps/shop/same", obj("ConfigMap", "same", "shop"))
    copy = world.send()
    world.roll_back(before)
    world.put("/registry/configmaps/shop/altered", obj("ConfigMap", "altered", "shop", data={"as": "alive!"}))
    world.put("/registry/configmaps/shop/not-copied", obj("ConfigMap", "not-copied", "shop"))
    world.put("/registry/configmaps/shop/same", obj("ConfigMap", "same", "shop"))
    run = world.drill(wanted=copy.id)
    assert run.proof is not None
    assert run.outcome == "failed"
    assert {each.what: each.how.split(" revision")[0] for each in run.proof.differences} == {
        "configmaps shop/altered": "its value differs at the same",
        "configmaps shop/missing": "restored, although it is not there at the copy's",
        "configmaps shop/not-copied": "not restored, although it is there since",
    }
    assert run.proof.differences_total == 3
    assert run.reason is not None
    assert run.reason.startswith("3 differences between the copy and what it is to bring back; configmaps shop/altered")
    assert "copied" not in run.reason.partition("altered")[2]
