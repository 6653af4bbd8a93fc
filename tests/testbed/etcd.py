"""etcd itself, over its JSON gateway: for what the API server would not let a test do."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from tests.testbed.errors import TestbedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.pki import Pair

CONNECTIONS = 8
_BATCH = 50


def encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(frozen=True)
class Access:
    """What a client needs to reach an etcd: its URL (several have commas between them), and files for TLS."""

    endpoint: str
    ca: Path
    cert: Path
    key: Path


class Etcd:
    def __init__(self, url: str, authority: Path, user: Pair) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(authority)
        self.session.cert = (str(user.certificate), str(user.key))
        self.session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=CONNECTIONS))

    def call(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.session.post(f"{self.url}/v3/kv/{verb}", json=body, timeout=60)
        if answer.status_code != 200:
            raise TestbedError(f"etcd {verb}: {answer.status_code} {answer.text[:300]}")
        decoded: dict[str, Any] = answer.json()
        return decoded

    def under(self, prefix: str) -> list[dict[str, str]]:
        """The entries whose key begins with *prefix*, with their values."""
        start = prefix.encode()
        end = start[:-1] + bytes([start[-1] + 1])
        answer = self.call("range", {"key": encode(start), "range_end": encode(end)})
        found: list[dict[str, str]] = answer.get("kvs", [])
        return found

    def put(self, objects: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Store objects as JSON, many in a transaction; the API server reads it whatever it writes itself."""
        rest = iter(objects)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            pending: deque[Future[None]] = deque()
            while batch := list(islice(rest, _BATCH)):
                if len(pending) == CONNECTIONS:
                    pending.popleft().result()
                pending.append(pool.submit(self._put, batch))
            for each in pending:
                each.result()

    def _put(self, batch: list[tuple[str, dict[str, Any]]]) -> None:
        puts = [
            {"request_put": {"key": encode(key.encode()), "value": encode(json.dumps(value).encode())}}
            for key, value in batch
        ]
        self.call("txn", {"success": puts})
