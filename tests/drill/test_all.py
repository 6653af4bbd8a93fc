"""hubops drill all, --due and status as they are started: on a real etcd and API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.backup.test_backup_command import clear
from tests.drill.world import RESTORING, path_of
from tests.end_to_end.program import Done, Program
from tests.testbed.api import Object, load
from tests.testbed.bed import Testbed

DEPLOYED = Path(__file__).parents[2] / "deploy" / "backup"


@pytest.fixture(scope="module")
def hubops(bare_testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """With etcd and volumes configured, which the bare testbed has not; etcd was backed up once."""
    clear(bare_testbed)
    home = tmp_path_factory.mktemp("drills")
    program = Program(home, bare_testbed.kubeconfig)
    settle(program, bare_testbed)
    assert run(program, "backup", "etcd").code == 0
    yield program
    clear(bare_testbed)


def settle(program: Program, bed: Testbed, **more: object) -> None:
    identity = program.home / "identity"
    if not identity.exists():
        identity.write_text(str(pyrage.x25519.Identity.generate()))
    etcd = {
        "endpoints": [bed.etcd.endpoint], "ca_file": str(bed.etcd.ca), "cert_file": str(bed.etcd.cert),
        "key_file": str(bed.etcd.key),
    }  # fmt: skip
    (program.home / "store").mkdir(exist_ok=True)
    recipient = pyrage.x25519.Identity.from_str(identity.read_text()).to_public()
    backup = {
        "store": {"url": f"file://{program.home}/store"}, "recipients": [str(recipient)],
        "directory": str(program.home / "hubops"), "etcd": etcd, **more,
    }  # fmt: skip
    document = {"cluster": "test", "backup": backup, "drill": {"identity_files": [str(identity)]}}
    (program.home / "hubops.yaml").write_text(json.dumps(document))  # JSON is YAML


def run(program: Program, *words: str) -> Done:
    folder = program.home / "bin"
    path = str(folder) if folder.exists() else path_of(folder, *RESTORING)
    return program(*words, env={"PATH": path})


def drills(program: Program, kind: str) -> list[str]:
    return [line.split()[0] for line in run(program, "drill", "list").out.splitlines() if f"drill-{kind}" in line]


def test_every_kind_once_one_report_and_what_is_due_next(hubops: Program, bare_testbed: Testbed) -> None:
    never = run(hubops, "drill", "status")
    assert (never.code, "NEVER" in never.out, "was never restored by a drill" in never.out) == (1, True, True)

    settle(hubops, bare_testbed, volumes={})
    done = run(hubops, "drill", "all", "--output", "json")
    assert done.code == 2
    assert {(each["check"], each["ref"]["name"]) for each in done.report["findings"]} == {("restore-failed", "volumes")}
    assert "etcd: succeeded" in done.err
    assert len(drills(hubops, "etcd")) == len(drills(hubops, "volumes")) == 1

    due = run(hubops, "drill", "all", "--due", "--output", "json")
    assert (due.code, "etcd: not due: it was proven on" in due.err) == (2, True)
    assert (len(drills(hubops, "etcd")), len(drills(hubops, "volumes"))) == (1, 2)

    failed = run(hubops, "drill", "status")
    assert (failed.code, failed.err) == (2, "")
    assert "hubops runbook restore-failed" in failed.out
    assert max(map(len, failed.out.splitlines())) <= 80


def test_where_nothing_is_due_there_is_a_report_all_the_same(hubops: Program, bare_testbed: Testbed) -> None:
    settle(hubops, bare_testbed)
    done = run(hubops, "drill", "all", "--due", "--output", "json")
    assert (done.code, done.report["findings"], "not due" in done.err) == (0, [], True)
    assert {"restore-unproven", "restore-failed"} <= done.ids("passed")

    status = run(hubops, "drill", "status", "--output", "json")
    etcd = next(row["entry"] for row in status.report["rows"] if row["entry"]["kind"] == "etcd")
    assert status.report["schema"] == "hubops.drill-calendar/v1"
    assert (etcd["state"], etcd["outcome"], etcd["rpo_s"] is not None) == ("proven", "succeeded", True)


def test_the_protocol_lies_on_the_machine_and_is_shown_in_every_form(hubops: Program) -> None:
    (name,) = drills(hubops, "etcd")
    for form, suffix in (("markdown", "md"), ("html", "html")):
        shown = run(hubops, "drill", "show", name, "--output", form)
        kept = (hubops.home / "hubops" / "drills" / f"{name}.{suffix}").read_text(encoding="utf-8")
        assert (shown.code, shown.out) == (0, kept)
    assert json.loads(run(hubops, "drill", "show", name, "--output", "json").out)["id"] == name


def test_where_the_journal_cannot_be_read_nothing_is_called_proven(hubops: Program, tmp_path: Path) -> None:
    away = tmp_path / "away.yaml"
    away.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}]}"
    )
    status = run(hubops, "drill", "status", "--kubeconfig", str(away))
    assert status.code in (3, 69)
    assert "proven" not in status.out


def test_without_a_backup_it_is_said_what_to_write(bare_testbed: Testbed, tmp_path: Path) -> None:
    run_there = Program(tmp_path, bare_testbed.kubeconfig)
    done = run_there("drill", "all")
    assert done.code == 64
    done.only_says("hubops.yaml has no backup.etcd")


@pytest.fixture
def deployed(bare_testbed: Testbed) -> Iterator[list[Object]]:
    """deploy/backup/drill-cronjob.yaml, after volumes-cronjob.yaml, as the API server takes it."""
    items = [item for name in ("volumes", "drill") for item in load(DEPLOYED / f"{name}-cronjob.yaml")]
    for item in items:
        bare_testbed.api.apply(item)
    yield items
    for item in items:
        if item["kind"] != "Namespace":
            bare_testbed.api.delete(item)


def test_with_the_rights_of_the_cronjob_it_is_decided_what_is_due(
    deployed: list[Object], bare_testbed: Testbed, tmp_path: Path
) -> None:
    named = {(each["kind"], each["metadata"]["name"]): each for each in deployed}
    spec = named["CronJob", "drills"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drills-admitted", "labels": restricted}}
    bare_testbed.api.apply(space)
    bare_testbed.service_account("drills-admitted", "drills")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "drills-admitted"}, "spec": spec}
    bare_testbed.api.call("POST", bare_testbed.api.path("Pod", "drills-admitted"), pod, dryRun="All")

    settings = named["ConfigMap", "hubops-drills"]
    (tmp_path / "hubops.yaml").write_text(settings["data"]["hubops.yaml"].replace("/tmp/hubops", f"{tmp_path}/hubops"))
    hubops = Program(tmp_path, bare_testbed.kubeconfig)
    done = hubops("drill", "all", "--due", "--as", "system:serviceaccount:hubops:drills")
    assert done.code in (2, 64), done.err  # no VolumeSnapshots are served here; that is all that is in the way
    assert "forbidden" not in done.err + done.out
    assert "not known" not in done.err
