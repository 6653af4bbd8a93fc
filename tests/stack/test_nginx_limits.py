"""The three limits of requests, measured on a real nginx: each for one client, and for each client its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.nginx.client import Client, flood
from tests.stack.nginx.server import Nginx, running
from tests.stack.rendered import site
from tests.testbed.process import poll


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Without the firewall, with which a busy machine does not get as far as the limits."""
    with running(tmp_path_factory.mktemp("nginx"), site("aws"), firewall=False) as nginx:
        yield nginx


@pytest.mark.parametrize(
    ("address", "hosts", "path", "rate", "burst"),
    [
        ("203.0.113.1", ["nobody"], "/", 100, 200),
        ("203.0.113.2", ["shop", "nobody", "grafana", "nobody"], "/search", 100, 200),  # one limit over all hosts
        ("203.0.113.3", ["api"], "/v1/events", 50, 100),
        ("203.0.113.4", ["api"], "/auth/token", 10 / 60, 10),
        ("203.0.113.5", ["api"], "/api/v1/auth", 10 / 60, 10),
        ("203.0.113.6", ["grafana"], "/login", 10 / 60, 10),
    ],
)
def test_one_client_is_limited_to(
    nginx: Nginx, address: str, hosts: list[str], path: str, rate: float, burst: int
) -> None:
    found = flood(Client(nginx, address), path, *hosts, refusals=20)
    assert found.refused >= 20
    assert found.fits(rate, burst), (found.accepted, found)


def test_a_login_may_be_tried_again_after_six_seconds(nginx: Nginx) -> None:
    client = Client(nginx, "203.0.113.10")
    began = time.monotonic()
    accepted = flood(client, "/auth", "api", refusals=1).accepted
    poll(lambda: client.ask("api", "/auth").status == 200, "another login accepted", every=0.25)
    assert accepted + 1 <= 10 + 1 + (time.monotonic() - began) / 6


def test_others_are_not_limited_with_it(nginx: Nginx) -> None:
    assert flood(Client(nginx, "203.0.113.12"), "/", "api", refusals=20).refused >= 20
    assert Client(nginx, "203.0.113.13").ask("api", "/").status == 200


def test_who_is_no_load_balancer_cannot_say_who_it_is(nginx: Nginx) -> None:
    """Straight to a pod, with another address in each PROXY header."""

    def status(number: int) -> int:
        return Client(nginx, f"198.18.1.{number}", balancer="127.0.0.2").ask("api", "/auth").status

    assert 429 in [status(number) for number in range(1, 31)]


def test_without_proxy_protocol_the_address_of_the_connection_counts(tmp_path: Path) -> None:
    with running(tmp_path, site("gcp")) as nginx:
        found = flood(Client(nginx), "/", "api", refusals=20)
        assert found.fits(50, 100), (found.accepted, found)
        assert Client(nginx, balancer="127.0.0.3").ask("api", "/").status == 200
