"""A real S3 server of a test's own: versitygw over a folder, with one bucket in it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

import requests

from tests.testbed import build
from tests.testbed.pki import Authority
from tests.testbed.process import State, Supervisor, free_port, myself

BUCKET = "backups"
REGION = "us-east-1"
_NAME = "versitygw"


class ObjectStore:
    """A running S3 server; it ends with this process, or by `stop`.

    url      of the server; requests name the bucket in the path
    bucket   the bucket that is there, empty at first
    folder   what the bucket holds: each object is the file of its key
    ca       the authority of the server's certificate, None for plain HTTP
    """

    __test__ = False

    def __init__(self, supervisor: Supervisor, url: str, ca: Path | None) -> None:
        self.supervisor = supervisor
        self.url = url
        self.ca = ca
        self.bucket = BUCKET
        self.region = REGION
        self.folder = supervisor.directory / "store" / BUCKET
        self._key = (f"TEST{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))

    @classmethod
    def start(cls, folder: Path, *, tls: bool = False, host: str = "127.0.0.1") -> Self:
        """A store that keeps everything in *folder*, which is made and, by `stop`, removed. It listens on *host*."""
        folder.mkdir(parents=True, exist_ok=True)
        address = f"{host}:{free_port()}"
        ca = Authority(folder / "pki").certificate if tls else None
        store = cls(Supervisor(folder, State(owner=myself())), f"http{'s' if tls else ''}://{address}", ca)
        store._run(address)
        return store

    def _run(self, address: str) -> None:
        home = self.supervisor.directory
        sidecar = home / "sidecar"
        for path in (self.folder, sidecar):
            path.mkdir(parents=True)
        flags = ["--port", address, "--region", REGION, "--health", "/health", "--quiet"]
        if self.ca:
            pair = Authority(home / "pki").sign(
                "object-store", addresses=(address.partition(":")[0], "127.0.0.1", "localhost")
            )
            flags += ["--cert", str(pair.certificate), "--key", str(pair.key)]
        # Not every file system has the extended attributes that it would keep metadata in.
        backend = ["posix", "--sidecar", str(sidecar), str(self.folder.parent)]
        program = str(build.programs(families=("versitygw",))["versitygw"])
        access, secret = self._key
        root = {"ROOT_ACCESS_KEY_ID": access, "ROOT_SECRET_ACCESS_KEY": secret}
        self.supervisor.start(_NAME, [program, *flags, *backend], root)
        self.supervisor.wait_ready(_NAME, self._healthy)

    def _healthy(self) -> bool:
        try:
            answer = requests.get(f"{self.url}/health", timeout=2, verify=str(self.ca) if self.ca else True)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return answer.status_code == 200

    def environment(self) -> dict[str, str]:
        """The variables that give a client this store's credentials and region."""
        access, secret = self._key
        return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": REGION}

    def objects(self) -> list[str]:
        """The keys of all objects, as they lie on the disk; what is half uploaded is none."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        keys = (str(path.relative_to(self.folder)) for path in files)
        return sorted(key for key in keys if not key.startswith(".sgwtmp"))

    def stop(self) -> None:
        self.supervisor.end()
