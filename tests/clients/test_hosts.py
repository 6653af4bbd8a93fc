"""Hosts on loopback: real names, real handshakes with good and bad chains, real answers, and a real proxy."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.hosts import HostClient, resolve, resolver_knows
from hubops.errors import ConfigError
from hubops.model.hosts import Host
from tests.clients.chains import HOUR, Issued, issue, serving
from tests.clients.proxy import Proxy
from tests.clients.server import Answer, Server, reply

NAME = "localhost"
OK = reply(200, "ok")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("Test Root", ca=True)


@pytest.fixture(scope="module")
def middle(root: Issued) -> Issued:
    return issue("Test Intermediate", root, ca=True)


@pytest.fixture(scope="module")
def ca_file(root: Issued, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(root.pem)
    return str(path)


def look(context: ssl.SSLContext, ca_file: str | None, answer: Answer | list[bytes] = OK) -> tuple[Host, Server]:
    with Server(answer, context) as server:
        return HostClient(ca_file=ca_file, timeout=5, port=server.port).look(NAME), server


def test_a_good_chain_and_its_facts(root: Issued, middle: Issued, ca_file: str, tmp_path: Path) -> None:
    leaf = issue("", middle, hosts=(NAME, "*.example.com"))
    host, server = look(serving(tmp_path, leaf, middle), ca_file)
    assert (host.failed, host.reason, host.status, host.unknown) == (None, "", 200, None)
    assert "127.0.0.1" in host.addresses
    assert host.certificate is not None
    assert (host.certificate.issuer, host.certificate.names) == ("Test Intermediate", (NAME, "*.example.com"))
    assert host.certificate.not_after == leaf.certificate.not_valid_after_utc
    (request,) = server.requests
    assert (request.path, request.headers["host"]) == ("/", NAME)
    assert not {"authorization", "cookie"} & request.headers.keys()


@pytest.mark.parametrize("status", [302, 401, 404, 503])
def test_every_status_is_an_answer_and_redirects_are_not_followed(
    status: int, middle: Issued, ca_file: str, tmp_path: Path
) -> None:
    answer = reply(status, "", Location="https://elsewhere.invalid/")
    host, server = look(serving(tmp_path, issue("", middle, hosts=(NAME,)), middle), ca_file, answer)
    assert (host.failed, host.status, len(server.requests)) == (None, status, 1)


def refused(kind: str, root: Issued, middle: Issued) -> tuple[Issued, ...]:
    """A leaf and what is sent behind it."""
    match kind:
        case "expired":
            return issue("", middle, hosts=(NAME,), left=-HOUR), middle
        case "other":
            return issue("", middle, hosts=("shop.example.com",)), middle
        case "self-signed":
            return (issue("Kubernetes Ingress Controller Fake Certificate", hosts=(NAME,)),)
        case "incomplete":
            return (issue("", middle, hosts=(NAME,)),)
        case _:
            foreign = issue("Foreign Root", ca=True)
            return issue("", foreign, hosts=(NAME,)), foreign


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("expired", "expired on "),
        ("other", f"is for shop.example.com, and not for {NAME}"),
        ("self-signed", "signed by itself"),
        ("incomplete", "its issuer Test Intermediate is unknown: an intermediate certificate is not sent"),
        ("foreign", "signed by a CA that this machine does not know"),
    ],
)
def test_what_clients_refuse_is_said_with_the_facts_and_nothing_is_asked(
    kind: str, said: str, root: Issued, middle: Issued, ca_file: str, tmp_path: Path
) -> None:
    chain = refused(kind, root, middle)
    host, server = look(serving(tmp_path, *chain), ca_file)
    assert (host.failed, host.status, host.unknown) == ("verify", None, None)
    assert said in host.reason
    assert host.certificate is not None
    assert host.certificate.not_after == chain[0].certificate.not_valid_after_utc
    assert server.requests == []


def test_the_sites_own_ca_is_needed_only_for_its_own_certificates(middle: Issued, tmp_path: Path) -> None:
    host, _ = look(serving(tmp_path, issue("", middle, hosts=(NAME,)), middle), None)
    assert host.failed == "verify"


def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    with closed_port() as port, pytest.raises(ConfigError, match=r"platform\.ca_file: .*ca\.pem cannot be used"):
        HostClient(ca_file=str(wrong), timeout=5, port=port).look(NAME)


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nothing listens, for as long as it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_refused_connection_is_known() -> None:
    with closed_port() as port:
        host = HostClient(timeout=5, port=port).look("127.0.0.1")
    assert (host.failed, host.unknown) == ("connect", None)
    assert host.reason == f"127.0.0.1 port {port}: connection refused"


def test_no_way_is_unknown() -> None:
    """A server that takes no more connections answers nothing, as a firewall would."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as held:
            for _ in range(8):  # the queue of those who wait is full: the next SYN gets no answer
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            host = HostClient(timeout=0.3, port=port).look("127.0.0.1")
    assert (host.failed, host.reason) == ("connect", f"127.0.0.1 port {port}: no answer in time")
    assert host.unknown == host.reason


def test_what_speaks_no_tls_is_said() -> None:
    with Server(OK) as server:
        host = HostClient(timeout=5, port=server.port).look("127.0.0.1")
    assert host.failed == "answer"
    assert "the connection is made and then fails: TLS fails: wrong version number" in host.reason


@pytest.mark.parametrize("sent", [[b""], [b"\x00garbage\r\n\r\n"], [b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 70_000]])
def test_what_is_no_answer_is_said(sent: list[bytes], middle: Issued, ca_file: str, tmp_path: Path) -> None:
    host, _ = look(serving(tmp_path, issue("", middle, hosts=(NAME,)), middle), ca_file, sent)
    assert (host.failed, host.status) == ("answer", None)
    assert "the connection is made and then fails: " in host.reason
    assert host.reason.isprintable()


def test_names() -> None:
    assert set(resolve(NAME).addresses) <= {"127.0.0.1", "::1"}
    assert resolve(NAME).asked
    broken = resolve("a" * 64 + ".example.com")
    assert (broken.addresses, broken.asked, broken.problem) == ((), True, "not a host name")
    assert (broken.exists, resolve(NAME).exists) == (False, True)
    assert not resolver_knows("grafana.invalid")  # RFC 6761: no resolver knows it


def test_a_name_that_does_not_exist_is_no_fault_of_the_network() -> None:
    """RFC 6761: no resolver knows names under "invalid"; one that is not there says so in another way."""
    host = HostClient(timeout=5).look("grafana.invalid")
    assert host.failed == "resolve"
    assert host.reason
    assert (host.unknown is None) == resolve("grafana.invalid").asked


def test_the_proxy_of_the_environment_is_used(
    middle: Issued, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resolves the name itself: this machine need not know it."""
    context = serving(tmp_path, issue("", middle, hosts=("grafana.invalid",)), middle)
    with Server(OK, context) as server, Proxy(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:s3cret@{proxy.address}")
        host = HostClient(ca_file=ca_file, timeout=5).look("grafana.invalid")
    assert (host.proxied, host.status, host.failed, host.unknown) == (True, 200, None, None)
    assert proxy.asked[0].startswith("CONNECT grafana.invalid:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic amFuZTpzM2NyZXQ=" in proxy.asked[0]


def test_what_a_proxy_refuses_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(1, b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:s3cret@{proxy.address}")
        host = HostClient(timeout=5).look("grafana.invalid")
    assert (host.failed, host.unknown) == ("connect", host.reason)
    assert host.reason == f"the proxy {proxy.address} did not connect to grafana.invalid: HTTP/1.1 403 Forbidden"
    with closed_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:s3cret@127.0.0.1:{port}")
        host = HostClient(timeout=5).look("grafana.invalid")
    assert "could not be reached: Connection refused" in (host.unknown or "")
    assert "s3cret" not in repr(host)


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", NAME)
        assert not HostClient(timeout=5, port=port).look(NAME).proxied


def test_an_expired_certificate_has_its_date(middle: Issued, ca_file: str, tmp_path: Path) -> None:
    leaf = issue("", middle, hosts=(NAME,), left=-dt.timedelta(hours=3))
    host, _ = look(serving(tmp_path, leaf, middle), ca_file)
    assert host.reason == f"expired on {leaf.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
