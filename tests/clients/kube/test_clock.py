"""What the Date of answers says about the clock of the API server."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hubops.clients.kube.clock import ServerClock
from hubops.model.kube.kinds import BY_PLURAL
from tests.clients.kube.conftest import Connect
from tests.clients.server import Request, Server, reply

HOUR = timedelta(hours=1)


def date(ahead: timedelta) -> str:
    return format_datetime(datetime.now(UTC) + ahead, usegmt=True)


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, timedelta(seconds=30)])
def test_the_median_of_the_answers(ahead: timedelta) -> None:
    clock = ServerClock()
    for each in (ahead, ahead, timedelta(days=3)):
        clock.saw(date(each))
    assert abs(clock.offset() - ahead) < timedelta(seconds=20)


def test_what_a_date_cannot_tell_is_no_difference() -> None:
    clock = ServerClock()
    clock.saw(date(timedelta(0)))
    assert clock.offset() == timedelta(0)


@pytest.mark.parametrize("header", [None, "", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_nonsense_teaches_nothing(header: str | None) -> None:
    clock = ServerClock()
    clock.saw(header)
    assert clock.offset() == timedelta(0)


def test_the_first_answer_is_waited_for() -> None:
    clock = ServerClock()
    later = threading.Thread(target=clock.saw, args=(date(HOUR),))
    later.start()
    assert clock.offset(patience=20) > timedelta(minutes=59)
    later.join()


def test_a_client_learns_from_the_api_server_and_not_from_what_it_passes_on(connect: Connect) -> None:
    def answer(request: Request) -> Iterable[bytes]:
        if "proxy" in request.path:
            return reply(200, {}, Date=date(-HOUR))
        return reply(
            200,
            {"kind": "PodList", "apiVersion": "v1", "items": [], "metadata": {}},
            Content_Type="application/json",
            Date=date(HOUR),
        )

    with Server(answer) as server:
        client = connect(server.url)
        client.proxy("monitoring", "prometheus", "web").get("/", {}, 5)
        assert client.clock_offset() == timedelta(0)
        client.list(BY_PLURAL["pods"])
    assert abs(client.clock_offset() - HOUR) < timedelta(seconds=20)
