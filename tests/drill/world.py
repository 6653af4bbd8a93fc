"""An etcd that lives, a store with copies of it, and drills over both."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyrage

from hubops import __version__
from hubops.backup.etcd.copies import Copies
from hubops.backup.etcd.seal import seal
from hubops.clients import age
from hubops.clients.etcd import Etcdctl, Etcdutl
from hubops.clients.retry import Deadline
from hubops.config import Config
from hubops.config.backup import BackupConfig, DrillConfig, EtcdBackupConfig, EtcdDrillConfig, StoreConfig
from hubops.drill.etcd.drill import drill
from hubops.journal.journal import Journal
from hubops.model.backup import Copy, EtcdState, Run
from tests.testbed import build
from tests.testbed.etcd import Access, encode
from tests.testbed.etcd_cluster import EtcdCluster, Member
from tests.testbed.object_store import ObjectStore

CLUSTER = "prod-eu"
#: What restores; the API server is not among it.
RESTORING = ("etcd", "etcdctl", "etcdutl")


def path_of(folder: Path, *programs: str) -> str:
    """A PATH on which there is nothing but *programs* of the testbed, and what its own need."""
    folder.mkdir(exist_ok=True)
    found = build.programs(families=("etcd", "etcd-tools", "kubernetes"))
    for name in programs:
        (folder / name).symlink_to(found[name])
    setpriv = shutil.which("setpriv")
    assert setpriv
    (folder / "setpriv").symlink_to(setpriv)
    return str(folder)


def obj(kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


@dataclass
class World:
    """`environ` is what a drill in a process of its own needs beside PATH."""

    live: EtcdCluster
    folder: Path
    config: Config
    recipient: str
    environ: Mapping[str, str]
    said: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, live: EtcdCluster, folder: Path, store: ObjectStore, prefix: str) -> World:
        folder.mkdir(parents=True)
        identity = pyrage.x25519.Identity.generate()
        (folder / "identity").write_text(f"{identity}\n")
        recipient = str(identity.to_public())
        url = StoreConfig(url=f"s3://{store.bucket}/{prefix}", endpoint=store.url, allow_http=True, region=store.region)
        config = Config(
            cluster=CLUSTER,
            backup=BackupConfig(
                store=url, recipients=(recipient,), directory=str(folder / "hubops"), etcd=etcd_config(live.access)
            ),
            drill=DrillConfig(identity_files=(str(folder / "identity"),)),
        )
        return cls(live, folder, config, recipient, store.environment())

    @property
    def scratch(self) -> Path:
        return Path(self.config.backup.directory) / "drill"

    def left(self) -> list[Path]:
        """What drills left on the disk."""
        return list(self.scratch.glob("run-*"))

    def with_drill(self, **settings: Any) -> Config:
        etcd = msgspec.structs.replace(self.config.drill.etcd, **settings)
        return msgspec.structs.replace(self.config, drill=msgspec.structs.replace(self.config.drill, etcd=etcd))

    def with_etcd(self, **settings: Any) -> Config:
        assert self.config.backup.etcd
        etcd = msgspec.structs.replace(self.config.backup.etcd, **settings)
        return msgspec.structs.replace(self.config, backup=msgspec.structs.replace(self.config.backup, etcd=etcd))

    def drill(self, config: Config | None = None, wanted: str | None = None) -> Run:
        """A drill in this process; its record waits in the spool."""
        journal = Journal(None, self.folder / "spool")
        return drill(config or self.config, journal, say=lambda _, words: self.said.append(words), wanted=wanted)

    def put(self, key: str, value: dict[str, Any]) -> int:
        """The revision that this made."""
        answer = self.live.client().call(
            "put", {"key": encode(key.encode()), "value": encode(msgspec.json.encode(value))}
        )
        return int(answer["header"]["revision"])

    def delete(self, key: str) -> int:
        return int(self.live.client().call("deleterange", {"key": encode(key.encode())})["header"]["revision"])

    def snapshot(self, path: Path) -> None:
        etcdctl = Etcdctl(etcd_config(self.live.access))
        etcdctl.save(self.live.access.endpoint, path, deadline=Deadline(60))

    def send(self, age_of: timedelta = timedelta(hours=1)) -> Copy:
        """Send a copy of the live etcd as it is now to the store."""
        plain = self.folder / "plain.db"
        self.snapshot(plain)
        etcdctl = Etcdctl(etcd_config(self.live.access))
        state = etcdctl.status(self.live.access.endpoint)
        taken = datetime.now(UTC).replace(microsecond=0) - age_of
        file = self.folder / "sealed"
        sealed = seal(plain, file, age.recipients(self.config.backup), Etcdutl(), Deadline(60))
        copies = Copies.of(self.config)
        name = f"etcd-{taken:%Y%m%dT%H%M%S}Z-{len(copies.all())}"
        copy = Copy(
            id=name, cluster=CLUSTER, taken_at=taken, file=f"{name}.db.age", size=sealed.size, sha256=sealed.sha256,
            plain_sha256=sealed.plain_sha256, recipients=(self.recipient,), hubops_version=__version__,
            etcd=EtcdState(
                cluster_id=state.cluster_id, member_id=state.member_id, version=state.version,
                revision=sealed.status.revision, keys=sealed.status.keys, size=sealed.status.size,
                hash=sealed.status.hash,
            ),
        )  # fmt: skip
        copies.put(copy, file)
        for each in (plain, file):
            each.unlink()
        return copy

    def roll_back(self, snapshot: Path) -> None:
        """Make the live etcd one that was restored from *snapshot*: the same cluster, as etcd reckons it."""
        (member,) = self.live.members
        self.live.kill(member)
        data = self.live.data(member)
        data.rename(data.with_name(f"{data.name}-before"))
        command = ["etcdutl", "snapshot", "restore", str(snapshot), "--data-dir", str(data), *_membership(member)]
        subprocess.run(command, check=True, capture_output=True)
        self.live.restart(member)


def _membership(member: Member) -> tuple[str, ...]:
    peers = ("--initial-cluster", f"{member.name}={member.peer}", "--initial-advertise-peer-urls", member.peer)
    return ("--name", member.name, *peers)


def etcd_config(access: Access) -> EtcdBackupConfig:
    return EtcdBackupConfig(
        endpoints=(access.endpoint,), ca_file=str(access.ca), cert_file=str(access.cert), key_file=str(access.key)
    )


def no_api_server(config: Config) -> Config:
    return msgspec.structs.replace(
        config, drill=msgspec.structs.replace(config.drill, etcd=EtcdDrillConfig(api_server=False))
    )
