from __future__ import annotations

import threading
import time

import pytest

from hubops.clients.retry import Deadline
from hubops.collect.threads import gather
from hubops.errors import ClusterUnreachable, Permanent, Retryable, SourceError


def test_results_and_errors_in_order() -> None:
    def work(key: int) -> int:
        if key % 2:
            raise Retryable(f"busy {key}")
        return key * 10

    told: list[int] = []
    results = gather([4, 3, 2, 4], work, at_once=3, deadline=Deadline(30), done=told.append)
    assert list(results) == [4, 3, 2]
    assert (results[4], results[2]) == (40, 20)
    assert str(results[3]) == "busy 3"
    assert told == [1, 2, 3]


def test_nothing_to_do() -> None:
    assert gather([], str, at_once=4, deadline=Deadline(0)) == {}


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_than_so_many_at_once(at_once: int) -> None:
    running: list[int] = []
    seen: list[int] = []
    meet = threading.Barrier(at_once, timeout=30)  # passes only when so many are in it at the same time

    def work(key: int) -> None:
        running.append(key)
        meet.wait()
        seen.append(len(running))
        meet.wait()
        running.remove(key)

    gather(range(at_once * 2), work, at_once=at_once, deadline=Deadline(30))
    assert max(seen) == at_once


def test_what_hangs_is_left_behind_at_the_deadline_and_the_rest_is_kept() -> None:
    release = threading.Event()

    def work(key: str) -> str:
        if key == "hangs":
            release.wait(60)
        return key

    began = time.monotonic()
    results = gather(["hangs", "answers"], work, at_once=2, deadline=Deadline(2), grace=0.1)
    release.set()
    assert time.monotonic() - began < 30
    assert results["answers"] == "answers"
    assert isinstance(results["hangs"], Permanent)
    assert "deadline of 2 s" in str(results["hangs"])


@pytest.mark.parametrize("error", [ClusterUnreachable("gone"), ZeroDivisionError("bug")])
def test_what_is_no_source_error_is_raised(error: Exception) -> None:
    def work(_: int) -> None:
        raise error

    with pytest.raises(type(error)):
        gather([1], work, at_once=1, deadline=Deadline(30))


def test_a_source_error_alone_ends_nothing() -> None:
    def work(_: int) -> None:
        raise SourceError("no")

    assert str(gather([1], work, at_once=1, deadline=Deadline(30))[1]) == "no"
