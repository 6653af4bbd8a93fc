"""Servers that cannot be reached, do not answer, or refuse the credentials."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.config import Duration, KubernetesConfig
from hubops.errors import ClusterUnreachable, Permanent, Retryable
from hubops.model.kube.kinds import BY_PLURAL
from tests.clients.certificates import Authority
from tests.clients.kube.conftest import Connect, MakeKubeconfig
from tests.clients.kube.test_lists import refused
from tests.clients.server import Request, Server, reply
from tests.testbed.process import poll

PODS = BY_PLURAL["pods"]
VERSION = reply(200, {"gitVersion": "v1.34.1"}, Content_Type="application/json")


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A port that nothing listens on, and that nothing else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def unreachable(client: KubeClient) -> str:
    with pytest.raises(ClusterUnreachable) as caught:
        client.version()
    return str(caught.value)


def test_the_version_of_the_server(connect: Connect) -> None:
    with Server(VERSION) as server:
        assert connect(server.url).version() == "v1.34.1"


def test_a_port_that_nothing_listens_on(connect: Connect, closed_port: str) -> None:
    assert unreachable(connect(closed_port, attempts=1)) == f"{closed_port} could not be reached: connection refused"


def test_a_server_that_comes_up_meanwhile_is_reached(connect: Connect) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = connect(f"http://127.0.0.1:{held.getsockname()[1]}")

        def serve() -> None:
            held.listen()
            connection, _ = held.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(VERSION[0])

        later = threading.Timer(0.1, serve)
        later.start()
        assert client.version() == "v1.34.1"
        later.join()


def test_a_name_that_does_not_exist(connect: Connect) -> None:
    assert "name could not be resolved" in unreachable(connect("https://api.invalid:6443", attempts=1))


def test_a_server_that_stays_silent(connect: Connect) -> None:
    ended = threading.Event()

    def answer(_request: Request) -> Iterable[bytes]:
        ended.wait(20)
        return []

    with Server(answer) as server:
        text = unreachable(connect(server.url, timeout=Duration(milliseconds=200)))
        ended.set()
    assert text == f"{server.url} did not answer within 0.2 s"


def test_a_server_that_drips_is_left_at_the_deadline(connect: Connect) -> None:
    ended = threading.Event()

    def answer(_request: Request) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while not ended.wait(0.05):
            yield b"x"

    began = time.monotonic()
    with Server(answer) as server:
        with pytest.raises(Permanent, match=r"deadline of 0\.5 s"):
            connect(server.url, seconds=0.5).list(PODS)
        ended.set()
    assert time.monotonic() - began < 60


def test_a_server_that_falls_silent_within_its_answer(connect: Connect) -> None:
    ended = threading.Event()

    def answer(_request: Request) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nk8s"
        ended.wait(20)

    with Server(answer) as server:
        with pytest.raises(Permanent, match="fell silent for 2 s"):
            connect(server.url, timeout=Duration(seconds=2)).list(PODS)
        ended.set()


def tls_server(authority: Authority, folder: Path) -> Server:
    certificate, key = authority.issue("server")
    (folder / "server.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Server(VERSION, tls=context)


def trusting(kubeconfig: MakeKubeconfig, server: str, authority: Authority, folder: Path) -> KubeClient:
    (folder / "ca.pem").write_bytes(authority.pem)
    path = kubeconfig(server, cluster={"certificate-authority": "ca.pem"})  # relative to the kubeconfig
    return KubeClient(KubernetesConfig(kubeconfig=str(path)), deadline=Deadline(10), environ={})


def test_the_authority_of_the_kubeconfig_is_trusted_and_no_other(
    kubeconfig: MakeKubeconfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = Authority("right"), Authority("wrong")
    (tmp_path / "bundle.pem").write_bytes(wrong.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    with tls_server(right, tmp_path) as server:
        assert trusting(kubeconfig, server.url, right, tmp_path).version() == "v1.34.1"
        text = unreachable(trusting(kubeconfig, server.url, wrong, tmp_path))
    assert "its certificate is not trusted" in text
    assert "certificate-authority" in text


def test_plain_http_where_tls_is_expected(connect: Connect) -> None:
    with Server(VERSION) as server:
        text = unreachable(connect(server.url.replace("http:", "https:"), attempts=1))
    assert "TLS" in text or "plain HTTP" in text


def test_credentials_that_are_refused(connect: Connect) -> None:
    with Server(refused(401, "Unauthorized")) as server:
        text = unreachable(connect(server.url))
    assert "refused the credentials (401); has the token expired?" in text
    assert "s3cret" not in text


def test_a_token_file_that_was_renewed_is_read_again(kubeconfig: MakeKubeconfig, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    def answer(request: Request) -> Iterable[bytes]:
        return VERSION if request.headers["authorization"] == "Bearer new" else refused(401, "Unauthorized")

    with Server(answer) as server:
        path = kubeconfig(server.url, user={"tokenFile": str(token)})
        client = KubeClient(KubernetesConfig(kubeconfig=str(path)), deadline=Deadline(10), environ={})
        token.write_text("new")
        assert client.version() == "v1.34.1"


PLUGIN = """#!/bin/sh
count=$(cat {counter} 2>/dev/null || echo 0); count=$((count + 1)); echo $count > {counter}
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
       "status": {{"token": "token-'$count'"{expiry}}}}}'
"""


def plugin(folder: Path, expiry: str = "") -> dict[str, object]:
    program = folder / "plugin"
    program.write_text(PLUGIN.format(counter=folder / "counter", expiry=expiry))
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}


def test_an_expired_token_of_a_plugin_is_renewed(connect: Connect, tmp_path: Path) -> None:
    with Server(VERSION) as server:
        user = plugin(tmp_path, expiry=', "expirationTimestamp": "2020-01-01T00:00:00Z"')
        connect(server.url, user=user).version()
    assert server.requests[0].headers["authorization"] == "Bearer token-2"


def test_a_token_of_a_plugin_that_the_server_refuses_is_renewed_once(connect: Connect, tmp_path: Path) -> None:
    def answer(request: Request) -> Iterable[bytes]:
        return VERSION if request.headers["authorization"] == "Bearer token-2" else refused(401, "Unauthorized")

    with Server(answer) as server:
        assert connect(server.url, user=plugin(tmp_path)).version() == "v1.34.1"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(
            "#!/bin/sh\necho 'session expired: run login' >&2; exit 3\n", "session expired: run login", id="fails"
        ),
        pytest.param("#!/bin/sh\necho nonsense\n", "failed to decode", id="garbage"),
        pytest.param(None, "No such file", id="missing"),
    ],
)
def test_a_plugin_that_gives_nothing_is_named_with_its_reason(
    connect: Connect, tmp_path: Path, script: str | None, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "plugin"
    if script is not None:
        program.write_text(script)
        program.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}
    with Server(VERSION) as server, pytest.raises(ClusterUnreachable) as caught:
        connect(server.url, user=user)
    assert reason in str(caught.value)
    assert str(program) in str(caught.value)
    assert server.requests == []  # never without credentials, as somebody else
    assert "".join(capfd.readouterr()) == ""


def test_a_plugin_that_waits_for_a_person_is_ended_at_the_deadline(connect: Connect, tmp_path: Path) -> None:
    """With what it started, even if that does not want to."""
    gate, started = tmp_path / "gate", tmp_path / "started"
    os.mkfifo(gate)
    reader, writer = os.open(gate, os.O_RDONLY | os.O_NONBLOCK), os.open(gate, os.O_WRONLY)
    program = tmp_path / "plugin"
    program.write_text(f"#!/bin/sh\n(trap '' TERM; touch {started}; cat; cat) < {gate} | cat\n")
    program.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}
    with Server(VERSION) as server, pytest.raises(ClusterUnreachable, match=r"deadline of 1 s"):
        connect(server.url, seconds=1, user=user)
    assert started.exists()
    os.close(reader)
    nobody = select.poll()
    nobody.register(writer, 0)  # of a pipe that nobody reads, an error is reported without being asked for
    poll(lambda: bool(nobody.poll(0)), "nothing of the plugin reads any more")
    os.close(writer)


def test_who_is_impersonated(connect: Connect) -> None:
    with Server(VERSION) as server:
        connect(server.url, as_user="zoë", as_group=("sre", "on-call")).version()
        connect(server.url, user={"token": "t", "as": "bob", "as-groups": ["dev"], "as-uid": "7"}).version()
    flag, file = (request.headers for request in server.requests)
    assert flag["impersonate-user"].encode("latin-1").decode() == "zoë"
    assert flag["impersonate-group"] == "on-call"  # this server keeps the last of several
    assert (file["impersonate-user"], file["impersonate-group"], file["impersonate-uid"]) == ("bob", "dev", "7")


def test_a_proxy_is_used_and_the_environments_is_not_when_one_is_configured(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    with Server(VERSION) as proxy:
        assert connect("http://api.invalid", proxy=proxy.url).version() == "v1.34.1"


def test_a_pods_log(connect: Connect) -> None:
    with Server(reply(200, b"line 1\nline \xff 2\n", Content_Type="text/plain")) as server:
        assert connect(server.url).pod_log("shop", "cart-1", "app", True, 2, timeout=5) == "line 1\nline \ufffd 2\n"
    (request,) = server.requests
    assert request.path == "/api/v1/namespaces/shop/pods/cart-1/log"
    assert request.params == {"container": "app", "tailLines": "2", "previous": "true"}


def test_a_pods_log_is_not_read_without_end(connect: Connect) -> None:
    def answer(_request: Request) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65536

    with Server(answer) as server:
        assert len(connect(server.url).pod_log("shop", "cart-1", "app", False, 2, timeout=5)) < 2 * 2**20


def test_a_service_through_the_api_server(connect: Connect) -> None:
    with Server(reply(503, "no endpoints available")) as server:
        way = connect(server.url).proxy("monitoring", "https:prometheus", "web", {"X-Scope-OrgID": "team"})
        answer = way.get("/api/v1/query", {"query": "up"}, 5)
    assert way.url == f"{server.url}/api/v1/namespaces/monitoring/services/https:prometheus:web/proxy"
    (request,) = server.requests
    assert request.path == f"{urlsplit(way.url).path}/api/v1/query"
    assert request.params == {"query": "up"}
    assert request.headers["x-scope-orgid"] == "team"
    assert (answer.status, answer.body) == (503, b"no endpoints available")


def test_a_service_behind_a_dead_api_server_may_be_asked_again(connect: Connect, closed_port: str) -> None:
    with pytest.raises(Retryable, match="connection refused"):
        connect(closed_port).proxy("monitoring", "prometheus", "web", {}).get("/", {}, 1)


def test_a_service_that_drips_is_left_in_time(connect: Connect) -> None:
    ended = threading.Event()

    def answer(_request: Request) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while not ended.wait(0.05):
            yield b"x"

    with Server(answer) as server:
        with pytest.raises(Retryable, match="in time"):
            connect(server.url).proxy("monitoring", "prometheus", "web", {}).get("/", {}, 0.4)
        ended.set()


def test_the_name_of_the_cluster_is_the_context(connect: Connect) -> None:
    assert connect("https://127.0.0.1:1").cluster_name == "prod"


def test_the_server_is_named_without_credentials(connect: Connect) -> None:
    assert connect("https://user:secret@127.0.0.1:1").server == "https://127.0.0.1:1"
