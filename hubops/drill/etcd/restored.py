"""A copy restored into an etcd of the drill's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hubops.clients.etcd import Etcdctl, Etcdutl
from hubops.clients.etcd_keys import AllKeys, Endpoint, newest
from hubops.clients.retry import Deadline
from hubops.config.backup import EtcdBackupConfig
from hubops.drill.etcd import certificates, servers
from hubops.drill.etcd.certificates import Certificates
from hubops.drill.etcd.compare import Comparison, compare
from hubops.drill.etcd.scratch import Scratch
from hubops.errors import Permanent, SourceError
from hubops.model.backup import Copy
from hubops.model.etcd_keys import Names

_ANSWER = 2.0  # seconds that it has at each attempt to answer
Step = Callable[[str, str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Restored:
    """It is read at the revision of the copy: what its own servers write, and what expires in it, comes after."""

    endpoint: Endpoint
    certificates: Certificates
    revision: int
    versions: dict[str, str]

    def keys(self, deadline: Deadline) -> AllKeys:
        return AllKeys(self.endpoint, self.revision, deadline)

    def count(self, names: Names, deadline: Deadline) -> Comparison:
        """Its keys alone, compared with nothing."""
        return compare(self.keys(deadline), None, self.revision, names)


def restore(place: Scratch, snapshot: Path, copy: Copy, step: Step, deadline: Deadline) -> Restored:
    """Restore the file *snapshot*, which is removed, and start an etcd on it that answers at the copy's revision.

    Raises Permanent and Retryable where it cannot be restored, UsageError where a program is missing.
    """
    etcd, etcdutl, data = servers.find("etcd"), Etcdutl(), place.folder / "data"
    with step("restore", "restoring it into a scratch etcd"):
        # Without --bump-revision: revisions are what is compared, and nobody watches this etcd.
        etcdutl.restore(snapshot, data, timeout=deadline.bound(deadline.seconds))
        snapshot.unlink()
    with step("start etcd", "starting the scratch etcd"):
        made = certificates.make(place.folder / "certificates")
        etcdctl = _etcdctl(made)
        url = servers.start_etcd(
            place, etcd, data, made, quota=2 * copy.etcd.size + 2**30, deadline=deadline,
            answers=lambda url: _answers(Endpoint(etcdctl, url)),
        )  # fmt: skip
    endpoint = Endpoint(etcdctl, url)
    revision = newest(endpoint, deadline).revision
    if revision < copy.etcd.revision:
        raise Permanent(f"the restored etcd is at revision {revision}, and its copy was at {copy.etcd.revision}")
    versions = {"etcd": servers.version(etcd), "etcdutl": ".".join(map(str, etcdutl.version))}
    return Restored(endpoint, made, copy.etcd.revision, versions)


def _etcdctl(made: Certificates) -> Etcdctl:
    return Etcdctl(
        EtcdBackupConfig(
            endpoints=("https://localhost",),  # any with TLS
            ca_file=str(made.ca), cert_file=str(made.client), key_file=str(made.client_key),
        )
    )  # fmt: skip


def _answers(etcd: Endpoint) -> bool:
    try:
        etcd.etcdctl.get(etcd.url, "", "--from-key", "--limit", "1", "--keys-only", timeout=_ANSWER)
    except SourceError:
        return False
    return True
