from __future__ import annotations

import threading
import time

import pytest

from hubops.clients.retry import LONGEST_PAUSE, Deadline, pause_before, retrying
from hubops.errors import Permanent, Retryable


class Flaky:
    """Fails the first *times* times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left = times
        self.error = error
        self.timeouts: list[float] = []

    def __call__(self, timeout: float) -> str:
        self.timeouts.append(timeout)
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return "answer"


def run(call: Flaky, seconds: float = 60, timeout: float = 5) -> str:
    return retrying(call, timeout=timeout, deadline=Deadline(seconds), first_pause=0.001)


def test_what_may_pass_is_tried_again() -> None:
    call = Flaky(3, Retryable("busy"))
    assert run(call) == "answer"
    assert call.timeouts == [5, 5, 5, 5]


def test_the_last_error_is_raised_when_nothing_helps() -> None:
    call = Flaky(9, Retryable("busy"))
    with pytest.raises(Retryable, match="busy"):
        run(call)
    assert len(call.timeouts) == 4


def test_what_cannot_pass_is_not_tried_again() -> None:
    call = Flaky(9, Permanent("forbidden"))
    with pytest.raises(Permanent, match="forbidden"):
        run(call)
    assert len(call.timeouts) == 1


def test_the_pause_that_the_server_asks_for_is_kept() -> None:
    began = time.monotonic()
    assert run(Flaky(1, Retryable("busy", retry_after=0.2))) == "answer"
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("pause", "seconds"), [(LONGEST_PAUSE + 1, 600), (5, 2)])
def test_a_pause_beyond_the_deadline_or_all_patience_is_not_waited_for(pause: float, seconds: float) -> None:
    call = Flaky(9, Retryable("busy", retry_after=pause))
    began = time.monotonic()
    with pytest.raises(Retryable):
        run(call, seconds)
    assert len(call.timeouts) == 1
    assert time.monotonic() - began < pause


def test_what_takes_all_patience_is_not_tried_again() -> None:
    class Hangs(Flaky):
        def __call__(self, timeout: float) -> str:
            threading.Event().wait(timeout)
            return super().__call__(timeout)

    call = Hangs(9, Retryable("did not answer"))
    with pytest.raises(Retryable):
        retrying(call, timeout=0.2, deadline=Deadline(60), first_pause=0.001, patience=0.2)
    assert len(call.timeouts) == 1


def test_an_attempt_gets_no_more_time_than_the_run_has_left() -> None:
    call = Flaky(0, Permanent(""))
    run(call, seconds=2, timeout=30)
    assert 0 < call.timeouts[0] <= 2


def test_nothing_is_begun_after_the_deadline() -> None:
    call = Flaky(0, Permanent(""))
    with pytest.raises(Permanent, match="deadline of 0 s was over"):
        run(call, seconds=0)
    assert call.timeouts == []


def test_pauses_grow_and_differ() -> None:
    first = [pause_before(1, None, 1.0) for _ in range(50)]
    third = [pause_before(3, None, 1.0) for _ in range(50)]
    assert all(0.5 <= pause <= 1 for pause in first)
    assert all(2 <= pause <= 4 for pause in third)
    assert len(set(first)) > 1
    assert pause_before(40, None, 1.0) <= LONGEST_PAUSE


def test_a_cancelled_run_wakes_what_pauses() -> None:
    deadline = Deadline(60)
    sleeper = threading.Thread(target=deadline.pause, args=(60,))
    sleeper.start()
    deadline.cancel()
    sleeper.join(timeout=10)
    assert not sleeper.is_alive()
    assert deadline.remaining() == 0
