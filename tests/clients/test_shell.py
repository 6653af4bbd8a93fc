"""Steps of runbooks, run by a real shell."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.shell import HEAD, TAIL, run
from hubops.errors import UsageError
from tests.testbed.process import poll

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def test_an_answer_with_its_code() -> None:
    answer = run("echo out; echo err >&2; exit 3", ENVIRONMENT, timeout=20)
    assert sorted(answer.text.split()) == ["err", "out"]
    assert (answer.code, answer.complained, answer.ended, answer.failed) == (3, True, "itself", True)


@pytest.mark.parametrize(("command", "failed"), [("true", False), ("echo x | grep y", False), ("false", False)])
def test_a_code_alone_is_an_answer(command: str, failed: bool) -> None:
    assert run(command, ENVIRONMENT, timeout=20).failed is failed


def test_a_warning_alone_is_no_failure() -> None:
    answer = run("echo deprecated >&2", ENVIRONMENT, timeout=20)
    assert (answer.complained, answer.failed) == (True, False)


def test_there_is_nothing_to_type_and_no_environment_but_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    answer = run('cat; read line || echo "none$SECRET"', ENVIRONMENT, timeout=20)
    assert answer.text == "none\n"


def test_the_head_and_the_tail_of_a_long_output() -> None:
    answer = run("echo first; yes x | head -c 1000000; echo last", ENVIRONMENT, timeout=20)
    assert answer.text.startswith("first\nx\n")
    assert answer.text.endswith("x\nlast\n")
    assert f"[{1_000_011 - HEAD - TAIL:,} bytes left out]" in answer.text
    assert len(answer.text) < HEAD + TAIL + 100


def test_what_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    answer = run(
        f"echo begun; (trap '' TERM; echo $BASHPID > {tmp_path}/pid; yes > /dev/null) & wait", ENVIRONMENT, timeout=3
    )
    assert (answer.text, answer.code, answer.ended, answer.failed) == ("begun\n", None, "timeout", True)
    assert time.monotonic() - began < 60
    child = int((tmp_path / "pid").read_text())
    poll(lambda: not alive(child), "what it started has ended")


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_endless_output_is_ended_in_time() -> None:
    answer = run("yes", ENVIRONMENT, timeout=0.5)
    assert answer.ended == "timeout"
    assert len(answer.text) < HEAD + TAIL + 100


def test_a_step_that_closes_its_output_is_still_waited_for() -> None:
    assert run("exec >&- 2>&-; sleep 60", ENVIRONMENT, timeout=0.3).ended == "timeout"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT; these tests may be such a thing."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_step_and_not_hubops(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def interrupt() -> None:
        poll(begun.exists, "the step runs")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    answer = run(f"echo begun; touch {begun}; sleep 300", ENVIRONMENT, timeout=120)
    assert (answer.text, answer.ended, answer.code, answer.failed) == ("begun\n", "interrupt", None, True)


def test_without_bash_there_is_sh() -> None:
    assert run("echo $0", {"PATH": "/nowhere"}, timeout=20).text == "/bin/sh\n"


def test_bytes_that_are_no_text() -> None:
    assert run(r"printf 'a\377b'", ENVIRONMENT, timeout=20).text == "a\ufffdb"


def test_a_command_that_no_shell_takes() -> None:
    with pytest.raises(UsageError):
        run("x" * 10_000_000, ENVIRONMENT, timeout=20)
