"""TLS, headers, logins and the log of the ingress controller's settings, on a real nginx."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack.nginx.client import Answer, Client
from tests.stack.nginx.server import Nginx, running
from tests.stack.rendered import site
from tests.testbed.process import poll

INSIDE = "203.0.113.7"  # one of the site's internal_sources
OUTSIDE = "198.51.100.7"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running(tmp_path_factory.mktemp("nginx"), site("aws")) as nginx:
        yield nginx


@pytest.fixture
def client(nginx: Nginx) -> Client:
    return Client(nginx, INSIDE)


def version(only: ssl.TLSVersion, nginx: Nginx) -> ssl.SSLContext:
    """Settings of a client that speaks one version of TLS, old ones too."""
    settings = ssl.create_default_context(cafile=str(nginx.authority))
    settings.set_ciphers("ALL:@SECLEVEL=0")
    settings.minimum_version = settings.maximum_version = only
    return settings


@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_spoken(nginx: Nginx, client: Client, only: ssl.TLSVersion) -> None:
    with client.tls("api", version(only, nginx)) as connection:
        assert (connection.version() or "").replace(".", "_") == only.name
        assert any(name in (connection.cipher() or ("",))[0] for name in ("GCM", "CHACHA20"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_tls_is_refused_by_the_server(nginx: Nginx, client: Client, only: ssl.TLSVersion) -> None:
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        client.tls("api", version(only, nginx))


def test_a_cipher_without_forward_secrecy_is_refused(nginx: Nginx, client: Client) -> None:
    settings = version(ssl.TLSVersion.TLSv1_2, nginx)
    settings.set_ciphers("AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-AES128-SHA")
    with pytest.raises(ssl.SSLError, match="alert handshake failure"):
        client.tls("api", settings)


def test_http_2_is_negotiated_and_spoken(nginx: Nginx, client: Client) -> None:
    settings = ssl.create_default_context(cafile=str(nginx.authority))
    settings.set_alpn_protocols(["h2", "http/1.1"])
    with client.tls("@", settings) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    assert curl(nginx, "api", "/", "%{http_version} %{http_code}") == "2 200"


def curl(nginx: Nginx, host: str, path: str, show: str) -> str:
    """What curl says of a request over HTTP/2."""
    name = Client(nginx).name(host)
    command = ["curl", "-sS", "-o", "/dev/null", "-w", show, "--http2", "--haproxy-protocol"]
    command += ["--cacert", str(nginx.authority), "--resolve", f"{name}:{nginx.place.port}:127.0.0.1"]
    url = f"https://{name}:{nginx.place.port}{path}"
    return subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=180).stdout


def test_a_websocket_passes(client: Client) -> None:
    with client.tls("grafana") as connection:
        lines = ["GET /api/live/ws HTTP/1.1", f"Host: {client.name('grafana')}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.settimeout(10)
        answer = received(connection, b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"a frame;")
        assert received(connection, b";") == b"a frame;"


def received(connection: socket.socket, end: bytes) -> bytes:
    """What comes until *end*."""
    got = b""
    while not got.endswith(end) and (more := connection.recv(1)):
        got += more
    return got


def answers(client: Client) -> dict[int, Answer]:
    """One answer for each of the statuses that people see."""
    found = [
        client.ask("api", "/"),
        client.ask("api", "/missing"),
        client.ask("prometheus", "/"),
        client.ask("api", "/?id=1%27%20OR%20%271%27=%271%20UNION%20SELECT%20name%20FROM%20users--"),
        *(client.ask("api", "/auth/login", method="POST") for _ in range(20)),
    ]
    return {each.status: each for each in found}


def test_every_answer_has_the_headers(nginx: Nginx) -> None:
    found = answers(Client(nginx, "203.0.113.8"))
    assert sorted(found) == [200, 401, 403, 404, 429]
    for answer in found.values():
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert "default-src" in answer.headers["content-security-policy"]
        assert not {"server", "x-powered-by"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("host", "path", "policy"),
    [
        ("api", "/", "default-src 'none'"),
        ("@", "/", "connect-src 'self' https://api.example.com wss://api.example.com"),
        ("shop", "/", "upgrade-insecure-requests"),
        ("grafana", "/", "connect-src 'self' wss://grafana.example.com"),
        ("prometheus", "/", "frame-ancestors 'none'"),
        ("@", "/own-policy", "default-src 'none'"),
    ],
)
def test_the_policy_of_content_is_the_hosts(client: Client, host: str, path: str, policy: str) -> None:
    headers = client.ask(host, path, headers=client.login() if host == "prometheus" else {}).headers
    assert policy in headers["content-security-policy"]
    assert headers["content-security-policy"].count("default-src") == 1


@pytest.mark.parametrize(
    ("host", "path"), [("prometheus", "/graph"), ("alertmanager", "/"), ("loki", "/loki/api/v1/labels")]
)
def test_internal_hosts_ask_who_one_is_and_from_where(nginx: Nginx, client: Client, host: str, path: str) -> None:
    assert client.ask(host, path).status == 401
    assert client.ask(host, path, headers={"Authorization": "Basic cGxhdGZvcm06Z3Vlc3M="}).status == 401
    known = client.ask(host, path, headers=client.login())
    assert known.status == 200
    assert known.body == b"password: "  # it stays here
    outside = Client(nginx, OUTSIDE)
    assert outside.ask(host, path, headers=outside.login()).status == 403


@pytest.mark.parametrize(
    "path", ["/loki/api/v1/push", "/loki/api/v1/delete", "/loki/api/v1/query/../push", "/api/prom/push", "/flush", "/"]
)
def test_loki_takes_no_logs_from_outside(client: Client, path: str) -> None:
    assert client.ask("loki", path, method="POST", headers=client.login()).status in (403, 404)


def test_a_name_that_nobody_serves_is_not_found(client: Client) -> None:
    assert client.ask("nobody", "/").status == 404


def test_a_body_that_is_too_large_is_refused_before_the_application(client: Client) -> None:
    assert client.ask("api", "/documents", method="PUT", body="a" * (7 << 20)).status == 200
    assert client.ask("api", "/documents", method="PUT", body="a" * (9 << 20)).status == 413


def test_the_log_is_json_without_query_strings(nginx: Nginx, client: Client) -> None:
    nginx.reopen_logs()
    agent = 'Reader/5.0 ("Linux")'
    client.ask("api", "/v1/report?token=hidden", headers={"User-Agent": agent, "X-Request-ID": "one"})
    client.ask("@", "/missing/page")

    def logged() -> list[dict[str, Any]]:
        return [each for each in nginx.requests() if each["path"] in ("/v1/report", "/missing/page")]

    poll(lambda: len(logged()) == 2, "both requests logged")
    first, second = logged()
    assert "hidden" not in nginx.place.access_log.read_text()
    expected = {"request_id": "one", "client": INSIDE, "host": "api.example.com", "method": "GET", "status": 200}
    expected |= {"path": "/v1/report", "namespace": "llm-analytics", "ingress": "llm-analytics-api"}
    assert first.items() >= expected.items()
    assert first["user_agent"] == agent
    assert first["tls"] == "TLSv1.3"
    assert isinstance(first["duration"], float)
    assert (second["status"], second["upstream_status"], second["ingress"]) == (404, "404", "llm-analytics-frontend")
    assert len(second["request_id"]) == 32
