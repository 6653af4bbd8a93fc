"""A real nginx with ModSecurity and the Core Rule Set that runs our settings, and what is behind it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubops import content
from hubops.stack.load import PINNED, load
from hubops.stack.render import render
from hubops.stack.site import Site
from tests.stack.nginx.configuration import Place, nginx_conf
from tests.testbed import build
from tests.testbed.pki import Authority
from tests.testbed.process import State, Supervisor, free_port, myself


class _Echo(socketserver.StreamRequestHandler):
    """Accepts every WebSocket, and sends back what comes."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            """The request: not looked at."""
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while sent := self.connection.recv(1024):
            self.connection.sendall(sent)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@dataclass(frozen=True)
class Nginx:
    place: Place
    domain: str
    authority: Path
    user: str
    password: str
    program: Path

    def reopen_logs(self) -> None:
        """Begin new logs."""
        for log in (self.place.access_log, self.place.audit_log):
            log.write_text("")

    def requests(self) -> list[dict[str, Any]]:
        """The access log: one object for each request, the oldest first. Raises ValueError where a line is none."""
        return [json.loads(line) for line in self.place.access_log.read_text().splitlines()]

    def refusals(self) -> list[dict[str, Any]]:
        """The firewall's audit log, likewise."""
        return [json.loads(line)["transaction"] for line in self.place.audit_log.read_text().splitlines()]


@contextmanager
def running(folder: Path, settings: Site, *, firewall: bool = True) -> Iterator[Nginx]:
    """nginx as the site of *settings* has it, with a load balancer at 127.0.0.1. It ends with the block.

    Without its *firewall* it answers several times as many requests a second.
    """
    deploy = content.folder("deploy")
    stack = load(deploy / PINNED)
    values = render(stack, deploy, settings, "ingress-nginx").chart_values()
    if not firewall:
        values["controller"]["config"]["enable-modsecurity"] = "false"
    ingresses = [each for each in render(stack, deploy, settings, "hosts").objects() if each["kind"] == "Ingress"]
    program = build.debian_programs(lambda _: None, ("nginx",))["nginx"]
    pki = Authority(folder / "pki")
    pair = pki.sign("hosts", addresses=(settings.domain, f"*.{settings.domain}"))
    place = Place(
        folder=folder,
        port=free_port(),
        user="root" if os.geteuid() == 0 else "",  # else the workers are nobody, who may not read the folder
        websockets=folder / "websockets.sock",
        certificate=pair.certificate,
        key=pair.key,
        passwords=folder / "auth",
        trusted=("127.0.0.1/32",),
    )
    nginx = Nginx(place, settings.domain, pki.certificate, "platform", secrets.token_urlsafe(), program)
    _write_passwords(nginx)
    (folder / "nginx.conf").write_text(nginx_conf(values, ingresses, place))
    supervisor = Supervisor(folder / "programs", State(owner=myself(), network=None, processes=[], facts={}))
    with _Server(str(place.websockets), _Echo) as websockets:
        threading.Thread(target=websockets.serve_forever, daemon=True).start()
        supervisor.start("nginx", [str(program), "-c", str(folder / "nginx.conf")])
        try:
            supervisor.wait_ready("nginx", lambda: _listens(place.port))
            yield nginx
        finally:
            supervisor.end()
            websockets.shutdown()


def _write_passwords(nginx: Nginx) -> None:
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "-stdin"], input=nginx.password, capture_output=True, text=True, check=True
    )
    nginx.place.passwords.write_text(f"{nginx.user}:{hashed.stdout}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
