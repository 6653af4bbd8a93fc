from __future__ import annotations

import threading

import pytest

from hubops.clients.ahead import Ahead
from hubops.errors import ClusterUnreachable


def test_work_that_was_begun_is_waited_for() -> None:
    release = threading.Event()

    def work() -> str:
        release.wait(10)
        return "done"

    ahead = Ahead(work)
    release.set()
    assert ahead.result() == "done"


def test_work_that_was_begun_raises_where_it_is_waited_for() -> None:
    def work() -> None:
        raise ClusterUnreachable("gone")

    with pytest.raises(ClusterUnreachable, match="gone"):
        Ahead(work).result()
