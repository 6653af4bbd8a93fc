"""The script that reads a restored volume: every file, whatever it is called, and nothing that it could not read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from hubops.config.backup import VolumeDrillConfig
from hubops.drill.volumes.job import Read, job, result, script
from tests.drill.pods import moved

EMPTY = hashlib.sha256(b"").hexdigest()


def run(folder: Path, data: Path, *, block: bool = False, prefix: tuple[str, ...] = ()) -> Read | None:
    """What the script tells of *data*, with its other places in *folder*."""
    scratch = folder / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    places = {"/dev/termination-log": f"{scratch}/message", "/dev/data": str(data), "/data": str(data),
              "/tmp/": f"{scratch}/"}  # fmt: skip
    subprocess.run([*prefix, "sh", "-c", moved(script(block), places)], check=False, capture_output=True, cwd=scratch)
    return result((scratch / "message").read_text())


def test_names_and_contents_count_and_their_order_does_not(tmp_path: Path) -> None:
    files = {"-n": b"no flag", "a b/c": b"", "new\nline": b"x" * 70000, "ä/é": b"accents", "$HOME": b"`id`"}
    sums = []
    for number, names in enumerate((list(files), list(reversed(files)))):
        data = tmp_path / f"data-{number}"
        for name in names:
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_bytes(files[name])
        (data / "link").symlink_to("/etc/passwd")
        (tmp_path / f"run-{number}").mkdir()
        found = run(tmp_path / f"run-{number}", data)
        assert found
        assert (found.files, found.bytes, found.problems, found.complete) == (5, sum(map(len, files.values())), 0, True)
        sums.append(found.sha256)
    assert sums[0] == sums[1]
    (data / "-n").rename(data / "-m")
    (tmp_path / "renamed").mkdir()
    renamed = run(tmp_path / "renamed", data)
    assert renamed
    assert renamed.sha256 != sums[0]


def test_an_empty_volume_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert run(tmp_path, tmp_path / "data") == Read(0, 0, 0, EMPTY, 0, 0, (), True)


def test_a_device_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "device").write_bytes(b"d" * 3_000_000)
    expected = hashlib.sha256(b"d" * 3_000_000).hexdigest()
    assert run(tmp_path, tmp_path / "device", block=True) == Read(1, 3_000_000, 1, expected, 0, 0, (), True)


def test_a_device_that_cannot_be_opened_is_not_read(tmp_path: Path) -> None:
    found = run(tmp_path, tmp_path / "nothing", block=True)
    assert found
    assert (found.complete, found.problems, found.denied) == (False, 1, 0)


@pytest.mark.parametrize(("files", "denied"), [(("closed",), 1), (("closed", "shut", "barred"), 3)])
def test_what_its_user_may_not_read_is_counted(files: tuple[str, ...], denied: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # pytest's own folders are closed for all others
        data = Path(place) / "data"
        data.mkdir()
        (data / "open").write_text("open")
        for name in files:
            (data / name).write_text(name)
            (data / name).chmod(0o000)
        other = ("setpriv", "--reuid", "65534", "--clear-groups", "--") if os.geteuid() == 0 else ()
        found = run(Path(place), data, prefix=other)
    assert found
    assert (found.files, found.read, found.problems, found.denied) == (1 + denied, 1, denied, denied)
    assert not found.complete
    assert "Permission denied" in found.first[0]


def test_a_block_volume_is_a_device_of_the_pod() -> None:
    wanted = job("restored", "scratch", {}, "restored", VolumeDrillConfig(), block=True, seconds=60)
    spec = wanted["spec"]["template"]["spec"]
    assert spec["containers"][0]["volumeDevices"] == [{"name": "data", "devicePath": "/dev/data"}]
    assert [each["name"] for each in spec["containers"][0]["volumeMounts"]] == ["tmp"]
    assert wanted["spec"]["backoffLimit"] == 0
    assert wanted["spec"]["activeDeadlineSeconds"] == 60
