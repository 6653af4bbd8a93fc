"""The drill of etcd: real etcds, a real store, copies as `hubops backup etcd` sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pyrage
import pytest

from hubops.config import Config
from hubops.config.backup import EtcdBackupConfig
from hubops.errors import ConfigError, UsageError
from hubops.journal.journal import Journal
from tests.drill.world import World, obj
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.object_store import ObjectStore

_OBJECTS = 600


Make = Callable[[str], World]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore, environment: None) -> Iterator[Make]:
    """Makes a world of that name, with objects in its etcd and no copy of it."""
    made: list[World] = []

    def new(name: str) -> World:
        home = tmp_path_factory.mktemp(name)
        world = World.make(EtcdCluster.start(home / "live"), home / "world", object_store, name)
        made.append(world)
        world.live.client().put(
            (
                f"/registry/configmaps/ns-{number % 3}/map-{number}",
                obj("ConfigMap", f"map-{number}", f"ns-{number % 3}"),
            )
            for number in range(_OBJECTS)
        )
        return world

    yield new
    for world in made:
        assert world.left() == []
        world.live.end()


@pytest.fixture(scope="module")
def world(make: Make) -> World:
    """With one copy in the store, after which nothing is written."""
    made = make("quiet")
    made.put("/registry/secrets/shop/db", obj("Secret", "db", "shop", data={"password": "c2VjcmV0IG9mIHNob3A="}))
    made.put("/registry/minions/worker-1", obj("Node", "worker-1"))
    made.put("/registry/cert-manager.io/certificates/shop/web", obj("Certificate", "web", "shop"))
    made.send()
    return made


def _map(number: int) -> dict[str, object]:
    return obj("ConfigMap", f"map-{number}", f"ns-{number % 3}")


def _backing_up(config: Config, etcd: EtcdBackupConfig | None) -> Config:
    return msgspec.structs.replace(config, backup=msgspec.structs.replace(config.backup, etcd=etcd))


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


def test_three_differences_are_found_and_no_more(make: Make) -> None:
    world = make("differing")
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
    run = world.drill()
    assert run.copy == copy
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


def test_what_changed_since_the_copy_is_no_difference(make: Make) -> None:
    world = make("changing")
    etcd = world.live.client()
    world.put("/registry/configmaps/shop/comes-back", obj("ConfigMap", "comes-back", "shop"))
    copy = world.send()
    world.put("/registry/configmaps/ns-0/map-0", obj("ConfigMap", "map-0", "ns-0", data={"is": "new"}))
    world.put("/registry/configmaps/shop/new", obj("ConfigMap", "new", "shop"))
    world.delete("/registry/configmaps/ns-1/map-1")
    world.delete("/registry/configmaps/shop/comes-back")
    now = world.put("/registry/configmaps/shop/comes-back", obj("ConfigMap", "comes-back", "shop"))
    exact = world.drill().proof
    etcd.call("compaction", {"revision": now})
    compacted = world.drill().proof
    assert exact is not None
    assert compacted is not None
    assert exact.differences_total == compacted.differences_total == 0
    assert exact.changed_since == {"revisions": now - copy.etcd.revision}, "compared at the copy's own revision"
    assert exact.compared["equal"] == _OBJECTS + 1
    assert compacted.changed_since == {"revisions": now - copy.etcd.revision, "changed": 2, "created": 1, "deleted": 1}
    assert compacted.compared["equal"] == _OBJECTS - 2


def test_what_live_etcd_must_have_kept_is_missed_also_after_a_compaction(make: Make) -> None:
    world = make("compacted")
    before = world.folder / "before.db"
    world.snapshot(before)
    world.put("/registry/configmaps/shop/one", obj("ConfigMap", "one", "shop"))
    world.send()
    world.roll_back(before)
    # The same revision has made another key here.
    now = world.put("/registry/configmaps/shop/other", obj("ConfigMap", "other", "shop"))
    now = world.put("/registry/configmaps/shop/other", obj("ConfigMap", "other", "shop", data={"version": "2"}))
    world.live.client().call("compaction", {"revision": now})
    run = world.drill()
    assert run.proof is not None
    assert [each.what for each in run.proof.differences] == ["configmaps shop/other"]
    assert run.proof.changed_since == {"revisions": 1, "deleted": 1}


def test_an_older_copy_can_be_asked_for_and_the_rpo_is_that_of_the_newest(make: Make) -> None:
    world = make("older")
    older = world.send(timedelta(hours=5))
    world.put("/registry/configmaps/shop/new", obj("ConfigMap", "new", "shop"))
    # Its machine's clock was a day behind: etcd's revision says that it is the newer one.
    newer = world.send(timedelta(hours=25))
    assert (run := world.drill()).copy == newer
    assert run.proof is not None
    assert run.proof.rpo_s > 24 * 3600
    again = world.drill(wanted=older.id)
    assert again.proof is not None
    assert again.proof.copy == older.id
    assert again.proof.rpo_s > 24 * 3600
    assert again.outcome == "succeeded"
    assert world.drill(wanted="etcd-none").reason == f"there is no copy etcd-none; the newest is {newer.id}"


def test_an_identity_that_is_none_of_the_recipients_proves_nothing(world: World) -> None:
    other = world.folder / "other-identity"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    drill = msgspec.structs.replace(world.config.drill, identity_files=(str(other),))
    run = world.drill(msgspec.structs.replace(world.config, drill=drill))
    assert (run.outcome, run.proof) == ("failed", None)
    assert run.reason is not None
    assert "none of the identities is one of its recipients" in run.reason


def test_a_damaged_copy_fails_the_drill(make: Make, object_store: ObjectStore) -> None:
    world = make("damaged")
    copy = world.send()
    (stored,) = object_store.folder.rglob(f"damaged/**/{copy.file}")
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)
    run = world.drill()
    assert (run.outcome, run.proof, run.copy) == ("failed", None, copy)
    assert run.reason is not None
    assert "is damaged: it does not match the checksum in its record" in run.reason


def test_a_store_without_a_copy_fails_the_drill(make: Make) -> None:
    run = make("empty").drill()
    assert (run.outcome, run.proof, run.copy) == ("failed", None, None)
    assert run.reason is not None
    assert run.reason.startswith("there is no copy to restore in s3://")


def test_without_live_etcd_the_restore_is_proven_and_the_comparison_is_not(world: World) -> None:
    run = world.drill(world.with_etcd(endpoints=("https://127.0.0.1:1",)))
    assert run.proof is not None
    assert run.outcome == "partial"
    assert run.proof.unproven[0].startswith("not compared with live etcd: https://127.0.0.1:1: etcdctl endpoint status")
    assert "connection refused" in run.proof.unproven[0]
    assert run.proof.rto_s > 0
    assert run.proof.by_resource["configmaps"] == _OBJECTS
    assert run.proof.live_by_resource == {}
    assert run.proof.compared["equal"] == 0


def test_another_cluster_is_not_compared(world: World, make: Make) -> None:
    run = world.drill(_backing_up(world.config, make("other").config.backup.etcd))
    assert run.outcome == "partial"
    assert run.reason is not None
    assert "not compared with live etcd: it is cluster" in run.reason


def test_a_site_may_drill_where_live_etcd_cannot_be_reached(world: World) -> None:
    config = world.with_etcd(endpoints=("https://127.0.0.1:1",))
    etcd = msgspec.structs.replace(config.drill.etcd, compare=False)
    run = world.drill(msgspec.structs.replace(config, drill=msgspec.structs.replace(config.drill, etcd=etcd)))
    assert run.proof is not None
    assert run.outcome == "succeeded"
    assert run.proof.unproven[0] == "not compared with live etcd, as drill.etcd.compare says"


def test_an_interrupted_drill_is_recorded_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(list[str]):
        def append(self, words: str) -> None:
            if "scratch etcd" in words and words.startswith("starting"):
                raise KeyboardInterrupt

    monkeypatch.setattr(world, "said", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        world.drill()
    assert world.left() == []
    newest = Journal(None, world.folder / "spool").runs("etcd")[0]
    assert (newest.outcome, newest.reason) == ("failed", "it was interrupted")


def test_what_a_drill_needs_is_said_before_it_begins(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = msgspec.structs.replace(world.config.drill, identity_files=(str(tmp_path / "none"),))
    with pytest.raises(ConfigError, match=r"drill\.identity_files: .*No such file"):
        world.drill(msgspec.structs.replace(world.config, drill=missing))
    with pytest.raises(ConfigError, match=r"backup\.etcd is not set"):
        world.drill(_backing_up(world.config, None))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="etcd is not on PATH"):
        world.drill()
