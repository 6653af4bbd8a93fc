"""Prometheus, Alertmanager and Loki that answer badly or not at all: unknown with the reason, never a pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.clients.server import Answer, Request, Server, reply
from tests.end_to_end.program import Done, Program, hanging, together
from tests.end_to_end.rights import blind
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

#: Every check that asks Prometheus, and one that does not.
METRICS = ("target-down", "pv-fills-soon", "volume-nearly-full")
OTHER = "node-not-ready"
LABELS = {"namespace": "shop", "job": "cart", "persistentvolumeclaim": "data-cart-0", "instance": "10.0.0.1:80"}


def vector(*values: str, **more: Any) -> dict[str, Any]:
    series = [{"metric": LABELS, "value": [time.time(), value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": series}, **more}


def prometheus(answer: list[bytes]) -> Answer:
    """A Prometheus that knows the time, and gives *answer* to every other query."""
    clock = {"status": "success", "data": {"resultType": "scalar", "result": [time.time(), "1"]}}

    def answered(request: Request) -> Iterable[bytes]:
        return reply(200, clock) if request.params.get("query") == "time()" else answer

    return answered


def of_type(result_type: str, result: object) -> list[bytes]:
    return reply(200, {"status": "success", "data": {"resultType": result_type, "result": result}})


WEB_PAGE = reply(200, "<html><title>Sign in</title></html>", Content_Type="text/html")
LOGIN = reply(302, "", Location="https://sso.example.com/login?rd=prometheus")
BAD_QUERY = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unexpected end of input"}
TOO_MANY = {"status": "error", "errorType": "execution", "error": "query processing would load too many samples"}


def metrics(hubops: Program, server: Server, *flags: str) -> Done:
    return hubops.json("check", *METRICS, OTHER, "--prometheus-url", server.url, *flags)


BAD_PROMETHEUS: dict[str, tuple[Answer | list[bytes], str]] = {
    "NaN": (prometheus(reply(200, vector("NaN"))), "is NaN, which says nothing"),
    "Inf": (prometheus(reply(200, vector("+Inf"))), "is +Inf, which says nothing"),
    "empty": (prometheus(reply(200, vector())), "Prometheus has no series for it to look at"),
    "empty, also of the time": (reply(200, vector()), "Prometheus answered nothing to time()"),
    "web page": (WEB_PAGE, "Prometheus answered a web page (Sign in) instead of JSON; is this its API?"),
    "503": (reply(503, "<title>Service Unavailable</title>"), "Prometheus answered 503: Service Unavailable"),
    "cut off": (prometheus(reply(200, '{"status": "success", "data": {')), "answered an incomplete JSON document"),
    "broken off": ([reply(200, vector("1"))[0][:-9]], "broke its answer off"),
    "bad query": (prometheus(reply(400, BAD_QUERY)), "Prometheus answered 400: 1:5: parse error"),
    "too much": (prometheus(reply(422, TOO_MANY)), "would load too many samples (query: "),
    "matrix": (prometheus(of_type("matrix", [])), "the query yields matrix, not one number per series"),
    "string": (prometheus(of_type("string", [1, "x"])), "the query yields string, not one number per series"),
    "no number": (prometheus(reply(200, vector("many"))), "answered a value that is no number: many"),
    "login": (LOGIN, "redirects to https://sso.example.com:443, perhaps to log in"),
    "partial": (prometheus(reply(200, vector(warnings=["store 3 is down"]))), "partial answer: store 3 is down"),
    "null": (reply(200, "null"), "Prometheus answered JSON that hubops does not know"),
    "nothing": (reply(200, ""), "Prometheus answered nothing instead of JSON"),
}


def test_prometheus_that_answers_badly(hubops: Program) -> None:
    def run(answer: Answer | list[bytes]) -> Done:
        with Server(answer) as server:
            return metrics(hubops, server)

    runs = together(run, [answer for answer, _ in BAD_PROMETHEUS.values()])
    for (name, (_, said)), done in zip(BAD_PROMETHEUS.items(), runs, strict=True):
        assert (done.code, done.report["verdict"]) == (3, "unknown"), name
        assert (done.ids("unknown"), done.ids("passed")) == ({*METRICS}, {OTHER}), name
        for check in METRICS:
            assert said in done.check(check)["reason"], name


def test_prometheus_that_hangs(hubops: Program) -> None:
    with hanging() as server:
        done = metrics(hubops, server, "--deadline", "10s")
    assert (done.code, done.ids("unknown"), done.ids("passed")) == (3, {*METRICS}, {OTHER})
    assert "did not answer in time; the run's deadline of 10 s was over" in done.reasons()
    assert done.seconds < 40


def test_an_answer_of_ten_megabytes(hubops: Program) -> None:
    """It is believed, and what it says is told in bounded time and memory."""
    many = [
        {"metric": dict(LABELS, job=f"job-{number}", pod="p" * 900), "value": [time.time(), "0"]}
        for number in range(10_000)
    ]
    body = of_type("vector", many)
    assert len(body[0]) > 10_000_000
    with Server(prometheus(body)) as server:
        done = hubops.json("check", "target-down", "--prometheus-url", server.url, "--output", "rich=report.txt")
    assert (done.code, len(done.report["findings"])) == (1, 10_000)
    assert "target-down 10,000" in (hubops.home / "report.txt").read_text()
    assert done.seconds < 60


ALERTS = ("critical-alert-firing", "watchdog-missing")
BAD_ALERTMANAGER = {
    "404": (reply(404, "404 page not found"), "Alertmanager answered 404: nothing answers at this path"),
    "web page": (WEB_PAGE, "Alertmanager answered a web page (Sign in) instead of JSON"),
    "object": (reply(200, {"status": "success"}), "Alertmanager answered JSON that hubops does not know"),
    "nothing": (reply(200, ""), "Alertmanager answered nothing instead of JSON"),
    "503": (reply(503, "upstream is gone"), "Alertmanager answered 503: upstream is gone"),
    "cut off": (reply(200, '[{"labels": '), "Alertmanager answered an incomplete JSON document"),
    "login": (LOGIN, "perhaps to log in"),
}


def test_alertmanager_that_answers_badly(hubops: Program) -> None:
    def run(answer: list[bytes]) -> Done:
        with Server(answer) as server:
            return hubops.json("check", *ALERTS, OTHER, "--alertmanager-url", server.url)

    runs = together(run, [answer for answer, _ in BAD_ALERTMANAGER.values()])
    for (name, (_, said)), done in zip(BAD_ALERTMANAGER.items(), runs, strict=True):
        assert (done.code, done.ids("unknown"), done.ids("passed")) == (3, {*ALERTS}, {OTHER}), name
        for check in ALERTS:
            assert said in done.check(check)["reason"], name


LOGS = "error-log-spike"
BAD_LOKI: dict[str, tuple[Answer | list[bytes], str]] = {
    "bytes": (reply(400, "the query would read too many bytes (query: 12TB, limit: 5GB)"), "too many bytes"),
    "429": (reply(429, "too many outstanding requests"), "it is asked too much: too many outstanding requests"),
    "series": (reply(500, "maximum of series (500) reached for a single query"), "maximum of series (500) reached"),
    "labels": (
        lambda request: (
            reply(200, {"status": "success", "data": ["job"]})
            if request.path.endswith("/labels")
            else reply(200, vector())
        ),
        "Loki has no series for it to look at",
    ),
    "tenants": (reply(401, "no org id"), "configure tenant: no org id"),
    "web page": (WEB_PAGE, "Loki answered a web page (Sign in) instead of JSON"),
    "no data": (reply(200, {"status": "success"}), "Loki answered JSON without a result"),
}


def test_loki_that_refuses(hubops: Program) -> None:
    def run(answer: Answer | list[bytes]) -> Done:
        with Server(answer) as server:
            return hubops.json("check", LOGS, OTHER, "--loki-url", server.url)

    runs = together(run, [answer for answer, _ in BAD_LOKI.values()])
    for (name, (_, said)), done in zip(BAD_LOKI.items(), runs, strict=True):
        assert (done.code, done.ids("unknown"), done.ids("passed")) == (3, {LOGS}, {OTHER}), name
        assert said in done.check(LOGS)["reason"], name


def test_urls_that_are_none(hubops: Program) -> None:
    urls = {
        "ftp://prometheus": "prometheus.url: not an http:// or https:// URL",
        "prometheus:9090": "prometheus.url: not an http:// or https:// URL",
        "http://prometheus?token=hunter2": "prometheus.url: must end with the host or a path",
        "http://user:hunter2@[": "prometheus.url: not a URL",
    }
    runs = together(lambda url: hubops("check", *METRICS, "--prometheus-url", url), urls)
    for said, done in zip(urls.values(), runs, strict=True):
        assert done.code == 64, said
        done.only_says(said)
        assert "hunter2" not in done.err


@pytest.mark.parametrize("program", ["prometheus", "alertmanager", "loki"])
def test_a_real_one_that_ended(hubops: Program, testbed: Testbed, program: str) -> None:
    testbed.end_program(program)
    try:
        done = hubops.json("daily")
    finally:
        testbed.start_program(program)
    assert (done.code, done.ids("unknown")) == (3, blind(program))
    assert done.report["findings"] == []
    failed = {source["name"] for source in done.report["sources"] if source["status"] == "failed"}
    assert failed == {program}
    recovered(hubops.json)


def recovered(run: Callable[..., Done]) -> None:
    """A program that starts again has to scrape, or be sent, what it is asked about; the next test counts on it."""
    poll(lambda: not run("daily").code, "all is well again")
