"""The scratch etcd: reached with its certificates by the real etcdctl, and its members can be lost."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.testbed import build
from tests.testbed.bed import Testbed
from tests.testbed.etcd import Access, encode
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.process import poll


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    cluster = EtcdCluster.start(tmp_path_factory.mktemp("etcd") / "three", members=3)
    yield cluster
    cluster.end()


def run(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": build.search_path("etcd-tools")}
    return subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=False)


def etcdctl(access: Access, *words: str | Path) -> subprocess.CompletedProcess[str]:
    tls: list[str | Path] = ["--cacert", access.ca, "--cert", access.cert, "--key", access.key]
    return run("etcdctl", "--endpoints", access.endpoint, *tls, *words)


def test_only_who_has_a_certificate_is_served(three: EtcdCluster) -> None:
    assert etcdctl(three.access, "put", "a", "1").stdout == "OK\n"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{three.members[0].url}/health", verify=str(three.access.ca), timeout=5)


def test_the_leader_moves_and_another_leads_when_it_is_killed(three: EtcdCluster) -> None:
    first = three.leader()
    moved = three.move_leader()
    assert moved != first
    three.kill(moved)
    poll(lambda: three.leader() not in (None, moved), "another leads")
    assert etcdctl(three.access, "put", "b", "2").returncode == 0
    three.restart(moved)
    answer = three.client(moved).call("range", {"key": encode(b"b")})
    assert answer["kvs"][0]["value"] == encode(b"2")


def test_without_most_of_its_members_it_has_no_leader(three: EtcdCluster) -> None:
    lost = [three.follower()]
    three.kill(lost[0])
    lost.append(three.follower())
    three.kill(lost[1])
    poll(lambda: three.leader() is None, "no leader")
    for member in lost:
        three.supervisor.start_again(member.name)
    for member in lost:
        three.restart(member)
    poll(lambda: three.leader() is not None, "a leader again")


def test_one_of_one_member_takes_settings_and_ends_without_a_trace(tmp_path: Path) -> None:
    small = EtcdCluster.start(tmp_path / "one", settings={"quota-backend-bytes": 2**20})
    written = [etcdctl(small.access, "put", f"key-{index}", "x" * 100_000).returncode for index in range(12)]
    assert written[0] == 0
    assert written[-1] != 0
    assert "NOSPACE" in etcdctl(small.access, "alarm", "list").stdout
    small.end()
    assert not (tmp_path / "one").exists()


def test_the_testbeds_own_etcd_gives_a_snapshot_to_who_has_its_certificate(
    tmp_path: Path, bare_testbed: Testbed
) -> None:
    done = etcdctl(bare_testbed.etcd, "snapshot", "save", tmp_path / "snapshot.db")
    assert done.returncode == 0, done.stderr
    status = run("etcdutl", "snapshot", "status", "--write-out", "json", tmp_path / "snapshot.db")
    assert json.loads(status.stdout)["totalKey"] > 100
