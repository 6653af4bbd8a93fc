"""What `hubops backup etcd` costs beside what it stands for: `python -m tests.backup.bench [GIGABYTES [RUNS]]`.

An etcd of 2 GB is saved by `etcdctl snapshot save` alone and, in the same round, read once and encrypted; then backed
up by hubops in a process of its own, without a store, because the network is no part of it. Ends with 1 where hubops
takes more than 1.1 of `snapshot save` and one encrypting read, or more than 150 MB of memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyrage
from tabulate import tabulate

from hubops.clients import age
from hubops.clients.digest import Reader, Sha256, SnapshotSha256, Writer
from hubops.config.backup import BackupConfig
from tests.backup.etcd_backup import Site
from tests.testbed import build
from tests.testbed.etcd_cluster import EtcdCluster

RATIO, MEMORY = 1.1, 150  # MB
_VALUE = 1_000_000  # bytes; etcd takes no more than 1.5 MiB in a request


def fill(cluster: EtcdCluster, gigabytes: float) -> None:
    client = cluster.client()
    for number in range(int(gigabytes * 1e9 / _VALUE)):
        client.put([(f"/registry/configmaps/bench/{number}", {"data": os.urandom(_VALUE // 2).hex()})])


def seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def save(site: Site, path: Path) -> None:
    access = site.access
    tls = ["--cacert", str(access.ca), "--cert", str(access.cert), "--key", str(access.key)]
    argv = ["etcdctl", "--endpoints", access.endpoint, *tls, "snapshot", "save", str(path)]
    subprocess.run(argv, check=True, capture_output=True)


def encrypt(plain: Path, to: Path, recipient: str) -> None:
    """One encrypting read, into a file that is on the disk afterwards."""
    with plain.open("rb") as source, to.open("wb") as target:
        recipients = age.recipients(BackupConfig(recipients=(recipient,)))
        age.encrypt(Reader(source, SnapshotSha256()), Writer(target, Sha256()), recipients)
        target.flush()
        os.fsync(target.fileno())


_TAKE = """
import resource, sys, time
from pathlib import Path
from hubops.backup.etcd import take as etcd
from hubops.journal.journal import Journal
from hubops.config import load
began = time.monotonic()
run = etcd.take(load(Path(sys.argv[1]), {}), Journal(None, Path(sys.argv[2])), say=lambda *_: None)
assert run.outcome == "succeeded", run.reason
print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def take(site: Site) -> tuple[float, float]:
    """Seconds, and megabytes of hubops' own memory."""
    file = site.settings_file()
    argv = [sys.executable, "-c", _TAKE, str(file), str(site.folder / "journal")]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    took, memory = (float(word) for word in done.stdout.split())
    return took, memory


def main(gigabytes: float = 2.0, runs: int = 3) -> int:
    os.environ["PATH"] = build.search_path("etcd-tools")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"quota-backend-bytes": 8 * 2**30, "snapshot-count": 100}
        cluster = EtcdCluster.start(Path(folder) / "etcd", settings=settings)
        try:
            return measure(Site(Path(folder) / "site", cluster.access), cluster, gigabytes, runs)
        finally:
            cluster.end()


def measure(site: Site, cluster: EtcdCluster, gigabytes: float, runs: int) -> int:
    fill(cluster, gigabytes)
    plain, sealed = site.folder.with_name("plain.db"), site.folder.with_name("sealed")
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    saves, reads, takes, memories = [], [], [], []
    for _ in range(runs):
        saves.append(seconds(lambda: save(site, plain)))
        reads.append(seconds(lambda: encrypt(plain, sealed, recipient)))
        size = plain.stat().st_size
        plain.unlink()
        sealed.unlink()
        took, memory = take(site)
        takes.append(took)
        memories.append(memory)
    ratios = [took / (saved + read) for took, saved, read in zip(takes, saves, reads, strict=True)]
    rows = [
        ("etcdctl snapshot save", *map(_shown, saves)),
        ("one encrypting read", *map(_shown, reads)),
        ("hubops backup etcd", *map(_shown, takes)),
        ("ratio", *(f"{ratio:.2f}" for ratio in ratios)),
        ("memory", *(f"{memory:.0f} MB" for memory in memories)),
    ]
    print(f"a database of {size / 1e9:.2f} GB")
    print(tabulate(rows, tablefmt="plain"))
    return int(statistics.median(ratios) > RATIO or max(memories) > MEMORY)


def _shown(took: float) -> str:
    return f"{took:.1f} s"


if __name__ == "__main__":
    sys.exit(main(*(kind(word) for kind, word in zip((float, int), sys.argv[1:], strict=False))))
