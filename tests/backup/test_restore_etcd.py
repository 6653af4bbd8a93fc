"""The plan that brings an etcd back: its commands, as they are printed, run on three real members that were lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hubops.backup.etcd.restore import BUMP, members
from hubops.backup.etcd.verify import verify
from hubops.config import Config
from hubops.config.backup import StoreConfig
from hubops.errors import UsageError
from hubops.journal.journal import Journal
from hubops.model.backup import Copy
from tests.backup.etcd_backup import Site
from tests.testbed import build
from tests.testbed.errors import TestbedError
from tests.testbed.etcd import encode
from tests.testbed.etcd_cluster import EtcdCluster


@dataclass
class World:
    """Three members, a backup of what they held, and hubops with its settings."""

    cluster: EtcdCluster
    folder: Path
    copy: Copy
    identity: Path

    def shell(self, command: str, code: int = 0) -> str:
        """Run a command of a plan as an operator does; its standard output."""
        own = {"PATH": f"{build.search_path('etcd-tools')}:{os.environ['PATH']}", "HOME": str(self.folder)}
        if command.startswith("hubops "):
            command = f"{shlex.quote(sys.executable)} -m hubops.cli {command.removeprefix('hubops ')}"
        done = subprocess.run(
            ["bash", "-c", command], env=os.environ | own, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr if code else done.stdout

    @property
    def data(self) -> str:
        return f"{self.cluster.supervisor.directory}/{{name}}"

    def plan(self, *flags: str) -> dict[str, Any]:
        words = ["hubops", "restore", "plan", "etcd", "--data-dir", self.data, "--file", "restored.db", *flags]
        found: dict[str, Any] = json.loads(self.shell(shlex.join([*words, "--output", "json"])))
        return found

    def initial(self) -> str:
        return ",".join(f"{each.name}={each.peer}" for each in self.cluster.members)


def put(cluster: EtcdCluster, key: str, value: str) -> None:
    cluster.client().call("put", {"key": encode(key.encode()), "value": encode(value.encode())})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("restore")
    cluster = EtcdCluster.start(folder / "etcd", members=3)
    store = folder / "store"
    store.mkdir()
    site = Site(folder / "site", cluster.access, store=StoreConfig(url=f"file://{store}"))
    for number in range(50):
        put(cluster, f"/registry/configmaps/default/c-{number}", f"kept {number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", build.search_path("etcd-tools"))
        copy = site.take().copy
    assert copy
    config = site.config()
    (folder / "hubops.yaml").write_text(json.dumps(_written(config)))  # JSON is YAML
    put(cluster, "/registry/configmaps/default/later", "lost")
    yield World(cluster, folder, copy, Path(config.drill.identity_files[0]))
    cluster.end()


def _written(config: Config) -> dict[str, Any]:
    """What a site writes into hubops.yaml to have *config*."""
    backup, settings = config.backup, config.backup.etcd
    assert settings
    assert backup.store
    keys = ("endpoints", "ca_file", "cert_file", "key_file")
    etcd = {key: getattr(settings, key) for key in keys}
    own = {"store": {"url": backup.store.url}, "recipients": backup.recipients, "directory": backup.directory}
    return {
        "cluster": config.cluster,
        "backup": {**own, "etcd": etcd},
        "drill": {"identity_files": config.drill.identity_files},
    }


def named(plan: dict[str, Any], words: str) -> list[dict[str, Any]]:
    found = [step for step in plan["steps"] if words in step["title"]]
    assert found, words
    return found


def test_the_commands_of_the_plan_bring_the_data_back(world: World) -> None:
    cluster, copy = world.cluster, world.copy
    live = world.plan()
    for member in cluster.members:
        cluster.kill(member)
    plan = world.plan("--initial-cluster", world.initial())
    assert named(plan, "Restore the member") == named(live, "Restore the member")

    fetch, check = named(plan, "Fetch")[0]["commands"]
    assert f"--identity {world.identity}" in fetch
    assert "all checksums match" in world.shell(fetch)
    assert copy.plain_sha256 in world.shell(check)
    assert (world.folder / "restored.db").stat().st_mode & 0o777 == 0o600

    for step in named(plan, "Restore the member"):
        for command in step["commands"]:
            world.shell(command)
    for member in cluster.members:
        cluster.supervisor.start_again(member.name)
    for member in cluster.members:
        cluster._wait(member)

    asked = [command for command in named(live, "Start etcd")[0]["commands"] if command.startswith("etcdctl ")]
    health, status = (world.shell(command) for command in asked)
    assert status.count("3.6") >= 3
    assert health == "" or health.count("is healthy") == 3
    kept = {entry["key"]: entry["value"] for entry in cluster.client().under("/registry/")}
    assert len(kept) == 50
    assert kept[encode(b"/registry/configmaps/default/c-7")] == encode(b"kept 7")


def test_watchers_of_the_lost_time_are_told_to_read_anew(world: World) -> None:
    """After the test before: a revision that somebody has seen is neither served again nor waited for."""
    client = world.cluster.client()
    header = client.call("range", {"key": encode(b"/registry/configmaps/default/c-7")})["header"]
    assert int(header["revision"]) >= world.copy.etcd.revision + BUMP
    with pytest.raises(TestbedError, match="compacted"):
        client.call("range", {"key": encode(b"a"), "revision": str(world.copy.etcd.revision + 1)})
    answer = client.session.post(
        f"{client.url}/v3/watch",
        json={"create_request": {"key": encode(b"/registry/"), "start_revision": str(world.copy.etcd.revision + 1)}},
        stream=True, timeout=10,
    )  # fmt: skip
    lines = (json.loads(line) for line in answer.iter_lines())
    assert any(int(each["result"].get("compact_revision", 0)) > world.copy.etcd.revision for each in lines)
    answer.close()


def test_the_plan_for_one_member_reads_as_text(world: World) -> None:
    text = world.shell("hubops restore plan etcd --initial-cluster cp-1=https://10.0.0.1:2380")
    assert f"# Restore etcd of test to 1 member from {world.copy.id}" in text
    assert "--data-dir /var/lib/etcd --bump-revision 1000000000 --mark-compacted" in text
    assert "--endpoints https://10.0.0.1:2379 --cacert" in text
    for line in text.splitlines():
        if line.startswith("    "):
            shlex.split(line)


def test_what_cannot_be_planned_is_said(world: World) -> None:
    assert "no copy 'etcd-1'" in world.shell(
        "hubops restore plan etcd --copy etcd-1 --initial-cluster a=https://b:1", 64
    )
    assert "there is such a file already" in world.shell("hubops restore fetch etcd --to hubops.yaml", 64)
    missing = "hubops restore fetch etcd --identity missing --to other.db"
    assert "missing" in world.shell(missing, 64)
    assert not (world.folder / "other.db").exists()


@pytest.mark.parametrize(
    "text", ["", "a", "a=10.0.0.1:2380", "a=https://b:2380,a=https://c:2380", "a b=https://c", "$(x)=https://c"]
)
def test_members_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--initial-cluster"):
        members(text)


def test_members_of_both_address_families() -> None:
    four, six = members("a=https://10.0.0.1:2380, b=https://[fd00::1]:2380")
    assert (four.client, six.client) == ("https://10.0.0.1:2379", "https://[fd00::1]:2379")
    assert (four.host, six.host) == ("10.0.0.1", "fd00::1")


def test_a_copy_that_was_found_damaged_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{build.search_path('etcd-tools')}:{os.environ['PATH']}")
    cluster, store = EtcdCluster.start(tmp_path / "etcd"), tmp_path / "store"
    store.mkdir()
    try:
        put(cluster, "/registry/configmaps/default/one", "1")
        site = Site(tmp_path / "site", cluster.access, store=StoreConfig(url=f"file://{store}"))
        good, bad = site.take().copy, site.take().copy
        assert good
        assert bad
        file = store / "test" / "etcd" / bad.file
        file.write_bytes(file.read_bytes()[:-1] + b"!")
        waiting = Journal(None, tmp_path / "site" / "hubops" / "spool")  # as hubops itself has it without a cluster
        assert verify(site.config(), waiting, say=lambda *_: None).alarm
        command = [sys.executable, "-m", "hubops.cli", "restore", "plan", "etcd", "--config", str(site.settings_file())]
        chosen = subprocess.run(command, capture_output=True, text=True, check=True)
        asked = subprocess.run([*command, "--copy", bad.id], capture_output=True, text=True, check=True)
    finally:
        cluster.end()
    assert f"from {good.id}" in chosen.stdout
    assert f"{bad.id} was found damaged: " in chosen.stderr
    assert f"from {bad.id}" in asked.stdout
    assert f"{bad.id} was found damaged: " in asked.stderr
