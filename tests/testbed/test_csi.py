"""Claims hold bytes, snapshots keep them, and what the driver says when it fails stands in the snapshot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.testbed.csi import Csi, snapshot
from tests.testbed.process import poll

SPACE = "default"


@pytest.fixture(autouse=True)
def healed(csi: Csi) -> Iterator[None]:
    yield
    csi.heal()


def take(csi: Csi, name: str, claim: str) -> None:
    csi.bed.api.apply(snapshot(SPACE, name, claim))


def error(csi: Csi, name: str) -> str:
    poll(lambda: "error" in csi.status(SPACE, name), f"an error of {name}")
    return str(csi.status(SPACE, name)["error"]["message"])


def test_a_claim_restored_from_a_snapshot_holds_what_was_there_then(csi: Csi) -> None:
    data = csi.claim(SPACE, "data", app="database")
    (data / "table").write_bytes(b"before")
    copy = csi.snapshot(SPACE, "data-1", "data")
    (data / "table").write_bytes(b"after")
    assert (copy / "table").read_bytes() == b"before"
    assert csi.status(SPACE, "data-1")["restoreSize"] == "64Mi"
    assert (csi.claim(SPACE, "restored", snapshot="data-1") / "table").read_bytes() == b"before"


def test_what_the_driver_says_is_in_the_snapshot(csi: Csi) -> None:
    csi.claim(SPACE, "refused")
    csi.fail("CreateSnapshot", "RESOURCE_EXHAUSTED", "no space left in the pool")
    take(csi, "refused", "refused")
    assert "no space left in the pool" in error(csi, "refused")
    csi.heal()
    poll(lambda: csi.status(SPACE, "refused").get("readyToUse", False), "ready after all")


def test_a_snapshot_of_a_volume_that_is_gone_is_an_error(csi: Csi) -> None:
    shutil.rmtree(csi.claim(SPACE, "gone"))
    take(csi, "gone", "gone")
    assert "does not exist" in error(csi, "gone")


def test_a_snapshot_is_not_ready_while_it_is_uploaded(csi: Csi) -> None:
    csi.claim(SPACE, "uploaded")
    csi.unready()
    take(csi, "uploaded", "uploaded")
    poll(lambda: csi.status(SPACE, "uploaded").get("readyToUse") is False, "taken and not ready")
    csi.heal()
    poll(lambda: csi.status(SPACE, "uploaded")["readyToUse"], "ready")


def test_without_its_driver_nothing_is_ready_until_it_is_back(csi: Csi) -> None:
    csi.claim(SPACE, "waiting")
    csi.kill_driver()
    take(csi, "waiting", "waiting")
    poll(lambda: "boundVolumeSnapshotContentName" in csi.status(SPACE, "waiting"), "asked for")
    assert not csi.status(SPACE, "waiting").get("readyToUse")
    csi.restart_driver()
    poll(lambda: csi.status(SPACE, "waiting").get("readyToUse", False), "ready")
