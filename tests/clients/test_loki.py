"""Loki's own answers are tested on the testbed (tests/collect); here is what it, or what stands before it, refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hubops.clients.http import DirectTransport
from hubops.clients.loki import Loki, selector
from hubops.clients.retry import Deadline
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable
from hubops.model.snapshot import LogLine
from tests.clients.server import Server, reply

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NS = int(AT.timestamp()) * 10**9


def client(url: str, seconds: float = 30) -> Loki:
    transport = DirectTransport("loki", EndpointConfig(url=url))
    return Loki(transport, timeout=10, deadline=Deadline(seconds))


def answer(kind: str, result: object) -> list[bytes]:
    return reply(200, {"status": "success", "data": {"resultType": kind, "result": result, "stats": {"summary": {}}}})


def test_a_metric_query() -> None:
    with Server(answer("vector", [{"metric": {"app": "cart"}, "value": [AT.timestamp(), "7"]}])) as server:
        (sample,) = client(server.url).query('sum by (app) (rate({app=~".+"}[5m]))', AT)
        assert (sample.labels, sample.number, sample.at) == ({"app": "cart"}, 7.0, AT)
        assert server.requests[0].path == "/loki/api/v1/query"
        assert server.requests[0].params["time"] == str(NS)


def test_lines_of_several_streams_in_order_and_no_more_than_asked_for() -> None:
    streams = [
        {"stream": {}, "values": [[str(NS + 4), "e"], [str(NS + 2), "c"], [str(NS + 2), "b"]]},
        {"stream": {}, "values": [[str(NS + 3), "d", {"trace_id": "1"}], [str(NS), "a"]]},
    ]
    with Server(answer("streams", streams)) as server:
        lines = client(server.url).lines("{app=~'.+'}", AT - timedelta(hours=1), AT, 4)
        assert [line.text for line in lines] == ["b", "c", "d", "e"]
        asked = server.requests[0].params
        assert (asked["limit"], asked["direction"], asked["end"]) == ("4", "backward", str(NS))


def test_hostile_lines_go_through_as_data() -> None:
    text = "\x1b[2J\x00</script>\u202e\nsecond"
    with Server(answer("streams", [{"stream": {}, "values": [[str(NS), text]]}])) as server:
        assert client(server.url).lines("{}", AT, AT, 5) == (LogLine(text, AT),)


def test_labels() -> None:
    with Server(reply(200, {"status": "success", "data": ["namespace", "pod"]})) as server:
        assert client(server.url).labels(AT, AT) == {"namespace", "pod"}
    with Server(reply(200, {"status": "success"})) as server:
        assert client(server.url).labels(AT, AT) == frozenset()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (
            400,
            "the query would read too many bytes (query: 1 TB, limit: 100 GB)\n",
            "400: the query would read too many",
        ),
        (400, "maximum of series (500) reached for a single query", "400: maximum of series"),
        (400, "parse error at line 1, col 2: syntax error", "400: parse error"),
        (401, "no org id", "401: .*; configure tenant: no org id"),
        (200, "<title>Grafana</title>", "web page"),
        (200, {"status": "success", "data": {"resultType": "streams", "result": []}}, "yields streams, not one number"),
        (200, {"status": "success", "data": []}, "without a result"),
    ],
)
def test_a_refused_query_is_named_with_the_reason(status: int, body: object, says: str) -> None:
    with Server(reply(status, body)) as server:
        with pytest.raises(Permanent, match=rf"{says}.*\(query: rate\(x\)\)"):
            client(server.url).query("rate(x)", AT)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "values", [[["x", "line"]], [["1"]], [[]], [[None, "line"]], "text", [[str(10**30), "line"]], [7]]
)
def test_streams_that_are_none(values: object) -> None:
    with Server(answer("streams", [{"values": values}])) as server, pytest.raises(Permanent, match="Loki answered"):
        client(server.url).lines("{}", AT, AT, 5)


def test_numbers_where_lines_were_asked_for() -> None:
    with Server(answer("matrix", [])) as server, pytest.raises(Permanent, match="yields matrix, not log lines"):
        client(server.url).lines("{}", AT, AT, 5)


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_what_may_pass(status: int) -> None:
    """It is asked again until the deadline, which may be over before a busy machine brings the last answer."""
    said = "too many|the run's deadline of 0.3 s was over"
    with Server(reply(status, "too many outstanding requests")) as server, pytest.raises(Retryable, match=said):
        client(server.url, seconds=0.3).query("rate(x)", AT)


def test_a_selector_quotes_what_it_is_given() -> None:
    assert selector({"namespace": 'a"b\\', "pod": "x\ny"}) == '{namespace="a\\"b\\\\",pod="x\\ny"}'
