"""What a drill starts is for the drill alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from hubops.clients.retry import Deadline
from hubops.drill.etcd import certificates, servers
from hubops.drill.etcd.scratch import scratch
from hubops.errors import Permanent


def test_the_scratch_etcd_is_for_the_drill_alone_and_takes_another_port_where_one_is_taken(
    programs: None, tmp_path: Path
) -> None:
    with socket.socket() as taken, scratch(tmp_path) as place:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [int(taken.getsockname()[1]), servers.free_port(), servers.free_port(), servers.free_port()]
        made = certificates.make(place.folder / "certificates")

        def answers(url: str) -> bool:
            try:
                pair = (str(made.client), str(made.client_key))
                return requests.get(f"{url}/health", verify=str(made.ca), cert=pair, timeout=2).ok
            except (requests.ConnectionError, requests.Timeout):
                return False

        url = servers.start_etcd(
            place, servers.find("etcd"), place.folder / "data", made, quota=2**28,
            answers=answers, deadline=Deadline(30), port=lambda: ports.pop(0),
        )  # fmt: skip
        assert ports == []
        assert answers(url)
        with pytest.raises(requests.ConnectionError, match=r"certificate required|handshake failure|alert"):
            requests.get(f"{url}/health", verify=str(made.ca), timeout=2)


def test_an_etcd_that_never_gets_a_port_is_said(programs: None, tmp_path: Path) -> None:
    with socket.socket() as taken, scratch(tmp_path) as place:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        made = certificates.make(place.folder / "certificates")
        with pytest.raises(Permanent, match=r"etcd ended at once: .*address already in use"):
            servers.start_etcd(
                place, servers.find("etcd"), place.folder / "data", made, quota=2**28, answers=lambda _: False,
                deadline=Deadline(30), port=lambda: int(taken.getsockname()[1]),
            )  # fmt: skip
