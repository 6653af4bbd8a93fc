"""hubops backup etcd as it is started: by the CronJob of deploy/backup with its rights, and by an operator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml

from hubops import content
from tests.testbed import build
from tests.testbed.api import ApiError, concurrently
from tests.testbed.bed import Testbed
from tests.testbed.etcd import encode
from tests.testbed.object_store import BUCKET, ObjectStore
from tests.testbed.pki import kubeconfig

SPACE = "many-objects"
WRITTEN, STORED = 500, 9_500  # by the API server, and beside it, which is faster


@dataclass
class Operator:
    """Who starts hubops, with the settings of the CronJob's own ConfigMap and what its marks ask for."""

    environment: dict[str, str]
    config: Path

    def run(self, *words: str, code: int = 0, variables: Mapping[str, str] | None = None) -> str:
        environment = self.environment | dict(variables or {})
        argv = [sys.executable, "-m", "hubops.cli", "backup", "etcd", *words, "--config", str(self.config)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def copies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("list", "--output", "json"))["copies"]
        return found


def manifest() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((content.folder("deploy") / "backup/etcd-cronjob.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def installed(bare_testbed: Testbed) -> None:
    """Everything of deploy/backup/etcd-cronjob.yaml, without an objection or a warning of the API server."""
    api = bare_testbed.api
    for item in manifest():
        answer = api.session.patch(
            api.server + api.path_of(item),
            data=json.dumps(item),
            params={"fieldManager": "test", "fieldValidation": "Strict", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            timeout=30,
        )
        assert answer.status_code in (200, 201), answer.text
        assert "Warning" not in answer.headers


@pytest.fixture(scope="module")
def many_objects(bare_testbed: Testbed) -> Iterator[None]:
    api = bare_testbed.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})

    def item(number: int) -> dict[str, Any]:
        metadata = {"name": f"item-{number}", "namespace": SPACE}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"number": str(number)}}

    concurrently(api.apply, map(item, range(WRITTEN)))
    numbers = range(WRITTEN, WRITTEN + STORED)
    bare_testbed.store.put((f"/registry/configmaps/{SPACE}/item-{number}", item(number)) for number in numbers)
    yield
    prefix = f"/registry/configmaps/{SPACE}/".encode()
    bare_testbed.store.call("deleterange", {"key": encode(prefix), "range_end": encode(prefix[:-1] + b"0")})


@pytest.fixture
def operator(
    installed: None, many_objects: None, bare_testbed: Testbed, object_store: ObjectStore, tmp_path: Path
) -> Operator:
    journal = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "hubops", "name": "journal-etcd"}}
    bare_testbed.api.delete(journal)
    [settings] = [item["data"] for item in manifest() if item["kind"] == "ConfigMap"]
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    (tmp_path / "recipients").write_text(settings["recipients"] + f"{identity.to_public()}\n")
    etcd = bare_testbed.etcd
    token = bare_testbed.token("hubops-etcd-backup", "etcd-backup")
    access = kubeconfig(tmp_path / "kubeconfig", bare_testbed.server, bare_testbed.authority, token, "default")
    document = yaml.safe_load(settings["hubops.yaml"])
    document["backup"] |= {
        "store": {"url": f"s3://{BUCKET}/{tmp_path.name}", "endpoint": object_store.url, "allow_http": True},
        "recipients_file": str(tmp_path / "recipients"),
        "directory": str(tmp_path / "hubops"),
        "etcd": {
            "endpoints": [etcd.endpoint], "ca_file": str(etcd.ca), "cert_file": str(etcd.cert),
            "key_file": str(etcd.key),
        },
    }  # fmt: skip
    config = tmp_path / "hubops.yaml"
    config.write_text(yaml.safe_dump(document))
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HUBOPS_", "KUBE"))}
    variables = {
        "KUBECONFIG": str(access),
        "PATH": build.search_path("etcd-tools"),
        # What the caller's environment says to etcdctl is not meant for hubops.
        "ETCDCTL_ENDPOINTS": "https://127.0.0.1:1",
        "ETCDCTL_CACERT": "/nowhere",
    }
    return Operator(own | object_store.environment() | variables, config)


def test_with_the_rights_of_the_cronjob_ten_thousand_objects_are_backed_up_and_the_journal_written(
    operator: Operator, bare_testbed: Testbed, tmp_path: Path
) -> None:
    said = operator.run("--output", "plain")
    assert "lock" not in said
    assert "may not" not in said
    assert "the record waits" not in said
    [copy] = operator.copies()
    assert copy["cluster"] == "prod-eu"
    assert copy["etcd"]["keys"] > WRITTEN + STORED
    name = copy["id"]
    journal = bare_testbed.api.call("GET", "/api/v1/namespaces/hubops/configmaps/journal-etcd")["data"]
    assert json.loads(journal[f"backup-{name}"])["outcome"] == "succeeded"
    assert name in operator.run("list")
    shown = operator.run("show", name)
    assert f"s3://{BUCKET}/{tmp_path.name}/prod-eu/etcd/{name}.db.age" in shown
    assert json.loads(operator.run("show", name, "--output", "json"))["id"] == name
    assert "there is no copy another" in operator.run("verify", "another", code=64)
    assert "has no copy another" in operator.run("show", "another", code=64)


def test_a_copy_that_is_damaged_where_it_lies_is_found(
    operator: Operator, object_store: ObjectStore, tmp_path: Path
) -> None:
    operator.run()
    identity = {"HUBOPS_DRILL": f'{{identity_files: ["{tmp_path / "identity"}"]}}'}
    operator.run("verify")
    operator.run("verify", "--all", variables=identity)
    assert list((tmp_path / "hubops/etcd/verify").iterdir()) == []
    [stored] = (object_store.folder / tmp_path.name).rglob("*.db.age")
    content = stored.read_bytes()
    stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "is damaged: it does not match the checksum in its record" in operator.run("verify", code=2)
    stored.unlink()
    said = operator.run("verify", "--all", code=2)
    assert "is missing, though its record is there" in said
    assert "is missing" in operator.run("list", code=2)


def test_another_identity_is_no_damage(operator: Operator, tmp_path: Path) -> None:
    operator.run()
    (tmp_path / "identity").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    identity = {"HUBOPS_DRILL": f'{{identity_files: ["{tmp_path / "identity"}"]}}'}
    said = operator.run("verify", "--output", "plain", code=2, variables=identity)
    assert "none of the identities is one of its recipients" in said
    assert "is not what it was" not in said


def test_what_is_too_old_is_shown_before_it_is_dropped(operator: Operator) -> None:
    keep = {"HUBOPS_BACKUP__ETCD__KEEP": "{last: 5, hourly: 0, daily: 0, weekly: 0, monthly: 0}"}
    for _ in range(3):
        operator.run(variables=keep)
    newest, *older = [copy["id"] for copy in operator.copies()]
    keep = {"HUBOPS_BACKUP__ETCD__KEEP": "{last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0}"}
    said = operator.run("prune", "--plan", variables=keep)
    assert all(name in said for name in older)
    assert newest not in said
    assert len(operator.copies()) == 3
    operator.run("prune", variables=keep)
    assert [copy["id"] for copy in operator.copies()] == [newest]


def test_where_the_journal_cannot_be_read_nothing_is_dropped(operator: Operator, tmp_path: Path) -> None:
    keep = {"HUBOPS_BACKUP__ETCD__KEEP": "{last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0}"}
    away = {"KUBECONFIG": str(tmp_path / "none"), **keep}
    operator.run(variables=away)
    operator.run(variables=away)
    assert "what drills have proven is not known" in operator.run("prune", code=2, variables=away)
    assert len(operator.copies()) == 2


def test_flags_that_contradict(operator: Operator) -> None:
    operator.run("verify", "x", "--all", code=64)
    assert "Examples:" in operator.run("--help")


def test_pods_of_the_cronjob_are_admitted(installed: None, bare_testbed: Testbed) -> None:
    [job] = [item for item in manifest() if item["kind"] == "CronJob"]
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    metadata = {"name": "one", "namespace": job["metadata"]["namespace"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    path = bare_testbed.api.path("Pod", metadata["namespace"])
    bare_testbed.api.call("POST", path, pod, dryRun="All")
    bare_testbed.api.apply(
        {"apiVersion": "v1", "kind": "Namespace",
         "metadata": {"name": "no-backups", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    )  # fmt: skip
    bare_testbed.service_account("no-backups", "etcd-backup")
    item = {**pod, "metadata": {"name": "one", "namespace": "no-backups"}}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        bare_testbed.api.call("POST", bare_testbed.api.path("Pod", "no-backups"), item, dryRun="All")
