"""A real HTTP proxy on loopback, for CONNECT."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading


class Proxy:
    """A CONNECT proxy on loopback that goes to one port whatever it is asked for; `asked` are the heads."""

    def __init__(self, port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n") -> None:
        self.asked: list[str] = []
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            rbufsize = 0

            def handle(self) -> None:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += self.connection.recv(1)
                owner.asked.append(head.decode())
                self.connection.sendall(answer)
                if b" 200 " in answer:
                    with socket.create_connection(("127.0.0.1", port)) as other:
                        back = threading.Thread(target=_pump, args=(other, self.connection), daemon=True)
                        back.start()
                        _pump(self.connection, other)
                        back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
