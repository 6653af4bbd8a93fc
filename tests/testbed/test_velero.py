"""The real Velero of the testbed: that it really backs up and restores, and what it does when things fail."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

from hubops.clients.retry import Deadline
from hubops.model.velero import Backup
from tests.testbed.api import Object
from tests.testbed.store_faults import ANY, refuse
from tests.testbed.velero import NAMESPACE, Velero
from tests.testbed.velero_application import CLAIMS
from tests.testbed.velero_platform import VeleroPlatform


@pytest.fixture(scope="module", autouse=True)
def small(velero: Velero) -> None:
    velero.settings("facts")


def status(velero: Velero, kind: str, name: str) -> Object:
    found: Object = (velero.bed.api.get(kind, NAMESPACE, name) or {}).get("status", {})
    return found


def test_an_application_is_backed_up_and_comes_to_life_again_beside_itself(velero_platform: VeleroPlatform) -> None:
    velero, api = velero_platform.velero, velero_platform.bed.api
    made = [each for each in velero_platform.fill("alive", few=True) if "namespace" in each["metadata"]]
    backup = velero.backup("alive", "alive")
    assert backup["status"]["phase"] == "Completed"
    assert backup["status"]["csiVolumeSnapshotsCompleted"] == len(CLAIMS)
    held = velero.client.resource_list(found) if (found := velero.client.get(Backup, "alive")) else {}
    for kind, count in Counter(f"{each['apiVersion']}/{each['kind']}" for each in made).items():
        assert len(held[kind]) >= count, kind
    restore = velero.restore("alive", "alive", {"alive": "alive-again"})
    assert restore["status"]["phase"] == "Completed"
    velero_platform.wait_ready("alive-again")
    for claim in CLAIMS:
        assert (velero_platform.csi.files("alive-again", claim) / "ledger").read_text().startswith(f"alive {claim}")
    absent = [each["kind"] for each in made if api.get(each["kind"], "alive-again", each["metadata"]["name"]) is None]
    assert absent == ["Job"], "one that has completed is not restored"
    velero_platform.remove("alive-again")
    mark = {"labelSelector": "velero.io/restore-name=alive"}
    assert len(api.list("VolumeSnapshotContent", **mark)) == len(CLAIMS), "they outlive the namespace"


def test_what_a_killed_server_was_at_is_failed_once_another_starts(velero: Velero) -> None:
    for name in ("kept", "going"):
        velero.backup(name, "facts")
    client = velero.client
    with ExitStack() as faults:
        waits = [faults.enter_context(velero.held(operation, name)) for operation, name in
                 (("PutObject", "killed"), ("GetObject", "kept"), ("DeleteObject", "going"))]  # fmt: skip
        client.create_backup("killed", {"includedNamespaces": ["facts"]})
        client.create_restore("killed", {"backupName": "kept", "namespaceMapping": {"facts": "facts-again"}})
        deletion = client.request_deletion(_backup(velero, "going"))
        for wait in waits:
            wait()
        velero.kill_server()
    assert status(velero, "Backup", "killed")["phase"] == "InProgress"
    assert status(velero, "Restore", "killed")["phase"] == "InProgress"
    velero.start_server()
    for kind in ("Backup", "Restore"):
        after = velero.ended(kind, "killed")["status"]
        assert after["phase"] == "Failed"
        assert "during the server starting" in after["failureReason"]
    assert velero.files("killed") == []
    assert status(velero, "Backup", "going")["phase"] == "Deleting"
    assert status(velero, "DeleteBackupRequest", deletion.name)["phase"] == "InProgress", "for ever"
    (why,) = client.deleted(deletion, say=print, deadline=Deadline(0.3))
    assert why.endswith("ask again")
    assert client.deleted(client.request_deletion(_backup(velero, "going")), say=print) == ()


def test_a_plugin_that_dies_fails_the_backup(velero: Velero) -> None:
    with velero.held("PutObject", "orphan") as wait:
        velero.client.create_backup("orphan", {"includedNamespaces": ["facts"]})
        wait()
        assert velero.kill_plugins()
    after = velero.ended("Backup", "orphan")["status"]
    assert (after["phase"], "rpc error" in after["failureReason"]) == ("Failed", True)


def test_without_its_plugin_or_its_store_nothing_is_backed_up(velero: Velero) -> None:
    with velero.plugin_dies():
        velero.wait_for_location("Unavailable")
        assert velero.backup("pluginless", "facts")["status"]["phase"] == "FailedValidation"
    with velero.faults.on(ANY, refuse(403, "AccessDenied")):
        after = velero.backup("storeless", "facts")["status"]
        assert after["phase"] == "FailedValidation"
        assert "Unavailable" in after["validationErrors"][0]
        assert "startTimestamp" not in after
    velero.wait_for_location("Available")
    assert velero.files("pluginless") == velero.files("storeless") == []


def test_a_store_that_goes_meanwhile_fails_the_backup(velero: Velero) -> None:
    with velero.faults.on("PutObject", refuse(507, "InsufficientStorage"), only=lambda each: ".tar.gz" in each.key):
        after = velero.backup("half", "facts")["status"]
    assert (after["phase"], "InsufficientStorage" in after["failureReason"]) == ("Failed", True)
    assert velero.files("half") == ["velero/backups/half/half-logs.gz"]


def _backup(velero: Velero, name: str) -> Backup:
    found = velero.client.get(Backup, name)
    assert found is not None
    return found
