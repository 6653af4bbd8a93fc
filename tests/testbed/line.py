"""The line to a testbed's API server, which a test can cut: the server and all its other clients go on."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.testbed.bed import Testbed


class Line:
    """A TCP port on loopback that leads to the API server of *bed*; `kubeconfig` is the administrator's, by it."""

    def __init__(self, bed: Testbed, folder: Path) -> None:
        target = urlsplit(bed.server)
        self._open: set[socket.socket] = set()
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection((target.hostname or "", target.port or 443)) as other:
                    ends = {self.request, other}
                    owner._open |= ends
                    back = threading.Thread(target=_pump, args=(other, self.request), daemon=True)
                    back.start()
                    _pump(self.request, other)
                    back.join()
                    owner._open -= ends

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.kubeconfig = folder / "line.kubeconfig"
        here = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.kubeconfig.write_text(bed.kubeconfig.read_text().replace(bed.server, here))

    def cut(self) -> None:
        """End all connections; nobody answers at the port any more."""
        self._server.shutdown()
        self._server.server_close()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(bed: Testbed, folder: Path) -> Iterator[Line]:
    """A line that lasts as long as this, if it is not cut before."""
    line = Line(bed, folder)
    serving = threading.Thread(target=line._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    try:
        yield line
    finally:
        line.cut()
        serving.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
