"""Makes objects older than they are.

The API server sets creationTimestamp itself, so nothing that was made for a test could ever be "pending for an hour".
The testbed's API server stores JSON, and etcd can be asked to change it: every timestamp of an object moves back, and
the API server's watchers see it as any other update.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.testbed.errors import TestbedError
from tests.testbed.etcd import CONNECTIONS, Etcd, encode

_TIME = re.compile(rb'"(\w+)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z"')
# A young heartbeat of an old node is healthy; when a certificate ends has nothing to do with the age of its object.
_KEEP = frozenset((b"lastHeartbeatTime", b"renewTime", b"notBefore", b"notAfter", b"renewalTime"))


def _shift(by: dt.timedelta, document: bytes) -> bytes:
    def earlier(match: re.Match[bytes]) -> bytes:
        key, time, fraction = match.groups()
        if key in _KEEP:
            return match[0]
        moved = dt.datetime.fromisoformat(time.decode()) - by
        return b'"%b":"%b%bZ"' % (key, moved.isoformat(timespec="seconds").encode(), fraction or b"")

    return _TIME.sub(earlier, document)


def backdate(etcd: Etcd, by: dt.timedelta, prefixes: Iterable[str]) -> None:
    """Move every timestamp of the objects under *prefixes* (as `/registry/pods/shop/`) back by *by*."""

    def move(entry: dict[str, str]) -> None:
        """Change one object, unless someone else changed it since it was read: then read it again."""
        while True:
            value = base64.b64decode(entry["value"])
            if not value.startswith(b"{"):
                raise TestbedError(f"{base64.b64decode(entry['key']).decode()} is not stored as JSON")
            put = {"key": entry["key"], "value": encode(_shift(by, value))}
            unchanged = {"target": "MOD", "key": entry["key"], "mod_revision": entry["mod_revision"]}
            read = {"request_range": {"key": entry["key"]}}
            done = etcd.call("txn", {"compare": [unchanged], "success": [{"request_put": put}], "failure": [read]})
            if done.get("succeeded"):
                return
            again = done["responses"][0]["response_range"].get("kvs")
            if not again:
                return
            entry = again[0]

    for prefix in prefixes:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(move, etcd.under(prefix)))
