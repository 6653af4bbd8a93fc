from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hubops.clients.http import DirectTransport
from hubops.clients.loki import Loki
from hubops.clients.retry import Deadline
from hubops.collect.logs import LINE_LENGTH, SERIES, inoffensive, read_logs
from hubops.collect.part import Part, status_of
from hubops.config import EndpointConfig
from hubops.errors import Retryable
from hubops.model.snapshot import LogLine, Needs
from tests.clients.server import Request, Server, reply

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NS = int(AT.timestamp()) * 10**9
RATE = 'sum by (app) (rate({app=~".+"} |= "error" [5m])) > 1'


def read(url: str, needs: Needs, seconds: float = 20) -> Part:
    deadline = Deadline(seconds)
    loki = Loki(DirectTransport("loki", EndpointConfig(url=url)), timeout=5, deadline=deadline)
    return read_logs(loki, needs, AT, deadline=deadline, progress=lambda *_: None)


class FakeStream:
    """Answers as Loki does: *apps* are the series of every metric query, and each has two lines."""

    def __init__(self, apps: dict[str, float], lines_status: int = 200) -> None:
        self.apps = apps
        self.lines_status = lines_status

    def __call__(self, request: Request) -> list[bytes]:
        if request.path == "/loki/api/v1/labels":
            return reply(200, {"status": "success", "data": ["app"]})
        if request.params["query"] == "bad":
            return reply(400, "the query would read too many bytes (query: 1 TB, limit: 1 GB)")
        if request.path == "/loki/api/v1/query":
            series = [{"metric": {"app": app}, "value": [AT.timestamp(), str(n)]} for app, n in self.apps.items()]
            return reply(200, {"status": "success", "data": {"resultType": "vector", "result": series}})
        if self.lines_status != 200:
            return reply(self.lines_status, "no")
        values = [[str(NS - 1), "newest token=abcdef"], [str(NS - 2), "\x1b[31m older"]]
        return reply(200, {"status": "success", "data": {"resultType": "streams", "result": [{"values": values}]}})


NEEDS = Needs(logql=frozenset({RATE}), log_lines={RATE: frozenset({'{app="{app}"} |= "error"'})})


def test_numbers_and_sample_lines_of_the_series_they_name() -> None:
    with Server(FakeStream({"cart": 3, 'a"b': 2})) as server:
        part = read(server.url, NEEDS)
    assert {sample.labels["app"]: sample.number for sample in part.log_metrics[RATE]} == {"cart": 3, 'a"b': 2}
    assert set(part.log_lines) == {'{app="cart"} |= "error"', '{app="a\\"b"} |= "error"'}
    older, newest = part.log_lines['{app="cart"} |= "error"']
    assert older.text == "\x1b[31m older"
    assert newest.text == "newest token=[redacted]"
    assert older.at is not None
    assert newest.at is not None
    assert older.at <= newest.at <= AT
    assert part.read == (f"logql:{RATE}",)
    assert status_of(part) == ("ok", None)


def test_lines_are_read_for_the_largest_series_only() -> None:
    with Server(FakeStream({f"app-{n}": n for n in range(SERIES + 5)})) as server:
        part = read(server.url, NEEDS)
    assert len(part.log_lines) == SERIES
    assert '{app="app-4"} |= "error"' not in part.log_lines


def test_lines_that_cannot_be_read_hide_nothing() -> None:
    with Server(FakeStream({"cart": 3}, lines_status=400)) as server:
        part = read(server.url, NEEDS)
    assert part.read == (f"logql:{RATE}",)
    assert part.unread == {}
    status, reason = status_of(part)
    assert status == "partial"
    assert reason is not None
    assert reason.startswith("1 of 1 samples of log lines not read: Loki answered 400: no")


def test_a_refused_query_is_unread_with_the_reason() -> None:
    with Server(FakeStream({})) as server:
        part = read(server.url, Needs(logql=frozenset({"bad", RATE})))
    assert part.read == (f"logql:{RATE}",)
    assert "would read too many bytes" in part.unread["logql:bad"]


def test_a_server_that_is_down_is_not_asked_every_query() -> None:
    with Server(reply(503, "starting")) as server:
        with pytest.raises(Retryable, match="starting"):
            read(server.url, Needs(logql=frozenset(f"q{n}" for n in range(50))), seconds=1)
        assert len(server.requests) <= 4


def texts(*lines: str) -> list[str]:
    return [line.text for line in inoffensive([LogLine(text) for text in lines])]


def test_credentials_do_not_enter_a_snapshot() -> None:
    assert texts('{"password": "hunter2"}', "GET /?q=1") == ['{"password": "[redacted]"}', "GET /?q=1"]
    assert "hunter2" not in texts("x" * (LINE_LENGTH - 5) + " password=hunter2hunter2")[0]


BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["a", BEGIN, "MIIabc", END, "b"], ["a", "b"]),
        (["MIIabc", END, "b"], ["b"]),
        (["a", BEGIN, "MIIabc"], ["a"]),
        (["MIIabc", END, "b", BEGIN, "MIIabc"], ["b"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_a_private_key_over_several_lines_does_not_enter_a_snapshot(lines: list[str], kept: list[str]) -> None:
    shown = texts(*lines)
    assert len(shown) == len(lines)
    assert [text for text in shown if text != "[redacted]"] == kept


def test_a_long_line_is_cut() -> None:
    (line,) = inoffensive([LogLine("word " * 10**6, AT)])
    assert len(line.text) == LINE_LENGTH
    assert line.text.endswith("…")
    assert line.at == AT
