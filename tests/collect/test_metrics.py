from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hubops.clients.http import DirectTransport
from hubops.clients.prometheus import Prometheus
from hubops.clients.retry import Deadline
from hubops.collect.metrics import read_metrics
from hubops.collect.part import Part, status_of
from hubops.config import EndpointConfig
from hubops.errors import Retryable
from tests.clients.server import Request, Server, reply

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(url: str, *queries: str, at: datetime | None = None, seconds: float = 20) -> Part:
    deadline = Deadline(seconds)
    transport = DirectTransport("prometheus", EndpointConfig(url=url))
    prometheus = Prometheus(transport, timeout=5, deadline=deadline)
    told: list[tuple[int, int]] = []

    def progress(source: str, done: int, total: int) -> None:
        assert source == "prometheus"
        told.append((done, total))

    part = read_metrics(prometheus, queries, at or datetime.now(UTC), deadline=deadline, progress=progress)
    assert told == [(n + 1, len(queries)) for n in range(len(queries))]
    return part


def scalar(ahead: timedelta = timedelta(0)) -> list[bytes]:
    now = (datetime.now(UTC) + ahead).timestamp()
    return reply(200, {"status": "success", "data": {"resultType": "scalar", "result": [now, str(now)]}})


def vector(**more: object) -> list[bytes]:
    result = [{"metric": {"a": "b"}, "value": [AT.timestamp(), "1"]}]
    return reply(200, {"status": "success", "data": {"resultType": "vector", "result": result}, **more})


def test_a_bad_query_costs_only_itself(prometheus_url: str) -> None:
    part = read(prometheus_url, "vector(1)", "sum(up", "absent(no_such_metric)")
    assert {query: [sample.value for sample in samples] for query, samples in part.metrics.items()} == {
        "vector(1)": ["1"],
        "absent(no_such_metric)": ["1"],
    }
    assert set(part.read) == {"promql:vector(1)", "promql:absent(no_such_metric)"}
    assert list(part.unread) == ["promql:sum(up"]
    assert "parse error" in part.unread["promql:sum(up"]
    status, reason = status_of(part)
    assert status == "partial"
    assert reason is not None
    assert reason.startswith("1 of 3 not read: Prometheus answered 400")


def test_all_is_well(prometheus_url: str) -> None:
    assert status_of(read(prometheus_url, "vector(1)")) == ("ok", None)


def test_a_server_that_is_down_is_not_asked_every_query() -> None:
    with Server(reply(503, "starting")) as server:
        with pytest.raises(Retryable, match="starting"):
            read(server.url, *(f"q{n}" for n in range(50)), seconds=1)
        assert len(server.requests) <= 4


def test_a_partial_answer_is_kept_and_counts_as_unread() -> None:
    def answer(request: Request) -> list[bytes]:
        return scalar() if "time" not in request.params else vector(warnings=["store eu-2 is unavailable"])

    with Server(answer) as server:
        part = read(server.url, "up")
    assert len(part.metrics["up"]) == 1
    assert part.read == ()
    assert part.unread == {"promql:up": "partial answer: store eu-2 is unavailable"}


@pytest.mark.parametrize(("ahead", "direction"), [(timedelta(minutes=10), "ahead of"), (timedelta(hours=-2), "behind")])
def test_a_clock_that_differs_is_told_and_asked_about_its_own_now(ahead: timedelta, direction: str) -> None:
    def answer(request: Request) -> list[bytes]:
        return scalar(ahead) if "time" not in request.params else vector()

    at = datetime.now(UTC)
    with Server(answer) as server:
        part = read(server.url, "up", at=at)
        asked = datetime.fromtimestamp(float(server.requests[-1].params["time"]), UTC)
    assert abs(asked - (at + ahead)) < timedelta(minutes=1)
    status, reason = status_of(part)
    assert status == "partial"
    assert reason is not None
    assert direction in reason


def test_clocks_that_agree_are_asked_about_the_moment_of_the_snapshot() -> None:
    at = datetime.now(UTC).replace(microsecond=123000)

    def answer(request: Request) -> list[bytes]:
        return scalar(timedelta(seconds=5)) if "time" not in request.params else vector()

    with Server(answer) as server:
        assert status_of(read(server.url, "up", at=at)) == ("ok", None)
        assert server.requests[-1].params["time"] == f"{at.timestamp():.3f}"
