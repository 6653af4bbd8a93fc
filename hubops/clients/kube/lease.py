"""One run at a time that changes a cluster: a Lease in the namespace hubops, renewed, taken over from a dead holder."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hubops.clients.kube.errors import AlreadyExists, Conflict
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import ClusterUnreachable, Locked, SourceError

NAMESPACE = "hubops"
#: Seconds without renewal after which a holder counts as dead; the length that Kubernetes' own leader elections use is
#: 15, of processes that do nothing else and are not on a laptop.
DURATION = 30
_RENEW = DURATION / 6


def make_room(cluster: KubeWriter) -> None:
    """Create the namespace of the lock where it is missing; the component `namespaces` gives it its labels later."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    if cluster.read(namespace) is None:
        with suppress(AlreadyExists):
            cluster.create(namespace)


@contextmanager
def held(cluster: KubeWriter, name: str, *, waiting: Callable[[str], None], lost: Callable[[], None]) -> Iterator[None]:
    """Holds the lock *name* of the cluster while the block runs; it is named for the verb.

    Of a holder that does not renew, the lock is taken over once DURATION has passed on this machine's clock, so that
    no two clocks are compared; *waiting* is told whom that is. *lost* is called, in another thread, when the lock could
    not be renewed in time. Raises Locked where a holder is alive.
    """
    lock = _Lock(cluster, name)
    lock.take(waiting)
    stop = threading.Event()
    thread = threading.Thread(target=lock.keep, args=(stop, lost), name="lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        lock.release()


class _Lock:
    def __init__(self, cluster: KubeWriter, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self._identity = f"{machine()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._lease: dict[str, Any] = {}

    def take(self, waiting: Callable[[str], None]) -> None:
        seen, began = None, time.monotonic()
        while True:
            current = self._cluster.read(_lease(self._name, {}))
            if current is None:
                if self._try(partial(self._cluster.create, _lease(self._name, self._spec()))):
                    return
                continue
            spec = current.get("spec") or {}
            holder = spec.get("holderIdentity") or ""
            if not holder or _is_dead_here(holder) or (seen == spec and time.monotonic() - began > DURATION):
                if self._try(partial(self._cluster.replace, current | {"spec": self._spec(spec)})):
                    return
                continue
            if seen is None:
                waiting(holder)
            elif seen != spec:
                since = spec.get("acquireTime", "a moment ago")
                raise Locked(f"another {self._name} is at work: {holder}, since {since}")
            seen = spec
            self._cluster.deadline.pause(1.0)
            self._cluster.deadline.bound(1.0)

    def keep(self, stop: threading.Event, lost: Callable[[], None]) -> None:
        renewed = time.monotonic()
        while not stop.wait(_RENEW):
            try:
                self._lease = self._cluster.replace(self._lease | {"spec": self._lease["spec"] | {"renewTime": _now()}})
                renewed = time.monotonic()
            except Conflict:
                lost()
                return
            except (SourceError, ClusterUnreachable):
                if time.monotonic() - renewed > DURATION:
                    lost()
                    return

    def release(self) -> None:
        """Give it back, where it still is ours; what cannot be given back ends by itself."""
        try:
            self._cluster.replace(self._lease | {"spec": self._lease["spec"] | {"holderIdentity": ""}})
        except (SourceError, ClusterUnreachable):
            return

    def _try(self, write: Callable[[], dict[str, Any]]) -> bool:
        try:
            self._lease = write()
        except (AlreadyExists, Conflict):
            return False
        return True

    def _spec(self, before: dict[str, Any] | None = None) -> dict[str, Any]:
        changes = int((before or {}).get("leaseTransitions") or 0) + (1 if before else 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": _now(),
            "renewTime": _now(),
            "leaseTransitions": changes,
        }


def machine() -> str:
    """This machine's name, and what tells it from others of that name: its boot, and the container that hubops is in,
    because a number of a process means nothing outside of these.
    """
    told = b""
    with suppress(OSError):
        told += Path("/proc/sys/kernel/random/boot_id").read_bytes()
        told += str(Path("/proc/self/ns/pid").readlink()).encode()
    return f"{socket.gethostname()}.{hashlib.sha256(told).hexdigest()[:8]}"


def _is_dead_here(holder: str) -> bool:
    """Whether *holder* was a process of this machine that is gone."""
    host, _, rest = holder.partition("/")
    process = rest.partition("/")[0]
    if host != machine() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _lease(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"namespace": NAMESPACE, "name": name}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
