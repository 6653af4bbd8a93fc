"""What Alertmanager and the rules of Prometheus give: each piece in full, or why it is unread."""

from __future__ import annotations

from hubops.clients.alertmanager import Alertmanager
from hubops.clients.http import DirectTransport
from hubops.clients.prometheus import Prometheus
from hubops.clients.retry import Deadline
from hubops.collect.alerts import evidence, read_alertmanager
from hubops.collect.part import Part, status_of
from hubops.collect.rules import read_rules
from hubops.config import EndpointConfig
from hubops.model.snapshot import Needs
from tests.clients.server import Request, Server, reply

ALL = Needs(alerts=True, silences=True, alertmanager_status=True)


def read(url: str, needs: Needs) -> Part:
    deadline = Deadline(60)
    transport = DirectTransport("alertmanager", EndpointConfig(url=url))
    alertmanager = Alertmanager(transport, timeout=5, deadline=deadline)
    return read_alertmanager(alertmanager, needs, deadline=deadline, progress=lambda _source, _done, _total: None)


def test_all_of_a_real_server(alertmanager_url: str) -> None:
    part = read(alertmanager_url, ALL)
    assert set(part.read) == {"alerts", "silences", "alertmanager-status"}
    assert part.alertmanager is not None
    assert status_of(part) == ("ok", None)


def test_only_what_is_asked_for() -> None:
    with Server(reply(200, [])) as server:
        part = read(server.url, Needs(silences=True))
        assert [request.path for request in server.requests] == ["/api/v2/silences"]
    assert part.read == ("silences",)


def test_nothing_is_asked_for() -> None:
    assert evidence(Needs()) == ()


def test_one_path_that_is_missing_costs_only_itself() -> None:
    def answer(request: Request) -> list[bytes]:
        return reply(404, "page not found") if request.path.endswith("status") else reply(200, [])

    with Server(answer) as server:
        part = read(server.url, ALL)
    assert set(part.read) == {"alerts", "silences"}
    assert "404" in part.unread["alertmanager-status"]
    assert status_of(part)[0] == "partial"


def test_a_store_without_rules_gives_its_metrics_all_the_same() -> None:
    before = Part(read=("promql:up",), metrics={"up": ()})
    with Server(reply(404, "page not found")) as server:
        transport = DirectTransport("prometheus", EndpointConfig(url=server.url))
        part = read_rules(Prometheus(transport, timeout=5, deadline=Deadline(60)), before)
    assert part.read == before.read
    assert list(part.unread) == ["rules"]
    assert "404" in part.unread["rules"]


def test_the_rules_of_a_real_server(prometheus_url: str) -> None:
    transport = DirectTransport("prometheus", EndpointConfig(url=prometheus_url))
    part = read_rules(Prometheus(transport, timeout=5, deadline=Deadline(60)), Part())
    assert part.read == ("rules",)
    assert [group.name for group in part.rules] == ["hostile"]
