"""A chart repository on loopback, with charts that the tests make: the real index, real archives, and real failures."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class StandIn:
    """A chart of a name and version that somebody else makes, with no more in it than a test needs."""

    name: str
    version: str
    templates: Mapping[str, str]
    values: Mapping[str, Any] = field(default_factory=dict)
    crds: Mapping[str, str] = field(default_factory=dict)

    def archive(self) -> bytes:
        """The chart as `helm package` would make it."""
        about = {"apiVersion": "v2", "name": self.name, "version": self.version, "appVersion": self.version}
        files = {"Chart.yaml": yaml.safe_dump(about), "values.yaml": yaml.safe_dump(dict(self.values))}
        files |= {f"templates/{name}": text for name, text in self.templates.items()}
        files |= {f"crds/{name}": text for name, text in self.crds.items()}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"{self.name}/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return buffer.getvalue()


@dataclass
class Repository:
    """What is served under *url*. `answers` says what else than the file a path gives: a status, or bytes; None means
    that nothing ever comes.
    """

    url: str
    folder: Path
    helm: Path
    answers: dict[str, int | bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def add(self, *charts: StandIn) -> None:
        """Serve *charts* too."""
        for chart in charts:
            (self.folder / f"{chart.name}-{chart.version}.tgz").write_bytes(chart.archive())
        subprocess.run([self.helm, "repo", "index", self.folder, "--url", self.url], check=True, capture_output=True)


@contextmanager
def served(folder: Path, helm: Path) -> Iterator[Repository]:
    """A repository with the archives in *folder*, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            repository.asked.append(path)
            answer: int | bytes | None = repository.answers.get(path, 200)
            if answer is None:
                repository.over.wait()
                return
            file = folder / path
            if answer == 200 and not file.is_file():
                answer = 404
            body = answer if isinstance(answer, bytes) else file.read_bytes() if answer == 200 else b"no"
            self.send_response(200 if isinstance(answer, bytes) else answer)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    repository = Repository(f"http://127.0.0.1:{server.server_port}", folder, helm)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield repository
    finally:
        repository.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
