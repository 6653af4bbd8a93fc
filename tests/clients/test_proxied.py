from __future__ import annotations

import pytest

from hubops.clients.http import DirectTransport, Response
from hubops.clients.proxied import NoWay, Proxied
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable
from tests.clients.server import Server, reply


def get(status: int, body: object) -> Response:
    with Server(reply(status, body)) as server:
        transport = DirectTransport("prometheus", EndpointConfig(url=server.url))
        return Proxied(transport, "monitoring/prometheus:web", "/prefix").get("/x", {}, 5)


def refused(message: str) -> dict[str, object]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}


def test_the_answers_of_the_service_are_its_own() -> None:
    assert get(200, "ok").body == b"ok"
    assert get(404, "404 page not found").status == 404
    assert get(400, {"status": "error", "error": "parse error"}).status == 400
    assert get(503, b"\xff").status == 503


def test_the_path_of_the_api() -> None:
    with Server(reply(200, "")) as server:
        way = Proxied(DirectTransport("p", EndpointConfig(url=server.url)), "a/b:c", "/select/0/prometheus")
        assert way.url == f"{server.url}/select/0/prometheus"
        way.get("/api/v1/query", {"query": "up"}, 5)
        assert (server.requests[0].path, server.requests[0].params) == (
            "/select/0/prometheus/api/v1/query",
            {"query": "up"},
        )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_service_that_the_api_server_does_not_reach_now(status: int) -> None:
    says = "^monitoring/prometheus:web through the API server: error trying to reach service: refused$"
    with pytest.raises(Retryable, match=says):
        get(status, refused("error trying to reach service: refused"))


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_service_that_the_api_server_does_not_give(status: int) -> None:
    says = rf"^monitoring/prometheus:web through the API server: services \"p\" \\x1b\[0m is forbidden \({status}\)$"
    with pytest.raises(Permanent, match=says) as caught:
        get(status, refused('services "p" \x1b[0m is forbidden'))
    assert caught.value.status == status


def test_no_answer_names_the_service() -> None:
    transport = DirectTransport("p", EndpointConfig(url="http://prometheus.invalid"))
    with pytest.raises(Retryable, match=r"^a/b:c through the API server: http://prometheus\.invalid: its name"):
        Proxied(transport, "a/b:c").get("/x", {}, 5)


@pytest.mark.parametrize("said", ["dial tcp 10.0.0.9:9090: i/o timeout", "connect: no route to host"])
def test_a_service_that_the_api_server_cannot_connect_to(said: str) -> None:
    with pytest.raises(NoWay, match="monitoring/prometheus:web through the API server: "):
        get(503, refused(f"error trying to reach service: {said}"))


def test_a_service_that_refuses_may_be_starting() -> None:
    with pytest.raises(Retryable) as raised:
        get(503, refused("error trying to reach service: dial tcp 10.0.0.9:9090: connect: connection refused"))
    assert not isinstance(raised.value, NoWay)
