from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from hubops.clients.alertmanager import Alertmanager
from hubops.clients.http import DirectTransport
from hubops.clients.retry import Deadline
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable
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
