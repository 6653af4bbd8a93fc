"""A scratch place is gone when its drill is over, and after the next one where that was killed."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hubops.clients.retry import Deadline
from hubops.drill.etcd.scratch import clean, scratch
from hubops.errors import ConfigError, Locked, Permanent
from tests.testbed.process import poll, start_time

#: A drill that starts a program, says its pid and waits to be killed.
_DRILL = """
import sys, time
from pathlib import Path
from hubops.drill.etcd.scratch import scratch
with scratch(Path(sys.argv[1])) as place:
    (place.folder / "secret").write_text("plain")
    place.start(["/bin/sleep", "600"])
    print((place.folder / "processes").read_text().split()[0], flush=True)
    time.sleep(600)
"""


def _killed_drill(directory: Path) -> int:
    """The pid of the program of a drill that was ended by SIGKILL."""
    with subprocess.Popen([sys.executable, "-c", _DRILL, str(directory)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        pid = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    return pid


def _left(directory: Path) -> list[Path]:
    return list((directory / "drill").glob("run-*"))


def test_program_and_folder_are_gone_when_the_block_ends(tmp_path: Path) -> None:
    with scratch(tmp_path) as place:
        place.start(["/bin/sleep", "600"])
        pid = int((place.folder / "processes").read_text().split()[0])
        assert start_time(pid)
        assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((place.folder / "sleep.log").stat().st_mode) & 0o077 == 0
    assert start_time(pid) is None
    assert _left(tmp_path) == []


def test_they_are_gone_after_an_error_too(tmp_path: Path) -> None:
    place = scratch(tmp_path)
    begun = place.__enter__()
    begun.start(["/bin/sleep", "600"])
    pid = int((begun.folder / "processes").read_text().split()[0])
    assert not place.__exit__(RuntimeError, RuntimeError(), None)
    assert start_time(pid) is None
    assert _left(tmp_path) == []


def test_a_killed_drill_takes_its_programs_along_and_the_next_one_removes_its_folder(tmp_path: Path) -> None:
    pid = _killed_drill(tmp_path)
    poll(lambda: start_time(pid) is None, "the program ended with its drill")
    (left,) = _left(tmp_path)
    assert (left / "secret").read_text() == "plain"
    with scratch(tmp_path) as place:
        assert _left(tmp_path) == [place.folder]


def test_clean_removes_what_a_killed_drill_left_and_says_how_much(tmp_path: Path) -> None:
    assert clean(tmp_path) == 0
    _killed_drill(tmp_path)
    assert clean(tmp_path) == 1
    assert _left(tmp_path) == []
    assert clean(tmp_path) == 0


def test_a_program_that_outlived_its_drill_is_ended_by_its_pid_and_start(tmp_path: Path) -> None:
    left = tmp_path / "drill" / "run-left"
    left.mkdir(parents=True)
    with subprocess.Popen(["/bin/sleep", "600"]) as its_own, subprocess.Popen(["/bin/sleep", "600"]) as other:
        started = start_time(its_own.pid)
        assert started is not None
        # The second one has the number of a program of the drill, and is another.
        (left / "processes").write_text(f"{its_own.pid} {started}\n{other.pid} {started - 1}\n")
        assert clean(tmp_path) == 1
        assert its_own.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_one_drill_at_a_time(tmp_path: Path) -> None:
    with scratch(tmp_path), pytest.raises(Locked, match="another drill is at work"), scratch(tmp_path):
        pass
    with scratch(tmp_path), pytest.raises(Locked):
        clean(tmp_path)
    assert _left(tmp_path) == []


def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    with scratch(tmp_path) as place:
        program = place.start(["/bin/ls", "/nowhere at all"])
        with pytest.raises(Permanent, match=r"ls ended at once: .*No such file"):
            program.wait_until(lambda: False, Deadline(30))


def test_a_folder_that_cannot_be_made_is_a_setting_to_be_changed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"backup\.directory"), scratch(tmp_path / "file"):
        pass
