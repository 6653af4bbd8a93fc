"""The machine of the real node, without a cluster: what it needs, what it is, and that nothing of it stays."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed import cgroups, network, process
from tests.testbed.node import images, requirements
from tests.testbed.node.machine import SYSCTLS, Machine
from tests.testbed.process import State, Supervisor, myself, poll


@pytest.fixture
def able() -> None:
    if lacking := requirements.missing():
        pytest.skip(f"no real node on this machine; missing: {'; '.join(lacking)}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return process.state_home()


@pytest.fixture
def machine(able: None, home: Path) -> Iterator[Machine]:
    directory = home / "machine-test"
    directory.mkdir(parents=True)
    supervisor = Supervisor(directory, State(owner=myself()))
    supervisor.state.network, _ = network.create(myself().pid)
    yield Machine.create(supervisor, {"registry.example.com": "10.1.2.3"})
    supervisor.end()


def test_it_has_mounts_processes_and_settings_of_its_own(machine: Machine) -> None:
    assert machine.run("cat", "/proc/1/comm").strip().startswith("python")
    assert "10.1.2.3 registry.example.com" in machine.run("cat", "/etc/hosts")
    assert "netns" not in machine.run("ls", "/run").split()
    for key, value in SYSCTLS.items():
        assert machine.run("cat", f"/proc/sys/{key}").strip() == value
    assert machine.run("stat", "-f", "-c", "%T", "/var").strip() == "ext2/ext3"
    assert "/run" in machine.run("readlink", "/var/run")


def test_a_volume_is_an_empty_disk_of_its_own(machine: Machine) -> None:
    path = machine.volume("data", 16 * 2**20)
    machine.run("dd", "if=/dev/zero", f"of={path / 'file'}", "bs=1M", "count=8")
    used = int(machine.run("sh", "-c", f"df -k --output=used {path} | tail -1"))
    assert 8 * 1024 <= used < 12 * 1024
    assert not path.exists()


def leftovers(name: str, directory: Path, netns: str) -> list[str]:
    found = [str(group / name) for group in cgroups.hierarchies() if (group / name).exists()]
    loops = subprocess.run(["losetup", "--list", "--json"], capture_output=True, text=True, check=True).stdout
    devices = json.loads(loops)["loopdevices"] if loops.strip() else []
    found += [device["name"] for device in devices if str(directory) in device["back-file"]]
    return found + [str(path) for path in (directory, Path("/run/netns") / netns) if path.exists()]


CREATE_AND_DIE = """
import os, signal
from tests.testbed import network, process
from tests.testbed.node.machine import Machine
directory = process.state_home() / "run-test"
directory.mkdir(parents=True)
supervisor = process.Supervisor(directory, process.State(owner=process.myself()))
supervisor.state.network, _ = network.create(os.getpid())
supervisor.state.save(directory)
machine = Machine.create(supervisor, {})
machine.start("sleeper", ["sleep", "1000"])
machine.volume("data", 16 * 2**20)
print(machine.pid, supervisor.state.network, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("able")
def test_nothing_stays_of_a_machine_whose_owner_was_killed(home: Path) -> None:
    root = Path(__file__).parents[3]
    died = subprocess.run(
        [sys.executable, "-c", CREATE_AND_DIE], cwd=root, capture_output=True, text=True, check=False, timeout=180
    )
    assert died.returncode == -9, died.stderr
    pid, netns = died.stdout.split()
    poll(lambda: process.start_time(int(pid)) is None, "the machine's first process ended")
    directory = home / "run-test"
    assert leftovers("hubops-run-test", directory, netns), "the test would not see what is left"
    assert process.sweep() == ["run-test"]
    poll(lambda: not leftovers("hubops-run-test", directory, netns), "everything gone")


def test_an_archive_holds_each_image_once_under_all_its_names(tmp_path: Path) -> None:
    layer = images.layer({"bin/app": b"#!/bin/sh\n"}, {"bin/sh": "app"}, ("tmp",))
    image = images.Image(("example.com/app:1", "example.com/app:2"), layer, ("/bin/app",))
    with tarfile.open(images.write(tmp_path / "archive.tar", [image])) as tar:
        content = {member.name: _read(tar, member) for member in tar.getmembers()}
    index = json.loads(content["index.json"])["manifests"]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in index] == list(image.names)
    blobs = {name: data for name, data in content.items() if name.startswith("blobs/")}
    assert all(name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}" for name, data in blobs.items())
    assert len(blobs) == 3  # manifest, configuration, layer
    manifest = json.loads(blobs["blobs/sha256/" + index[0]["digest"].removeprefix("sha256:")])
    assert blobs["blobs/sha256/" + manifest["layers"][0]["digest"].removeprefix("sha256:")] == layer


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
