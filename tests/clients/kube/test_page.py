from __future__ import annotations

import threading

import pytest

from hubops.clients.ahead import Ahead
from hubops.clients.kube.page import FEWEST, FIRST, PAGE_BYTES, Page, PageSize, read_all
from hubops.errors import Permanent
from hubops.model.kube.kinds import BY_PLURAL
from tests.clients.kube.conftest import Connect
from tests.clients.kube.test_lists import in_turn, protobuf
from tests.clients.kube.wire import message, wrapped
from tests.clients.server import Server


@pytest.mark.parametrize(
    ("count", "size", "limit"),
    [
        pytest.param(250, 250 * 500, 1000, id="small objects: as many as allowed"),
        pytest.param(250, 250 * 8 * 1024, PAGE_BYTES // (8 * 1024), id="large ones: as many as weigh a page"),
        pytest.param(250, 250 * 2**20, FEWEST, id="huge ones: a few all the same"),
        pytest.param(0, 300, FIRST, id="an empty page teaches nothing"),
    ],
)
def test_how_many_to_ask_for(count: int, size: int, limit: int) -> None:
    page = PageSize(1000)
    assert page.limit == FIRST
    page.learn(count, size)
    assert page.limit == limit


def test_the_next_page_has_fewer_objects_where_they_are_large(connect: Connect) -> None:
    large = message((1, message((1, "large"), (5, "x" * 2**20))))
    page = message((1, message((3, "more"))), *((2, large) for _ in range(5)))
    with Server(in_turn(protobuf(wrapped("PodList", page)), protobuf(wrapped("PodList", message((1, b"")))))) as server:
        assert len(connect(server.url).list(BY_PLURAL["pods"])) == 5
    assert [request.params["limit"] for request in server.requests] == [str(FIRST), str(FEWEST)]


def test_the_next_page_is_fetched_while_this_one_is_decoded() -> None:
    asked = threading.Event()

    def fetch(token: str) -> Page[int]:
        if token:
            asked.set()
            return Page("", [2], 1)
        return Page("more", (1 for _ in range(1) if asked.wait(20)), 1)

    assert read_all(fetch) == (1, 2)


def test_what_goes_wrong_ahead_is_raised_where_it_is_needed() -> None:
    def fetch(token: str) -> Page[int]:
        if token:
            raise Permanent("no")
        return Page("more", [1], 1)

    with pytest.raises(Permanent, match="no"):
        read_all(fetch)


def test_what_takes_too_long_is_not_waited_for() -> None:
    ended = threading.Event()
    with pytest.raises(TimeoutError):
        Ahead(lambda: ended.wait(30)).result(timeout=0.05)
    ended.set()
