from __future__ import annotations

import base64
import gzip
import itertools
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients import http
from hubops.clients.http import DirectTransport, Response
from hubops.config import BasicAuth, EndpointConfig
from hubops.errors import ConfigError, Permanent, Retryable
from tests.clients.certificates import Authority
from tests.clients.server import Request, Server, reply


def get(config: EndpointConfig, path: str = "/x", timeout: float = 5) -> Response:
    return DirectTransport("prometheus", config).get(path, {}, timeout)


@pytest.fixture
def echo() -> Iterator[Server]:
    with Server(reply(200, b"ok", X_Mark="yes")) as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_an_answer_has_status_headers_and_body(echo: Server) -> None:
    transport = DirectTransport("prometheus", EndpointConfig(url=echo.url + "/prefix/"))
    answer = transport.get("/api/v1/query", {"query": 'up{job="a&b"} > 0 # ü'}, 5)
    assert (answer.status, answer.body, answer.headers["x-mark"]) == (200, b"ok", "yes")
    (request,) = echo.requests
    assert request.path == "/prefix/api/v1/query"
    assert request.params == {"query": 'up{job="a&b"} > 0 # ü'}
    assert request.headers["user-agent"].startswith("hubops/")
    assert "authorization" not in request.headers


def test_an_error_status_is_an_answer() -> None:
    with Server(reply(503, "no")) as server:
        assert get(EndpointConfig(url=server.url)).status == 503


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_basic_credentials_from_file_environment_and_url(
    echo: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("pä:ss\n")
    monkeypatch.setenv("PROM_PASSWORD", "from-env")
    get(EndpointConfig(url=echo.url, basic=BasicAuth(username="u", password_file=str(file))))
    get(EndpointConfig(url=echo.url, basic=BasicAuth(username="u", password_env="PROM_PASSWORD")))
    get(EndpointConfig(url=echo.url.replace("//", "//me:s%40crt@")))
    seen = [request.headers["authorization"] for request in echo.requests]
    assert seen == [basic("u", "pä:ss"), basic("u", "from-env"), basic("me", "s@crt")]


def test_a_token_that_is_rotated_in_place_is_read_again(echo: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    transport = DirectTransport("loki", EndpointConfig(url=echo.url, bearer_file=str(file)))
    transport.get("/x", {}, 5)
    file.write_text("second\n")
    transport.get("/x", {}, 5)
    assert [request.headers["authorization"] for request in echo.requests] == ["Bearer first", "Bearer second"]


def test_netrc_does_not_replace_the_configured_token(
    echo: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("TOKEN", "mine")
    get(EndpointConfig(url=echo.url, bearer_env="TOKEN"))
    get(EndpointConfig(url=echo.url))
    assert [request.headers.get("authorization") for request in echo.requests] == ["Bearer mine", None]


def test_tenant_and_other_headers(echo: Server) -> None:
    get(EndpointConfig(url=echo.url, tenant="team-a", headers={"X-Route": "blue"}))
    assert echo.requests[0].headers["x-scope-orgid"] == "team-a"
    assert echo.requests[0].headers["x-route"] == "blue"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (EndpointConfig(bearer_file="/nowhere/token"), "prometheus.bearer_file: /nowhere/token: No such file"),
        (EndpointConfig(bearer_env="HUBOPS_TEST_UNSET"), "variable HUBOPS_TEST_UNSET is not set"),
        (EndpointConfig(headers={"X-Bad": "a\r\nX-Evil: 1"}), "'X-Bad' holds characters"),
        (EndpointConfig(headers={"X Bad": "a"}), "'X Bad' holds characters"),
        (EndpointConfig(ca_file="/nowhere/ca.pem"), "prometheus.ca_file: /nowhere/ca.pem cannot be read"),
        (EndpointConfig(cert_file="/nowhere/tls.crt"), "prometheus.cert_file: /nowhere/tls.crt cannot be read"),
    ],
)
def test_credentials_that_cannot_be_used(echo: Server, config: EndpointConfig, says: str) -> None:
    with pytest.raises(Permanent, match=says):
        get(EndpointConfig(url=echo.url, **{k: getattr(config, k) for k in FIELDS if getattr(config, k)}))
    assert echo.requests == []


FIELDS = ("bearer_file", "bearer_env", "headers", "ca_file", "cert_file")


def test_a_secret_never_shows_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2\nhunter3")
    with pytest.raises(Permanent) as caught:
        get(EndpointConfig(url="http://127.0.0.1:1", bearer_env="TOKEN"))
    assert "hunter" not in str(caught.value)
    with pytest.raises(Retryable) as unreached:
        get(EndpointConfig(url="http://me:hunter2@127.0.0.1:1"))
    assert "hunter" not in str(unreached.value)
    assert DirectTransport("loki", EndpointConfig(url="http://me:hunter2@h:1/p")).url == "http://h:1/p"


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://h", "http://", "http://h/?a=b", "http://h:port", "http://[::1", "/path"]
)
def test_what_is_not_a_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"prometheus\.url"):
        DirectTransport("prometheus", EndpointConfig(url=url))


def test_basic_and_bearer_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        DirectTransport("loki", EndpointConfig(url="http://h", basic=BasicAuth(username="u"), bearer_env="T"))


def test_a_redirect_within_the_server_is_followed() -> None:
    def answer(request: Request) -> list[bytes]:
        return reply(200, "there") if request.path == "/new" else reply(307, "", Location="/new?a=1")

    with Server(answer) as elsewhere:
        assert get(EndpointConfig(url=elsewhere.url, headers={"X-Key": "k"})).body == b"there"
        assert elsewhere.requests[-1].params == {"a": "1"}
        assert elsewhere.requests[-1].headers["x-key"] == "k"


def test_credentials_do_not_follow_a_redirect_elsewhere(echo: Server) -> None:
    with (
        Server(reply(302, "", Location=echo.url + "/login")) as server,
        pytest.raises(Permanent, match=rf"redirects to {echo.url}, perhaps to log in"),
    ):
        get(EndpointConfig(url=server.url, headers={"Authorization": "Bearer x"}))
    assert echo.requests == []


@pytest.mark.parametrize("location", ["/x", "http://[::1", "http://127.0.0.1:port/"])
def test_redirects_that_lead_nowhere(location: str) -> None:
    with Server(reply(301, "", Location=location)) as server:
        with pytest.raises(Permanent, match=r"in a circle|not a URL"):
            get(EndpointConfig(url=server.url))
        assert len(server.requests) <= http.MAX_REDIRECTS + 1


def test_cookies_are_not_kept() -> None:
    with Server(reply(200, "", Set_Cookie="a=b")) as server:
        transport = DirectTransport("loki", EndpointConfig(url=server.url))
        for _ in range(2):
            transport.get("/x", {}, 5)
        assert "cookie" not in server.requests[1].headers


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Retryable, match=rf"http://127.0.0.1:{port} could not be reached: connection refused"):
            get(EndpointConfig(url=f"http://127.0.0.1:{port}"))


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(Retryable, match=r"name could not be resolved"):
        get(EndpointConfig(url="http://prometheus.invalid"))


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n"],
        [b"SSH-2.0-OpenSSH_9\r\n"],
    ],
)
def test_an_answer_that_breaks_off(pieces: list[bytes]) -> None:
    with Server(pieces) as server, pytest.raises(Retryable, match=r"broke its answer off|reached"):
        get(EndpointConfig(url=server.url))


def test_damaged_compression() -> None:
    with (
        Server(reply(200, b"no gzip", Content_Encoding="gzip")) as server,
        pytest.raises(Permanent, match="compression is damaged"),
    ):
        get(EndpointConfig(url=server.url))


def test_compression_is_undone() -> None:
    with Server(reply(200, gzip.compress(b"text" * 999), Content_Encoding="gzip")) as server:
        assert get(EndpointConfig(url=server.url)).body == b"text" * 999


def test_a_body_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 2**20)
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 2**16))
    with Server(lambda _: endless) as server, pytest.raises(Permanent, match="more than 1 MiB"):
        get(EndpointConfig(url=server.url))


def test_a_decompression_bomb_is_refused() -> None:
    bomb = gzip.compress(b"\0" * (http.MAX_BODY + 1))
    with (
        Server(reply(200, bomb, Content_Encoding="gzip")) as server,
        pytest.raises(Permanent, match="more than 64 MiB"),
    ):
        get(EndpointConfig(url=server.url))


def silence() -> Iterator[bytes]:
    """Keeps the connection open without a word, until the test has its answer."""
    yield b""
    time.sleep(60)


def drip() -> Iterator[bytes]:
    """One byte at a time: no single wait is long."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    while True:
        yield b"x"
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [silence, drip])
def test_a_slow_answer_ends_at_the_timeout(answer: type[Iterator[bytes]]) -> None:
    began = time.monotonic()
    with Server(lambda _: answer()) as server, pytest.raises(Retryable, match=r"in time|within 0.4 s"):
        get(EndpointConfig(url=server.url), timeout=0.4)
    assert 0.3 < time.monotonic() - began < 30


def test_a_proxy_of_the_environment_is_used_also_with_a_ca(
    echo: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(Authority("site").pem)
    monkeypatch.setenv("http_proxy", echo.url)
    assert get(EndpointConfig(url="http://prometheus.invalid", ca_file=str(ca))).body == b"ok"
    assert echo.requests[0].path == "/x"
    assert echo.requests[0].headers["host"] == "prometheus.invalid"
    monkeypatch.setenv("no_proxy", ".invalid")
    with pytest.raises(Retryable, match="resolved"):
        get(EndpointConfig(url="http://prometheus.invalid", ca_file=str(ca)))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("site")


@pytest.fixture(scope="module")
def folder(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "other.pem").write_bytes(Authority("other").pem)
    for name in ("server", "client"):
        certificate, key = authority.issue(name)
        (folder / f"{name}.crt").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    with Server(reply(200, "safe"), tls=context) as server:
        yield server


@pytest.fixture
def strict(folder: Path) -> Iterator[Server]:
    """Asks for a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # refuses within the handshake, so that the alert always arrives
    with Server(reply(200, "known"), tls=context) as server:
        yield server


def test_the_configured_ca_is_above_that_of_the_environment(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "other.pem"))
    assert get(EndpointConfig(url=server.url, ca_file=str(folder / "ca.pem"))).body == b"safe"


def test_the_ca_of_the_environment_is_used_without_a_configured_one(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.pem"))
    assert get(EndpointConfig(url=server.url)).body == b"safe"


def test_a_certificate_that_is_not_trusted(server: Server) -> None:
    with pytest.raises(Permanent, match=r"its certificate is not trusted: .*\(configure ca_file\)"):
        get(EndpointConfig(url=server.url))


def test_insecure_is_not_verified(server: Server) -> None:
    assert get(EndpointConfig(url=server.url, insecure=True)).body == b"safe"


def test_a_client_certificate(strict: Server, folder: Path) -> None:
    certificate, key = str(folder / "client.crt"), str(folder / "client.key")
    config = EndpointConfig(url=strict.url, ca_file=str(folder / "ca.pem"), cert_file=certificate, key_file=key)
    assert get(config).body == b"known"
    with pytest.raises(Permanent, match="for want of a client certificate"):
        get(EndpointConfig(url=strict.url, ca_file=str(folder / "ca.pem")))


def test_a_ca_file_that_holds_none(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(Permanent, match=r"TLS failed|cannot be asked"):
        get(EndpointConfig(url=server.url, ca_file=str(tmp_path / "ca.pem")))


def test_https_to_a_port_that_speaks_http(echo: Server) -> None:
    with pytest.raises(Permanent, match="does not speak TLS"):
        get(EndpointConfig(url=echo.url.replace("http:", "https:")))
