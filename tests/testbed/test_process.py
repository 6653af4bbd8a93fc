"""What a testbed starts ends with it: by request, and when its owner dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.testbed.errors import TestbedError
from tests.testbed.process import Process, State, Supervisor, clean, myself, poll, start_time, state_home, sweep

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"]

OWNER = """
import sys, signal
from pathlib import Path
from tests.testbed.process import State, Supervisor, myself
supervisor = Supervisor(Path(sys.argv[1]), State(owner=myself()))
supervisor.start("sleeper", [sys.executable, "-c", "import signal; signal.pause()"])
print("started", flush=True)
signal.pause()
"""


def test_end_ends_all_and_removes_what_was_written(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "bed", State())
    processes = [supervisor.start(name, SLEEP) for name in ("one", "two")]
    supervisor.end()
    assert not any(process.alive() for process in processes)
    assert not (tmp_path / "bed").exists()


def test_one_that_ignores_the_polite_request_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "bed", State())
    process = supervisor.start("stubborn", STUBBORN)
    poll(lambda: bool(supervisor.log("stubborn").read_text()), "signal ignored")
    supervisor.stop("stubborn")
    assert not process.alive()


def test_a_stopped_program_starts_again_as_it_was(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "bed", State())
    first = supervisor.start("one", SLEEP)
    supervisor.stop("one")
    supervisor.start_again("one")
    (second,) = supervisor.state.processes
    assert second.alive()
    assert second != first
    supervisor.end()


def test_programs_die_with_a_killed_owner_and_the_next_run_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = state_home() / "run-1"
    with subprocess.Popen([sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        (sleeper,) = State.load(directory).processes
        assert sleeper.alive()
        assert sweep() == []
        owner.send_signal(signal.SIGKILL)
    poll(lambda: not sleeper.alive(), "the sleeper killed with its owner")
    assert sweep() == ["run-1"]
    assert not directory.exists()


def test_each_is_cleaned_up_once_by_all_who_begin_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gone = Process("owner", os.getpid(), myself().started + 1)
    names = [f"run-{number}" for number in range(40)]
    for name in names:
        Supervisor(state_home() / name, State(owner=gone)).log("program").write_text("said\n")
    with ThreadPoolExecutor(4) as pool:
        swept = [name for found in pool.map(lambda _: sweep(), range(4)) for name in found]
    assert sorted(swept) == sorted(names)


def test_a_program_without_owner_outlives_its_starter_until_it_is_cleaned_up(tmp_path: Path) -> None:
    script = OWNER.replace("owner=myself()", "").replace("signal.pause()\n", "", -1)
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "bed")], check=True, capture_output=True)
    (sleeper,) = State.load(tmp_path / "bed").processes
    assert sleeper.alive()
    clean(tmp_path / "bed")
    assert not sleeper.alive()


def test_a_reused_pid_is_not_ours() -> None:
    me = myself()
    assert me.alive()
    assert not Process("other", me.pid, me.started + 1).alive()
    assert start_time(2**22 + 1) is None


def test_poll_says_what_it_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(TestbedError, match="the moon: not within 0 s"):
        poll(lambda: False, "the moon", timeout=0.05, every=0.01)
    assert time.monotonic() - began < 2


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "bed", State())
    supervisor.start("broken", [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit('no such flag')"])
    with pytest.raises(TestbedError, match="no such flag"):
        supervisor.wait_ready("broken", lambda: False, 10)
    supervisor.end()
