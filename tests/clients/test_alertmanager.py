from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from hubops.clients.alertmanager import Alertmanager
from hubops.clients.http import DirectTransport
from hubops.clients.retry import Deadline
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable
from hubops.model.alerting import Matcher
from hubops.model.snapshot import Alert
from tests.clients.server import Server, reply
from tests.testbed.process import poll

HOSTILE = "\x1b[31m </script> \u202e [bold] \n second line"


def client(url: str, seconds: float = 30) -> Alertmanager:
    transport = DirectTransport("alertmanager", EndpointConfig(url=url))
    return Alertmanager(transport, timeout=10, deadline=Deadline(seconds))


def post(url: str, body: object) -> None:
    requests.post(url, json=body, timeout=10, proxies={"http": ""}).raise_for_status()


class TestRealServer:
    STARTED = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)

    @pytest.fixture
    def alerts(self, alertmanager_url: str) -> dict[str, Alert]:
        """One alert in each state."""
        labels: list[dict[str, str]] = [
            {"alertname": "Firing", "severity": "critical"},
            {"alertname": "Silenced"},
            {"alertname": "Cause", "role": "cause"},
            {"alertname": "Symptom", "role": "symptom"},
        ]
        now = datetime.now(UTC)
        silence = {
            "matchers": [{"name": "alertname", "value": "Silenced", "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "on-call",
            "comment": "known",
        }
        post(f"{alertmanager_url}/api/v2/silences", silence)
        started = self.STARTED.isoformat()
        posted = [{"labels": each, "startsAt": started, "annotations": {"summary": HOSTILE}} for each in labels]
        post(f"{alertmanager_url}/api/v2/alerts", posted)
        manager = client(alertmanager_url)
        poll(lambda: all(alert.state != "unprocessed" for alert in manager.alerts()), "all alerts were processed")
        return {alert.name: alert for alert in manager.alerts()}

    def test_alerts_in_every_state(self, alerts: dict[str, Alert]) -> None:
        assert {name: alert.state for name, alert in alerts.items()} == {
            "Firing": "active",
            "Silenced": "suppressed",
            "Cause": "active",
            "Symptom": "suppressed",
        }
        assert len(alerts["Silenced"].silenced_by) == 1
        assert alerts["Symptom"].inhibited_by == (alerts["Cause"].fingerprint,)
        assert alerts["Firing"].silenced_by == alerts["Firing"].inhibited_by == ()

    def test_what_an_alert_says(self, alerts: dict[str, Alert]) -> None:
        firing = alerts["Firing"]
        assert firing.labels == {"alertname": "Firing", "severity": "critical"}
        assert firing.annotations == {"summary": HOSTILE}
        assert firing.starts_at == self.STARTED
        assert firing.updated_at is not None
        assert abs(datetime.now(UTC) - firing.updated_at) < timedelta(minutes=1)

    def test_silences_without_those_that_have_expired(self, alerts: dict[str, Alert], alertmanager_url: str) -> None:
        now = datetime.now(UTC)
        matchers = [{"name": "alertname", "value": "a|b", "isRegex": True, "isEqual": False}]
        given = {
            "matchers": matchers,
            "startsAt": (now + timedelta(hours=1)).isoformat(),
            "endsAt": (now + timedelta(hours=2)).isoformat(),
            "createdBy": "later",
            "comment": HOSTILE,
        }
        for _ in range(2):
            post(f"{alertmanager_url}/api/v2/silences", given)
        known = {
            silence.id: silence for silence in client(alertmanager_url).silences() if silence.created_by == "later"
        }
        gone, kept = sorted(known)
        ended = requests.delete(f"{alertmanager_url}/api/v2/silence/{gone}", timeout=10, proxies={"http": ""})
        ended.raise_for_status()
        found = {silence.id: silence for silence in client(alertmanager_url).silences()}
        assert gone not in found
        assert found[kept].matchers == (Matcher("alertname", "a|b", is_regex=True, is_equal=False),)
        assert (found[kept].comment, found[kept].state) == (HOSTILE, "pending")
        assert found[kept].ends_at - found[kept].starts_at == timedelta(hours=1)
        assert found[alerts["Silenced"].silenced_by[0]].state == "active"

    def test_its_status_and_what_is_kept_of_its_configuration(self, alertmanager_url: str) -> None:
        status = client(alertmanager_url).status()
        assert status.version
        assert status.up_since is not None
        assert status.route.receiver in {receiver.name for receiver in status.receivers}
        assert status.inhibit_rules


def test_a_server_that_is_too_old_for_negative_matchers() -> None:
    silence = {
        "id": "a",
        "status": {"state": "active"},
        "startsAt": "2026-03-01T00:00:00Z",
        "endsAt": "2026-03-02T00:00:00Z",
        "matchers": [{"name": "x", "value": "y", "isRegex": False}],
    }
    with Server(reply(200, [silence])) as server:
        (found,) = client(server.url).silences()
        assert found.matchers == (Matcher("x", "y"),)


def test_a_status_without_a_configuration() -> None:
    with Server(reply(200, {"cluster": {"status": "disabled"}})) as server, pytest.raises(Permanent, match="not show"):
        client(server.url).status()


def test_no_alerts() -> None:
    with Server(reply(200, [])) as server:
        assert client(server.url).alerts() == ()
        assert server.requests[0].params == dict.fromkeys(("active", "silenced", "inhibited", "unprocessed"), "true")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, "<title>Log in</title>", r"a web page \(Log in\)"),
        (200, {"alerts": []}, "JSON that hubops does not know"),
        (200, [{"labels": {}}], "JSON that hubops does not know"),
        (404, "404 page not found", "404: nothing answers at this path; is the url complete.: 404 page"),
        (403, '"not you"', "403: .*: not you"),
    ],
)
def test_what_trying_again_does_not_help(status: int, body: object, says: str) -> None:
    with Server(reply(status, body)) as server, pytest.raises(Permanent, match=f"Alertmanager answered {says}"):
        client(server.url).alerts()


def test_what_may_pass() -> None:
    for status, body in ((503, "starting"), (200, '[{"labels": {')):
        with Server(reply(status, body)) as server, pytest.raises(Retryable):
            client(server.url, seconds=0.3).alerts()
