"""An application that Velero has backed up, and drills of it: in this process, or as the program that people call."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config, Duration, KubernetesConfig
from hubops.config.backup import BackupConfig, DrillConfig, VeleroBackupConfig, VeleroDrillConfig
from hubops.drill.velero import drill as velero_drill
from hubops.drill.velero import removal
from hubops.drill.velero.scratch import MARK
from hubops.journal.journal import Journal
from hubops.model.backup import Run
from tests.backup.claims_world import Told
from tests.testbed.api import Object
from tests.testbed.velero import NAMESPACE
from tests.testbed.velero_platform import VeleroPlatform

_LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}


@dataclass
class Looking(Told):
    """Looks once, when the drill says *words*: while all that it has restored is there."""

    words: str = ""
    look: Callable[[], object] = field(default=lambda: None)
    looked: bool = False

    def __call__(self, name: str, words: str) -> None:
        super().__call__(name, words)
        if words.startswith(self.words) and not self.looked:
            self.looked = True
            self.look()


@dataclass
class World:
    """`hubops drill velero` on the application in the namespace *space*."""

    platform: VeleroPlatform
    folder: Path
    space: str
    kubeconfig: Path | None = None
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.api = self.platform.bed.api
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hubops"}})
        self.access = KubernetesConfig(kubeconfig=str(self.kubeconfig or self.platform.bed.kubeconfig))
        self.cluster = KubeWriter(self.access, deadline=Deadline(300), environ={})
        self.journal = Journal(self.cluster, self.folder / "spool")

    def config(self, **settings: Any) -> Config:
        wanted: dict[str, Any] = {
            "namespaces": (self.space,), "wait": Duration(seconds=20), "timeout": Duration(seconds=90), **settings,
        }  # fmt: skip
        return Config(
            cluster="shops",
            kubernetes=self.access,
            backup=BackupConfig(directory=str(self.folder), velero=VeleroBackupConfig()),
            drill=DrillConfig(velero=VeleroDrillConfig(**wanted)),
        )

    def drill(self, backup: str | None = None, namespaces: Sequence[str] = (), **settings: Any) -> Run:
        config = self.config(**settings)
        return velero_drill.drill(config, self.journal, say=self.told, backup=backup, namespaces=namespaces)

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """`hubops` as a process, whose progress is on its stderr."""
        path = self.folder / "hubops.yaml"
        drill = {"namespaces": [self.space], "wait": "20s", "timeout": "90s"}
        path.write_text(yaml.safe_dump({
            "kubernetes": {"kubeconfig": self.access.kubeconfig},
            "prometheus": {"enabled": False},
            "backup": {"directory": str(self.folder), "velero": {}},
            "drill": {"velero": drill},
        }))  # fmt: skip
        command = [sys.executable, "-m", "hubops.cli", *arguments, "--config", str(path)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def left(self) -> list[str]:
        """What drills have left, in the cluster and here."""
        found = removal.leftovers(self.cluster, self.platform.velero.client)
        here = [str(each) for each in (self.folder / "drill-velero").glob("run-*")]
        return [*(each.id for each in found), *self._marked(), *here]

    def _marked(self) -> Iterator[str]:
        for kind in ("Namespace", "ConfigMap", "Restore", "PersistentVolume"):
            for item in self.api.list(kind, labelSelector=MARK):
                yield f"{kind} {item['metadata']['name']}"
        for item in self.api.list("PersistentVolume"):
            if item["spec"].get("claimRef", {}).get("namespace", "").startswith("hubops-drill"):
                yield f"PersistentVolume {item['metadata']['name']}"
        for item in self.api.list("VolumeSnapshotContent"):
            if item["spec"]["volumeSnapshotRef"]["namespace"].startswith("hubops-drill"):
                yield f"VolumeSnapshotContent {item['metadata']['name']}"
        for item in self.api.list("DownloadRequest", NAMESPACE):
            yield f"DownloadRequest {item['metadata']['name']}"

    def scratches(self) -> list[Object]:
        """The scratch namespaces that are there."""
        return self.api.list("Namespace", labelSelector=MARK)

    def forget_lock(self) -> None:
        """The lock of a drill that lost its cluster in this process, which lives on."""
        self.api.delete(_LEASE | {"metadata": {"namespace": "hubops", "name": velero_drill.LOCK}})
