"""etcdctl and etcdutl as clients: what a real etcd answers, and what is said where it does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.etcd import Etcdctl, Etcdutl, complaint
from hubops.clients.program import Running
from hubops.clients.retry import Deadline, OutOfTime
from hubops.config.backup import EtcdBackupConfig
from hubops.errors import ConfigError, Permanent, Retryable, UsageError
from tests.testbed import build
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.pki import Authority
from tests.testbed.process import poll


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    started = EtcdCluster.start(tmp_path_factory.mktemp("etcd") / "one")
    started.client().put((f"/registry/{number}", {}) for number in range(100))
    yield started
    started.end()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that means another etcd."""
    own = {"PATH": build.search_path("etcd-tools"), "HOME": str(tmp_path)}
    return own | {"ETCDCTL_ENDPOINTS": "https://127.0.0.1:1", "ETCDCTL_CACERT": "/nowhere", "ETCDCTL_USER": "root"}


def settings(cluster: EtcdCluster, **changed: object) -> EtcdBackupConfig:
    access = cluster.access
    values = {
        "endpoints": (access.endpoint,), "ca_file": str(access.ca), "cert_file": str(access.cert),
        "key_file": str(access.key),
    } | changed  # fmt: skip
    return EtcdBackupConfig(**values)  # type: ignore[arg-type]


@pytest.fixture
def etcdctl(cluster: EtcdCluster, environ: dict[str, str]) -> Etcdctl:
    return Etcdctl(settings(cluster), environ=environ)


@pytest.fixture
def snapshot(etcdctl: Etcdctl, cluster: EtcdCluster, tmp_path: Path) -> Path:
    path = tmp_path / "snapshot.db"
    etcdctl.save(cluster.access.endpoint, path, deadline=Deadline(30))
    return path


def test_a_member_describes_itself(etcdctl: Etcdctl, cluster: EtcdCluster) -> None:
    status = etcdctl.first()
    assert status.endpoint == cluster.access.endpoint
    assert status.leader_id == status.member_id
    assert len(status.cluster_id) > 8
    assert status.version.startswith("3.")
    assert status.revision > 1
    assert status.size >= status.in_use > 0


def test_a_snapshot_is_its_owners_and_says_what_it_holds(
    etcdctl: Etcdctl, snapshot: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert snapshot.stat().st_mode & 0o777 == 0o600
    etcdutl = Etcdutl(environ=environ)
    status = etcdutl.status(snapshot, timeout=30)
    assert status.keys >= 100
    assert status.revision == etcdctl.first().revision
    assert status.size <= snapshot.stat().st_size
    etcdutl.restore(snapshot, tmp_path / "data", timeout=30)
    assert (tmp_path / "data/member/snap/db").exists()
    with pytest.raises(Permanent, match="not empty"):
        etcdutl.restore(snapshot, tmp_path / "data", timeout=30)


def test_a_damaged_snapshot_is_an_error_in_one_line(snapshot: Path, environ: dict[str, str], tmp_path: Path) -> None:
    etcdutl = Etcdutl(environ=environ)
    os.truncate(snapshot, snapshot.stat().st_size // 2)
    with pytest.raises(Permanent, match="etcdutl cannot read the snapshot: ") as caught:
        etcdutl.status(snapshot, timeout=30)
    assert "\n" not in str(caught.value)
    assert "goroutine" not in str(caught.value)
    with pytest.raises(Permanent, match="snapshot restore"):
        etcdutl.restore(snapshot, tmp_path / "data", timeout=30)
    with pytest.raises(Permanent, match="no such file"):
        etcdutl.status(tmp_path / "none.db", timeout=30)


def test_where_a_snapshot_cannot_be_written_that_is_said(etcdctl: Etcdctl, cluster: EtcdCluster) -> None:
    with pytest.raises(Permanent, match="no such file or directory"):
        etcdctl.save(cluster.access.endpoint, Path("/nowhere/snapshot.db"), deadline=Deadline(30))


def test_an_etcd_that_stops_answering_ends_the_snapshot(etcdctl: Etcdctl, cluster: EtcdCluster, tmp_path: Path) -> None:
    [member] = cluster.members
    cluster.pause(member)
    try:
        with pytest.raises(Retryable):
            etcdctl.save(member.url, tmp_path / "snapshot.db", deadline=Deadline(2))
    finally:
        cluster.resume(member)
    deadline = Deadline(1)
    deadline.cancel()
    with pytest.raises(OutOfTime):
        etcdctl.save(member.url, tmp_path / "snapshot.db", deadline=deadline)


def test_who_is_not_known_to_etcd_is_told_so(cluster: EtcdCluster, environ: dict[str, str], tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "pki")
    pair = stranger.sign("stranger")
    ca = Etcdctl(settings(cluster, ca_file=str(stranger.certificate)), environ=environ)
    with pytest.raises(Permanent, match="certificate signed by unknown authority"):
        ca.status(cluster.access.endpoint, timeout=5)
    no_pair = Etcdctl(settings(cluster, key_file=str(pair.key)), environ=environ)
    with pytest.raises(Permanent, match="private key does not match public key"):
        no_pair.status(cluster.access.endpoint, timeout=5)
    for key in ("ca_file", "cert_file", "key_file"):
        with pytest.raises(ConfigError, match=rf"backup\.etcd\.{key}: /nowhere: No such file"):
            Etcdctl(settings(cluster, **{key: "/nowhere"}), environ=environ)


def test_the_first_endpoint_that_answers_is_read(cluster: EtcdCluster, environ: dict[str, str]) -> None:
    etcdctl = Etcdctl(settings(cluster, endpoints=("https://127.0.0.1:1", cluster.access.endpoint)), environ=environ)
    assert etcdctl.first(timeout=5).endpoint == cluster.access.endpoint


def test_nothing_listens(cluster: EtcdCluster, environ: dict[str, str]) -> None:
    etcdctl = Etcdctl(settings(cluster, endpoints=("https://127.0.0.1:1",)), environ=environ)
    with pytest.raises(Retryable, match=r"https://127\.0\.0\.1:1: etcdctl endpoint status: .*connection refused"):
        etcdctl.first(timeout=5)


@pytest.mark.parametrize("said", ["etcdctl version: 3.4.30", "something else"])
def test_a_program_that_does_not_fit_is_named(
    cluster: EtcdCluster, tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    program = tmp_path / "etcdctl"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"3\.5 or newer is needed|does not say which version"):
        Etcdctl(settings(cluster), environ=environ | {"PATH": f"{tmp_path}:/bin:/usr/bin"})
    with pytest.raises(UsageError, match="etcdutl is not on PATH"):
        Etcdutl(environ=environ | {"PATH": str(tmp_path)})


def test_a_program_that_takes_too_long_is_ended() -> None:
    running = Running(["/bin/sleep", "60"], {})
    with pytest.raises(Retryable, match="sleep 60 did not end within 0 s"):
        running.result(0.2)
    poll(lambda: running._process.poll() is not None, "ended")


def test_the_reason_of_a_complaint() -> None:
    assert complaint("Error: first\nError: last\n") == "last"
    assert complaint("") == "it said nothing"
    beneath = r'{"level":"warn","error":"rpc error: code = X desc = latest balancer error: dial \"a\""}'
    assert complaint(f"{beneath}\nError: context deadline exceeded") == 'latest balancer error: dial "a"'
