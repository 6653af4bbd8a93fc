"""hubops' client of Velero, against the real server, its real plugin and a real store."""

from __future__ import annotations

import base64
import io
import tarfile
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients import velero_waiting
from hubops.clients.kube.errors import AlreadyExists, Conflict
from hubops.clients.retry import Deadline, OutOfTime
from hubops.clients.velero import NotInstalled, VeleroClient
from hubops.errors import ClusterUnreachable, Permanent, Retryable, SourceError
from hubops.model.velero import Backup, Restore, Schedule
from tests.testbed.api import Object, concurrently
from tests.testbed.store_faults import Act, alter_answer, cut_answer, refuse, reset, shorten_answer
from tests.testbed.velero import NAMESPACE, Velero

SOURCE = "client-source"


@pytest.fixture(scope="module")
def client(velero: Velero) -> VeleroClient:
    return velero.client


@pytest.fixture(scope="module")
def backup(velero: Velero) -> Backup:
    """A completed one of namespace SOURCE."""
    velero.settings(SOURCE)
    velero.backup("client", SOURCE)
    return _the(velero.client, "client")


def _the(client: VeleroClient, name: str) -> Backup:
    found = client.get(Backup, name)
    assert found is not None
    return found


def silent(_: str) -> None:
    """For waits that are over at once."""


def name() -> str:
    return f"client-{uuid.uuid4().hex[:8]}"


# What there is, and what is asked for


def test_lists_are_typed_and_the_newest_comes_first(velero: Velero, client: VeleroClient, backup: Backup) -> None:
    later = velero.backup(name(), SOURCE)["metadata"]["name"]
    names = [each.name for each in client.backups()]
    assert names.index(later) < names.index(backup.name)
    assert backup.status.progress is not None
    assert (backup.phase, backup.ended, backup.spec.included_namespaces) == ("Completed", True, (SOURCE,))
    assert backup.status.progress.done == backup.status.progress.total_items > 3
    assert backup.status.start_timestamp is not None
    assert backup.status.expiration is not None
    assert [(each.name, each.available) for each in client.locations()] == [("default", True)]
    assert client.get(Backup, "nobody") is None


def test_a_list_of_many_is_complete(velero: Velero, client: VeleroClient) -> None:
    api, many = velero.bed.api, {f"many-{index:03d}" for index in range(260)}  # more than a page
    path, mark = api.path("DeleteBackupRequest", NAMESPACE), {"test.example.com/many": "yes"}
    kind = {"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest"}
    over = {"spec": {"backupName": "nobody"}, "status": {"phase": "Processed", "errors": ["\x1b[31mno"]}}
    concurrently(
        lambda each: api.call("POST", path, {**kind, "metadata": {"name": each, "labels": mark}, **over}), many
    )
    found = [each for each in client.deletions() if each.name in many]
    api.call("DELETE", path, labelSelector="test.example.com/many")
    assert {each.name for each in found} == many
    assert {each.status.errors for each in found} == {("\\x1b[31mno",)}, "inert"


def test_what_is_there_already_is_not_taken_for_ours(client: VeleroClient, backup: Backup) -> None:
    with pytest.raises(AlreadyExists):
        client.create_backup(backup.name, {})


def test_waiting_tells_how_far_it_is(velero: Velero, client: VeleroClient, backup: Backup) -> None:
    said: list[str] = []
    mine = name()
    with velero.held("PutObject", mine) as wait:
        client.create_backup(mine, {"includedNamespaces": [SOURCE]})
        wait()
        with pytest.raises(OutOfTime):
            client.ended(Backup, mine, say=said.append, deadline=Deadline(0.3))
    assert said[-1].startswith("InProgress: ")
    assert said[-1].endswith(" objects")
    assert client.ended(Backup, mine, say=silent).ended


def test_a_missing_namespace_is_an_error_of_its_results(velero: Velero, client: VeleroClient) -> None:
    mine = name()
    velero.backup(mine, "nobody-has-it")
    found = _the(client, mine)
    assert (found.phase, found.status.errors) == ("PartiallyFailed", 1)
    (error,) = client.results(found).errors.all
    assert error.endswith("fail to get the namespace nobody-has-it specified in backup.Spec.IncludedNamespaces")
    assert client.resource_list(found) == {}


def test_a_schedule_is_paused_and_goes_on(client: VeleroClient, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = name()
    client.create_schedule(mine, {"schedule": "0 3 * * *", "template": {"includedNamespaces": [SOURCE]}})
    assert client.pause(mine, True).spec.paused
    found = client.pause(mine, False)
    assert (found.spec.paused, found.spec.schedule) == (False, "0 3 * * *")
    assert found.backup.included_namespaces == (SOURCE,)
    stale = client.cluster.read(
        {"apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"namespace": NAMESPACE, "name": mine}}
    )
    client.pause(mine, True)
    with monkeypatch.context() as late:
        late.setattr(client.cluster, "read", lambda _: stale)
        with pytest.raises(Conflict):
            client.pause(mine, False)
    assert client.delete(found)
    assert client.get(Schedule, mine) is None
    with pytest.raises(Permanent, match="there is no Schedule"):
        client.pause(mine, True)


# Restores


def test_a_restore_under_a_mapping_says_what_became_of_each_object(
    velero: Velero, client: VeleroClient, backup: Backup
) -> None:
    target = name()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"namespace": target, "name": "few"},
             "spec": {"hard": {"count/configmaps": "3"}}}  # fmt: skip
    velero.bed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": target}})
    velero.bed.api.apply(quota)
    velero.until(lambda: "used" in (velero.bed.api.get("ResourceQuota", target, "few") or {}).get("status", {}))
    velero.restore(target, backup.name, {SOURCE: target})
    found = client.get(Restore, target)
    assert found is not None
    assert (found.phase, found.spec.namespace_mapping) == ("PartiallyFailed", {SOURCE: target})
    results = client.results(found)
    assert found.status.errors == len(results.errors.all) > 0
    assert all("exceeded quota" in each for each in results.errors.namespaces[target])
    assert any("kube-root-ca.crt" in each for each in results.warnings.all)
    maps = client.resource_list(found)["v1/ConfigMap"]
    assert {each.rpartition("(")[2] for each in maps} == {"created)", "failed)"}
    assert all(each.startswith(f"{target}/") for each in maps)


# Deletion


def test_a_backup_is_removed_with_its_files(velero: Velero, client: VeleroClient, backup: Backup) -> None:
    mine = name()
    velero.backup(mine, SOURCE)
    assert velero.files(mine)
    with velero.faults.on("DeleteObject", refuse(403, "AccessDenied")):
        (why,) = client.deleted(client.request_deletion(_the(client, mine)), say=silent)
    assert "AccessDenied" in why
    assert _the(client, mine).phase == "Deleting"
    assert [each.status.phase for each in client.deletions(_the(client, mine))] == ["Processed"]
    assert client.deleted(client.request_deletion(_the(client, mine)), say=silent) == ()
    assert (client.get(Backup, mine), velero.files(mine)) == (None, [])


def test_who_waits_for_what_is_deleted_is_told(client: VeleroClient) -> None:
    with pytest.raises(Permanent, match="was deleted while it was waited for"):
        client.ended(Backup, "nobody", say=silent)


# The server


def test_the_server_says_its_version(client: VeleroClient) -> None:
    assert client.server() == "v1.18.3"


def test_without_a_server_nobody_waits_for_ever(velero: Velero, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(velero_waiting, "_UNNOTICED", 0.5)
    hasty, mine, said = velero.client_for(velero.bed.kubeconfig, patience=1.0), name(), list[str]()
    with velero.server_away():
        hasty.create_backup(mine, {"includedNamespaces": [SOURCE]})
        with pytest.raises(Permanent, match="no Velero server answers in namespace velero"):
            hasty.ended(Backup, mine, say=said.append)
        with pytest.raises(Permanent, match="no Velero server has answered the DownloadRequest within 1 s"):
            hasty.results(_the(hasty, "client"))
        with pytest.raises(Permanent, match="is in no storage location"):
            hasty.results(_the(hasty, mine))
        assert _requests(velero) == []
    assert "New: no server has begun with it" in said[0]
    assert velero.client.ended(Backup, mine, say=silent).phase == "Completed"


def test_an_api_server_that_is_away_for_a_while_ends_no_wait() -> None:
    answers: list[Exception | str] = [ClusterUnreachable("away"), Retryable("502"), "there"]
    said: list[str] = []

    def look() -> str:
        match answers.pop(0):
            case str(found):
                return found
            case error:
                raise error

    found, _ = next(velero_waiting.looks(look, say=said.append, deadline=Deadline(10)))
    assert (found, said) == ("there", ["waits for the API server: away", "waits for the API server: 502"])


# Files


def _requests(velero: Velero) -> list[Object]:
    return [each for kind in ("DownloadRequest", "ServerStatusRequest") for each in velero.bed.api.list(kind)]


def test_the_tarball_is_streamed_to_a_file_of_its_owner(
    velero: Velero, client: VeleroClient, backup: Backup, tmp_path: Path
) -> None:
    path = tmp_path / "contents"
    client.download("BackupContents", backup.name, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes()), mode="r:gz") as tar:
        assert f"resources/configmaps/namespaces/{SOURCE}/settings-0.json" in tar.getnames()
    with pytest.raises(Permanent, match="file exists"):
        client.download("BackupContents", backup.name, path)
    assert path.stat().st_size, "what was there stays"
    assert _requests(velero) == []


def test_what_is_larger_than_allowed_leaves_nothing(client: VeleroClient, backup: Backup, tmp_path: Path) -> None:
    for kind in ("BackupContents", "BackupLog"):
        with pytest.raises(Permanent, match="it is larger than 100 bytes"):
            client.download(kind, backup.name, tmp_path / kind, limit=100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (refuse(403, "AccessDenied", "Request has expired"), "answered 403: AccessDenied: Request has expired"),
        (refuse(404, "NoSuchKey"), "the object store does not have it"),
        (refuse(404, "NoSuchBucket"), "answered 404: NoSuchBucket"),
        (shorten_answer(), "it is cut off in the object store"),
        (alter_answer(), "it is damaged in the object store"),
        (lambda exchange: exchange.pass_on(given=lambda whole: whole + b"more"), "there is more behind its end"),
        (refuse(200, "x"), "it is damaged in the object store"),
        (refuse(307, "TemporaryRedirect"), "answered 307: TemporaryRedirect"),
    ],
    ids=["refused", "not there", "no store", "cut off", "damaged", "longer", "something else", "elsewhere"],
)
def test_a_file_is_whole_or_an_error_that_never_shows_its_url(
    velero: Velero, client: VeleroClient, backup: Backup, tmp_path: Path, act: Act, says: str
) -> None:
    with velero.faults.on("GetObject", act), pytest.raises(Permanent, match=says) as caught:
        client.download("BackupContents", backup.name, tmp_path / "contents")
    _shows_no_url(caught.value)
    assert (list(tmp_path.iterdir()), _requests(velero)) == ([], [])


def test_what_passes_is_tried_again(velero: Velero, client: VeleroClient, backup: Backup, tmp_path: Path) -> None:
    with (
        velero.faults.on("GetObject", cut_answer(), times=1),
        velero.faults.on("GetObject", refuse(503, "SlowDown"), times=1),
        velero.faults.on("GetObject", reset(), times=1),
    ):
        client.download("BackupContents", backup.name, tmp_path / "contents")
    tarfile.open(tmp_path / "contents").close()


def test_a_store_that_is_gone_is_named_with_what_may_be_wrong(
    velero: Velero, client: VeleroClient, backup: Backup
) -> None:
    with velero.faults.on("GetObject", reset()), pytest.raises(Retryable, match="set publicUrl") as caught:
        client.results(backup)
    _shows_no_url(caught.value)


def test_what_is_not_there_is_said_before_anything_is_asked(
    velero: Velero, client: VeleroClient, tmp_path: Path
) -> None:
    with pytest.raises(Permanent, match="there is no Backup nobody") as caught:
        client.download("BackupLog", "nobody", tmp_path / "log")
    assert caught.value.status == 404


def test_a_backup_that_failed_has_no_results(velero: Velero, client: VeleroClient) -> None:
    velero.backup(mine := name(), SOURCE, storageLocation="nobody")
    with pytest.raises(Permanent, match="no BackupStorageLocation nobody"):
        client.results(_the(client, mine))


def _shows_no_url(error: SourceError) -> None:
    told = "".join(traceback.format_exception(error))
    assert "X-Amz" not in told
    assert ".tar.gz" not in told


# TLS


@pytest.fixture(scope="module")
def secure(velero: Velero) -> Iterator[tuple[str, Object, bytes]]:
    """A backup in a store that speaks TLS, its location, and the authority of its certificate."""
    store, location = velero.secure_store("secure")
    assert store.ca is not None
    ca = store.ca.read_bytes()
    location["spec"]["objectStorage"]["caCert"] = base64.b64encode(ca).decode()
    velero.bed.api.apply(location)
    velero.wait_for_location("Available", "secure")
    velero.settings(SOURCE)
    velero.backup("secure", SOURCE, storageLocation="secure")
    yield "secure", location, ca
    velero.bed.api.delete(location)
    store.stop()


def test_the_locations_own_authority_is_trusted(client: VeleroClient, secure: tuple[str, Object, bytes]) -> None:
    assert client.results(_the(client, secure[0])).errors.all == ()


def test_a_store_that_nobody_vouches_for_is_refused_or_trusted_as_the_location_says(
    velero: Velero, client: VeleroClient, secure: tuple[str, Object, bytes]
) -> None:
    mine, location, ca = secure
    api = velero.bed.api
    api.patch(location, {"spec": {"objectStorage": {"caCert": None}}})
    with pytest.raises(Permanent, match=r"certificate is not trusted.*caCert of BackupStorageLocation secure"):
        client.results(_the(client, mine))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": NAMESPACE, "name": "authority"},
              "data": {"ca.crt": base64.b64encode(ca).decode()}}  # fmt: skip
    api.apply(secret)
    api.patch(location, {"spec": {"objectStorage": {"caCertRef": {"name": "authority", "key": "ca.crt"}}}})
    assert client.results(_the(client, mine)).errors.all == ()
    api.patch(location, {"spec": {"objectStorage": {"caCertRef": None}, "config": {"insecureSkipTLSVerify": "True"}}})
    assert client.results(_the(client, mine)).errors.all == ()


# Rights, and no Velero at all


def test_missing_rights_are_named(velero: Velero, backup: Backup) -> None:
    account = velero.bed.service_account(
        "default",
        "onlooker",
        {"apiGroups": ["velero.io"], "resources": ["backups", "backupstoragelocations"], "verbs": ["get", "list"]},
    )
    onlooker = velero.client_for(account)
    velero.until(lambda: _allowed(onlooker))
    with pytest.raises(Permanent, match=r"may not create .*DownloadRequest.*\(403\)|may not create downloadrequests"):
        onlooker.results(backup)
    with pytest.raises(Permanent, match=r"may not create backups|may not create Backup"):
        onlooker.create_backup(name(), {})


def _allowed(client: VeleroClient) -> bool:
    try:
        client.locations()
    except Permanent:
        return False
    return True


def test_without_velero_that_is_what_is_said(client: VeleroClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubops.clients.velero.API", "velero.io/v0")  # which no cluster serves
    for ask in (client.backups, client.server, lambda: client.get(Backup, "x"), lambda: client.create_backup("x", {})):
        with pytest.raises(NotInstalled, match="Velero is not installed here"):
            ask()
