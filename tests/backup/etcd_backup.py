"""What tests of etcd's backups share: an etcd with something in it, settings, and a journal without an API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pyrage
import yaml

from hubops.backup.etcd import take as etcd
from hubops.backup.etcd.copies import Copies
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config, Duration, KubernetesConfig
from hubops.config.backup import BackupConfig, DrillConfig, EtcdBackupConfig, StoreConfig
from hubops.journal.journal import Journal
from hubops.model.backup import Copy, Run
from tests.testbed.etcd import Access
from tests.testbed.object_store import BUCKET


@dataclass
class Site:
    """One cluster with its settings; without an API server its journal is a folder of its own."""

    folder: Path
    access: Access
    identity: pyrage.x25519.Identity = field(default_factory=pyrage.x25519.Identity.generate)
    store: StoreConfig | None = None
    api: KubernetesConfig | None = None
    settings: dict[str, object] = field(default_factory=dict)  # of backup.etcd
    said: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], object]] = field(default_factory=dict)  # done once a step is begun, by its first words

    def config(self, **changed: object) -> Config:
        access = self.access
        self.folder.mkdir(exist_ok=True)
        identity_file = self.folder / "identity"
        identity_file.write_text(f"{self.identity}\n")
        settings = {
            "endpoints": tuple(access.endpoint.split(",")), "ca_file": str(access.ca),
            "cert_file": str(access.cert), "key_file": str(access.key),
        } | self.settings  # fmt: skip
        values: dict[str, object] = {
            "store": self.store,
            "recipients": (str(self.identity.to_public()),),
            "directory": str(self.folder / "hubops"),
            "etcd": EtcdBackupConfig(**settings),  # type: ignore[arg-type]
        }
        return Config(
            cluster="test",
            kubernetes=self.api or KubernetesConfig(kubeconfig=str(self.folder / "no-kubeconfig")),
            backup=BackupConfig(**(values | changed)),  # type: ignore[arg-type]
            drill=DrillConfig(identity_files=(str(identity_file),)),
        )

    def settings_file(self) -> Path:
        """The same as a hubops.yaml, for other processes."""
        config = self.config()
        settings = {"cluster": config.cluster, "kubernetes": {"kubeconfig": config.kubernetes.kubeconfig}}
        file = self.folder / "hubops.yaml"
        backup = msgspec.to_builtins(config.backup, enc_hook=_as_written)
        file.write_text(yaml.safe_dump(settings | {"backup": json.loads(json.dumps(backup))}))
        return file

    @property
    def journal(self) -> Journal:
        cluster = KubeWriter(self.api, deadline=Deadline(300), environ={}) if self.api else None
        return Journal(cluster, self.folder / "journal")

    @property
    def home(self) -> Path:
        return self.folder / "hubops/etcd"

    @property
    def copies(self) -> Copies:
        return Copies.of(self.config())

    def say(self, name: str, words: str) -> None:
        self.said.append(words)
        for begin, act in self.on.items():
            if words.startswith(begin):
                act()

    def take(self, *, new_history: bool = False, **changed: object) -> Run:
        return etcd.take(self.config(**changed), self.journal, say=self.say, new_history=new_history)

    def recorded(self) -> Run:
        """The newest run in the journal."""
        return self.journal.runs("etcd")[0]

    def local(self) -> list[str]:
        return sorted(path.name for path in (self.home / "copies").rglob("*") if path.is_file())

    def work(self) -> list[Path]:
        return list((self.home / "work").iterdir())


def _as_written(duration: object) -> str:
    assert isinstance(duration, timedelta)
    return f"{duration.total_seconds():.0f}s"


def s3(url: str, prefix: str) -> StoreConfig:
    return StoreConfig(url=f"s3://{BUCKET}/{prefix}", endpoint=url, allow_http=True, timeout=Duration(seconds=2))


def changed(copy: Copy, **values: object) -> Copy:
    return msgspec.structs.replace(copy, **values)
