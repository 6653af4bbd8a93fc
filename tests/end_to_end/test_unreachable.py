"""An API server that cannot be reached, or refuses: one sentence, 69 (or 64 for the kubeconfig), and no report."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import Server, reply
from tests.end_to_end.program import Program, hanging, together
from tests.testbed.bed import Testbed
from tests.testbed.pki import Authority

Kubeconfig = Callable[..., Path]


@pytest.fixture
def kubeconfig(testbed: Testbed, tmp_path: Path) -> Kubeconfig:
    """The testbed's kubeconfig with another cluster or user in it."""

    def write(name: str, *, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
        config = json.loads(testbed.kubeconfig.read_text())
        config["clusters"][0]["cluster"].update(cluster)
        if user is not None:
            config["users"][0]["user"] = user
        path = tmp_path / name
        path.write_text(json.dumps(config))
        return path

    return write


def plugin(command: str, *arguments: str, **more: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    return {
        "exec": {"apiVersion": version, "command": command, "args": [*arguments], "interactiveMode": "Never"} | more
    }


def test_servers_that_cannot_be_reached(hubops: Program, kubeconfig: Kubeconfig, testbed: Testbed) -> None:
    other = Authority(hubops.home / "other").certificate.read_bytes()
    with Server(reply(200, {"status": "success"})) as web:
        cases = {
            "https://127.0.0.1:1 could not be reached: connection refused": {"server": "https://127.0.0.1:1"},
            "https://api.invalid:6443: its name could not be resolved": {"server": "https://api.invalid:6443"},
            "its certificate is not trusted": {"certificate-authority-data": base64.b64encode(other).decode()},
            "it speaks TLS there; is the url https://": {"server": testbed.server.replace("https", "http")},
            "it does not speak TLS there": {"server": web.url.replace("http", "https")},
            "answered JSON that hubops does not know": {"server": web.url},
        }
        paths = [kubeconfig(f"kubeconfig-{at}", **cluster) for at, cluster in enumerate(cases.values())]
        runs = together(lambda path: hubops("daily", kubeconfig=path), paths)
    for said, done in zip(cases, runs, strict=True):
        done.only_says(said)
        assert done.code == 69, said
        assert done.seconds < 60, said


def test_a_server_that_swallows_everything_costs_no_more_than_the_deadline(
    hubops: Program, kubeconfig: Kubeconfig
) -> None:
    with hanging() as silent, black_hole() as hole:
        paths = [kubeconfig("silent", server=silent.url), kubeconfig("hole", server=hole)]
        runs = together(lambda path: hubops("daily", "--deadline", "3s", kubeconfig=path), paths)
    for done in runs:
        assert done.code == 69
        done.only_says("3 s")
        assert done.seconds < 30


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a port whose queue is full: the kernel drops every further attempt to connect, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def test_credentials_that_do_not_work(hubops: Program, kubeconfig: Kubeconfig) -> None:
    credential = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {}}'
    users = {
        "refused the credentials (401); has the token expired?": {"token": "hunter2"},
        "'sh' of context 'testbed' failed: process returned 3. login expired": plugin(
            "sh", "-c", "echo login expired >&2; exit 3"
        ),
        "'no-such-plugin' of context 'testbed' is not on PATH: see our wiki": plugin(
            "no-such-plugin", installHint="see our wiki"
        ),
        "'echo' of context 'testbed' failed: failed to decode": plugin("echo", "no credential"),
        "'echo' of context 'testbed' failed: missing token": plugin("echo", credential),
        "the run's deadline of 10 s was over before the kubeconfig and its plugin gave credentials": plugin(
            "sleep", "60"
        ),
    }
    paths = [kubeconfig(f"kubeconfig-{at}", user=user) for at, user in enumerate(users.values())]
    deadlines = ["10s" if "10 s" in said else "60s" for said in users]
    runs = together(
        lambda given: hubops("daily", "--deadline", given[1], kubeconfig=given[0]),
        zip(paths, deadlines, strict=True),
    )
    for said, done in zip(users, runs, strict=True):
        done.only_says(said)
        assert done.code == 69, said
        assert "hunter2" not in done.err
        assert done.seconds < 50, said  # the plugin that sleeps would be back after a minute


def test_an_expired_token(hubops: Program, testbed: Testbed) -> None:
    path = testbed.service_account("default", "short-lived")
    testbed.api.delete({"apiVersion": "v1", "kind": "ServiceAccount",
                        "metadata": {"name": "short-lived", "namespace": "default"}})  # fmt: skip
    done = hubops("daily", kubeconfig=path)
    assert done.code == 69
    done.only_says("refused the credentials (401); has the token expired?")


def test_kubeconfigs_that_cannot_be_used(hubops: Program, kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    contents = {"broken": "a: [b\n c", "list": "- a\n", "empty": "", "binary": "\x00\x01"}
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    cases = {
        ("--kubeconfig", str(tmp_path / "missing")): "missing: no such kubeconfig",
        ("--kubeconfig", str(tmp_path)): f"{tmp_path}: a folder and not a kubeconfig",
        ("--kubeconfig", str(tmp_path / "broken")): "broken: while parsing a flow sequence",
        ("--kubeconfig", str(tmp_path / "list")): "list: this is not a kubeconfig",
        ("--kubeconfig", str(tmp_path / "empty")): "empty: this is not a kubeconfig but an empty file",
        ("--kubeconfig", str(tmp_path / "binary")): "binary: ",
        ("--context", "staging"): "no context 'staging'; known: testbed",
        ("--kubeconfig", str(kubeconfig("no-url", server="prod:x"))): "clusters.testbed.server: 'prod:x' is no http://",
        ("--kubeconfig", str(kubeconfig("no-file", user={"tokenFile": "/none"}))): "No such file or directory: '/none'",
    }
    runs = together(lambda flags: hubops("daily", *flags), cases)
    for said, done in zip(cases.values(), runs, strict=True):
        done.only_says(said)
        assert done.code == 64, said


def test_no_kubeconfig_at_all(offline: Program) -> None:
    done = offline("daily")
    assert done.code == 64
    done.only_says("no kubeconfig: neither --kubeconfig, KUBECONFIG nor ~/.kube/config")
