"""hubops backup, status and what becomes of runs that the cluster could not take: on a real etcd and API server."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from hubops.journal.entries import KINDS
from tests.end_to_end.program import Done, Program
from tests.testbed import build
from tests.testbed.bed import Testbed


@pytest.fixture
def hubops(bare_testbed: Testbed, tmp_path: Path) -> Iterator[Program]:
    """With etcd configured, a store in a folder, and an empty journal."""
    clear(bare_testbed)
    (tmp_path / "store").mkdir()
    program = Program(tmp_path, bare_testbed.kubeconfig)
    settle(program, bare_testbed)
    yield program
    clear(bare_testbed)


def clear(bed: Testbed) -> None:
    for kind in KINDS:
        metadata = {"namespace": "hubops", "name": f"journal-{kind}"}
        bed.api.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def settle(program: Program, bed: Testbed, **backup: Any) -> None:
    """Write hubops.yaml."""
    etcd = {
        "endpoints": [bed.etcd.endpoint], "ca_file": str(bed.etcd.ca), "cert_file": str(bed.etcd.cert),
        "key_file": str(bed.etcd.key),
    }  # fmt: skip
    settings = {
        "store": {"url": f"file://{program.home}/store"},
        "recipients": [str(pyrage.x25519.Identity.generate().to_public())],
        "directory": str(program.home / "hubops"),
        "etcd": etcd,
    }
    document = {"cluster": "test", "backup": settings | backup}
    (program.home / "hubops.yaml").write_text(json.dumps(document))  # JSON is YAML


def run(program: Program, *words: str, **variables: str) -> Done:
    return program("backup", *words, env={"PATH": build.search_path("etcd-tools"), **variables})


def fired(done: Done) -> set[tuple[str, str]]:
    return {(finding["check"], finding["ref"]["name"]) for finding in done.report["findings"]}


def test_every_kind_one_report_and_its_exit_code(hubops: Program) -> None:
    done = run(hubops, "--output", "json")
    assert (done.code, done.report["round"], done.report["findings"]) == (0, "backup", [])
    assert {"backup-failed", "backup-too-old", "backup-not-offsite"} <= done.ids("passed")
    assert "restore-unproven" not in done.ids("passed") | done.ids("fired")

    status = run(hubops, "status")
    assert status.code == 1  # nobody has ever restored it
    assert "backup-etcd-" in status.out
    assert "was never restored by a drill" in status.out


def test_a_kind_that_fails_is_critical_and_keeps_no_other_from_its_run(hubops: Program, bare_testbed: Testbed) -> None:
    settle(hubops, bare_testbed, volumes={})  # the bare testbed serves no VolumeSnapshots
    done = run(hubops, "--output", "json")
    assert done.code == 2
    assert ("backup-failed", "volumes") in fired(done)
    assert not [name for check, name in fired(done) if name == "etcd"]
    again = run(hubops, "etcd", "--output", "json")
    assert (again.code, again.report["findings"]) == (0, [])


def test_a_failed_backup_is_critical_whatever_the_checks_say(hubops: Program, bare_testbed: Testbed) -> None:
    document = json.loads((hubops.home / "hubops.yaml").read_text())
    document["backup"]["store"]["url"] = f"file://{hubops.home}/store/gone/{'x' * 300}"
    document["checks"] = {name: {"enabled": False} for name in ("backup-failed", "backup-too-old")}
    (hubops.home / "hubops.yaml").write_text(json.dumps(document))
    assert run(hubops, "--output", "json").code == 2


def test_without_the_api_server_a_backup_is_taken_and_recorded_later(
    hubops: Program, bare_testbed: Testbed, tmp_path: Path
) -> None:
    away = tmp_path / "away.yaml"
    away.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}]}"
    )
    done = run(hubops, "--output", "json", KUBECONFIG=str(away))
    assert (done.code, done.report["findings"]) == (0, []), done.err
    assert [source["status"] for source in done.report["sources"]] == ["failed"]
    assert "backup-too-old" in done.ids("passed")
    assert "the record waits on this machine" in done.err
    waiting = list((tmp_path / "hubops" / "spool").iterdir())
    assert len(waiting) == 1
    shown = run(hubops, "status").out  # with the API server, before anything was delivered
    assert waiting[0].stem in shown

    assert run(hubops).code == 0
    assert not list((tmp_path / "hubops" / "spool").iterdir())
    recorded = bare_testbed.api.call("GET", "/api/v1/namespaces/hubops/configmaps/journal-etcd")["data"]
    assert len(recorded) == 2
    assert waiting[0].stem in recorded


def test_two_at_once_are_not(hubops: Program) -> None:
    assert run(hubops).code == 0
    with (hubops.home / "hubops" / "etcd" / "work.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AssertionError, match="work"):  # 75 is no code that Program expects
            run(hubops)


def test_nothing_configured_says_what_to_write(hubops: Program) -> None:
    (hubops.home / "hubops.yaml").write_text("{}")
    done = run(hubops)
    assert (done.code, done.out) == (64, "")
    assert "etcd: {}" in done.err
    assert "recipients" in done.err


def test_flags_before_a_command_are_not_lost_in_silence(hubops: Program) -> None:
    done = run(hubops, "--output", "json", "status")
    assert done.code == 64
    assert "hubops backup status" in done.err


def test_status_without_anything_is_skipped_and_said(hubops: Program, bare_testbed: Testbed) -> None:
    (hubops.home / "hubops.yaml").write_text("{}")
    done = run(hubops, "status")
    assert done.code == 0
    assert done.out.startswith("Nothing is recorded.\n")
    settle(hubops, bare_testbed)
    assert fired(run(hubops, "status", "--output", "json")) == {("backup-too-old", "etcd")}
