from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from hubops.clients.http import DirectTransport
from hubops.clients.prometheus import Answer, Prometheus
from hubops.clients.retry import Deadline
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable, SourceError
from hubops.model.alerting import Rule
from hubops.model.snapshot import Sample
from tests.clients.server import Server, reply
from tests.testbed.process import poll

HOSTILE = "\x1b[31m </script> \u202e [bold]"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def client(url: str, seconds: float = 30) -> Prometheus:
    transport = DirectTransport("prometheus", EndpointConfig(url=url))
    return Prometheus(transport, timeout=10, deadline=Deadline(seconds))


def ask(body: object, status: int = 200, *, query: str = "up", seconds: float = 30, **headers: str) -> Answer:
    with Server(reply(status, body, **headers)) as server:
        return client(server.url, seconds).query(query, AT)


def vector(*series: object, **envelope: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(series)}, **envelope}


class TestRealServer:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def test_a_vector(self, prometheus_url: str) -> None:
        prometheus = client(prometheus_url)
        poll(lambda: bool(prometheus.query("up == 1", self.now()).samples), "Prometheus scraped itself")
        (sample,) = prometheus.query("up", self.now()).samples
        assert sample.labels["job"] == "self"
        assert (sample.value, sample.number) == ("1", 1.0)
        assert abs((sample.at - self.now()).total_seconds()) < 30

    def test_a_scalar_and_what_json_has_no_number_for(self, prometheus_url: str) -> None:
        for query, value in (("1 / 0", "+Inf"), ("-1 / 0", "-Inf"), ("0 / 0", "NaN"), ("vector(0/0)", "NaN")):
            (sample,) = client(prometheus_url).query(query, AT).samples
            assert (sample.labels, sample.value, sample.at) == ({}, value, AT)

    def test_nothing_is_an_answer(self, prometheus_url: str) -> None:
        assert client(prometheus_url).query("no_such_metric", AT) == Answer(samples=())

    def test_it_is_asked_about_the_moment_of_the_snapshot(self, prometheus_url: str) -> None:
        (sample,) = client(prometheus_url).query("time()", AT).samples
        assert sample.number == AT.timestamp()

    def test_a_query_that_does_not_parse(self, prometheus_url: str) -> None:
        with pytest.raises(Permanent, match=r"400.*parse error.*\(query: sum\(up\)") as caught:
            client(prometheus_url).query("sum(up", AT)
        assert caught.value.status == 400

    def test_a_query_that_is_too_much_for_it(self, prometheus_url: str) -> None:
        with pytest.raises(
            Permanent, match=r"422: query processing would load too many samples.*\(query: max_over_time"
        ):
            client(prometheus_url).query("max_over_time(vector(1)[10000s:1s])", self.now())

    def test_a_range_is_not_one_number_per_series(self, prometheus_url: str) -> None:
        with pytest.raises(Permanent, match=r"yields matrix, not one number per series \(query: up\[5m\]\)"):
            client(prometheus_url).query("up[5m]", AT)
        with pytest.raises(Permanent, match="yields string"):
            client(prometheus_url).query('"text"', AT)

    def test_hostile_text_goes_through_as_data(self, prometheus_url: str) -> None:
        prometheus = client(prometheus_url)
        poll(lambda: bool(prometheus.query("hostile", self.now()).samples), "the rule was evaluated")
        (sample,) = prometheus.query("hostile", self.now()).samples
        assert sample.labels["text"] == "\x1b[31mred\x1b[0m </script> \u202e {{ 1 }} [bold]"

    def test_its_rules(self, prometheus_url: str) -> None:
        asked = client(prometheus_url)
        poll(lambda: asked.rules()[0].rules[0].health == "ok", "the rule was evaluated")
        (group,) = asked.rules()
        (rule,) = group.rules
        assert (group.name, group.interval) == ("hostile", 1.0)
        assert group.last_evaluation is not None
        assert (rule.name, rule.type, rule.last_error, rule.annotations) == ("hostile", "recording", "", ())

    def test_a_long_query(self, prometheus_url: str) -> None:
        query = " or ".join(f'no_such_metric{{pod="some-pod-{n}"}}' for n in range(1000))
        assert client(prometheus_url).query(query, AT).samples == ()

    def test_a_path_that_is_not_the_api(self, prometheus_url: str) -> None:
        with pytest.raises(Permanent, match=r"404: nothing answers at this path; is the url complete\?"):
            client(prometheus_url + "/prefix").query("up", AT)
        with pytest.raises(Permanent, match="404"):
            client(prometheus_url + "/static").query("up", AT)


ALERTING = {
    "name": "A",
    "type": "alerting",
    "health": "err",
    "lastError": HOSTILE,
    "labels": {"severity": "warning"},
    "annotations": {"summary": "not kept", "runbook_url": "not kept"},
    "alerts": [{"value": "1"}],
}
RECORDING = {"name": "b", "type": "recording", "health": "unknown", "query": "x"}
GROUP = {"name": "g", "file": "/rules/g.yaml", "interval": 30, "lastEvaluation": "0001-01-01T00:00:00Z"}
RULES = {"groups": [{**GROUP, "rules": [ALERTING, RECORDING]}, {"name": "empty", "rules": None}]}


def test_rules_are_trimmed() -> None:
    with Server(reply(200, {"status": "success", "data": RULES})) as server:
        found, empty = client(server.url).rules()
        assert server.requests[0].params == {"exclude_alerts": "true"}
    assert found.last_evaluation is None
    assert found.rules == (
        Rule(name="A", health="err", last_error=HOSTILE, severity="warning", annotations=("runbook_url", "summary")),
        Rule(name="b", type="recording", health="unknown"),
    )
    assert empty.rules == ()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, "404 page not found", "404"),
        (200, {"status": "success", "data": {"groups": [{"rules": 7}]}}, "rules that hubops cannot read"),
        (200, {"status": "error", "error": "no ruler"}, "no ruler"),
    ],
)
def test_a_store_that_has_no_rules_to_give(status: int, body: object, says: str) -> None:
    with Server(reply(status, body)) as server, pytest.raises(Permanent, match=says):
        client(server.url).rules()


def test_a_complete_answer_has_no_remarks() -> None:
    answer = ask(vector({"metric": {"a": "b"}, "value": [1.5, "2"]}))
    assert answer == Answer(samples=(Sample({"a": "b"}, "2", datetime(1970, 1, 1, 0, 0, 1, 500000, UTC)),))


def test_a_partial_answer_says_so() -> None:
    warning = "No StoreAPIs matched for this query"
    answer = ask(vector({"metric": {}, "value": [0, "1"]}, warnings=[warning]))
    assert len(answer.samples) == 1
    assert answer.partial == warning
    assert ask(vector(isPartial=True)).partial == "some of its storage nodes did not answer"


def test_a_note_about_the_query_is_not_missing_data() -> None:
    note = 'PromQL warning: encountered a mix of histograms and floats for metric name "x"'
    answer = ask(vector(warnings=[note], infos=["PromQL info: metric might not be a counter"]))
    assert (answer.partial, answer.notes) == (None, (note,))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, "<html><head><title>Log in\n- SSO</title></head></html>", r"a web page \(Log in - SSO\) instead of JSON"),
        (200, "<!doctype html>", "a web page instead of JSON"),
        (200, "", "nothing instead of JSON"),
        (200, "Prometheus is Ready.", "'Prometheus is Ready.' instead of JSON"),
        (200, b"\xff\xfe\x00", "instead of JSON"),
        (200, {"status": "success", "data": {"result": []}}, "without a result"),
        (200, {"status": "success"}, "without a result"),
        (200, {"status": "error", "errorType": "bad_data", "error": "no\nidea"}, "Prometheus: no idea"),
        (200, {"kind": "Status"}, "JSON that hubops does not know"),
        (200, [], "JSON that hubops does not know"),
        (200, vector({"metric": {"a": 1}, "value": [1, "1"]}), "vector that hubops cannot read"),
        (200, vector({"metric": {}, "value": [1, "one"]}), "a value that is no number: one"),
        (200, vector({"metric": {}, "value": [1e300, "1"]}), "a value that is no number"),
        (200, vector({"metric": {}, "value": [1, 1]}), "vector that hubops cannot read"),
        (200, vector({"metric": {}, "histogram": [1, {}]}), "yields histograms"),
        (400, {"status": "error", "errorType": "bad_data", "error": "parse error"}, "400: parse error"),
        (401, "", "401: it asks for credentials, or refuses the ones it got"),
        (401, "no org id\n", "401: .*; configure tenant: no org id"),
        (403, {"kind": "Status", "message": "services is forbidden"}, "403: .*: services is forbidden"),
        (404, "404 page not found", "404: nothing answers at this path"),
        (422, {"status": "error", "errorType": "execution", "error": "too many samples"}, "422: too many samples"),
        (
            503,
            {"status": "error", "errorType": "timeout", "error": "query timed out"},
            "gave the query up: query timed",
        ),
        (204, "", "answered 204"),
        (400, "[" * 100_000, r"400: \[\["),
        (200, "[" * 100_000 + "]" * 100_000, "instead of JSON|does not know"),
    ],
)
def test_what_trying_again_does_not_help(status: int, body: object, says: str) -> None:
    with pytest.raises(Permanent, match=rf"(?s){says}.*\(query: up\)"):
        ask(body, status)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (429, "", "429: it is asked too much"),
        (500, {"status": "error", "errorType": "internal", "error": "compaction"}, "500: compaction"),
        (502, "<html><title>502 Bad Gateway</title>nginx</html>", "502: 502 Bad Gateway"),
        (503, "no healthy upstream", "503: no healthy upstream"),
        (503, {"message": 'no endpoints available for service "p"'}, "503: no endpoints available"),
        (504, "", "504"),
        (200, json.dumps(vector())[:-5], "an incomplete JSON document"),
    ],
)
def test_what_may_pass(status: int, body: object, says: str) -> None:
    with pytest.raises(Retryable, match=says):
        ask(body, status, seconds=2)


def test_it_is_asked_again_until_it_answers() -> None:
    def answer(_: object) -> list[bytes]:
        busy = len(server.requests) < 3
        return reply(503, "starting", Retry_After="0") if busy else reply(200, vector())

    server = Server(answer)
    with server:
        assert client(server.url).query("up", AT).samples == ()
        assert len(server.requests) == 3
        assert server.requests[0].params["query"] == "up"
        assert float(server.requests[0].params["timeout"].removesuffix("s")) <= 10


@pytest.mark.parametrize("after", ["120", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_long_wait_that_it_asks_for_is_told_not_waited_for(after: str) -> None:
    with Server(reply(429, "slow down", Retry_After=after)) as server:
        with pytest.raises(Retryable, match="slow down") as caught:
            client(server.url).query("up", AT)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after >= 120
        assert len(server.requests) == 1


@pytest.mark.parametrize("after", ["soon", "-1", "Fri, 99 Foo", "1e9"])
def test_a_wait_that_cannot_be_read_is_ignored(after: str) -> None:
    with pytest.raises(Retryable) as caught:
        ask("busy", 429, seconds=0.3, Retry_After=after)
    assert caught.value.retry_after is None


def test_the_servers_words_are_shown_inert_and_short() -> None:
    with pytest.raises(SourceError) as caught:
        ask("\x1b]0;title\x07" + "password=hunter2 " + "x" * 5000, 403)
    text = str(caught.value)
    assert "\x1b" not in text
    assert "hunter2" not in text
    assert len(text) < 500
