"""One test's own corner of a cluster whose claims have volumes: its namespace, its settings, and what is told."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hubops.backup.volumes import snapshots
from hubops.backup.volumes import take as volumes
from hubops.backup.volumes.snapshots import Snapshot
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config, Duration, KubernetesConfig
from hubops.config.backup import BackupConfig, DrillConfig, VolumeBackupConfig, VolumeDrillConfig
from hubops.journal.entries import KINDS
from hubops.journal.journal import Journal
from hubops.model.backup import Run
from tests.testbed import rights
from tests.testbed.api import load
from tests.testbed.csi import CLASS, Csi

DEPLOYED = Path(__file__).parents[2] / "deploy" / "backup" / "volumes-cronjob.yaml"


def account(csi: Csi, role: str, name: str) -> Path:
    """The kubeconfig of an account that may do what deploy/backup/volumes-cronjob.yaml says of *role*, and no more."""
    found = {(each["kind"], each["metadata"]["name"]): each for each in load(DEPLOYED)}
    csi.bed.api.apply(found["Namespace", "hubops"])
    csi.bed.api.apply(found["Role", "volumes"])
    path = csi.bed.service_account("default", name, *found["ClusterRole", role]["rules"])
    rbac = "rbac.authorization.k8s.io"
    csi.bed.api.apply({
        "apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"namespace": "hubops", "name": name},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "volumes"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    })  # fmt: skip
    user, own = f"system:serviceaccount:default:{name}", found["Role", "volumes"]["rules"]
    rights.in_force(csi.bed.api, user, own, namespace="hubops")
    return path


CONFIG = """
kubernetes: {{kubeconfig: {kubeconfig}}}
prometheus: {{enabled: false}}
backup:
  directory: {folder}
  volumes:
    namespaces: ["{space}"]
    snapshot_class: {snapshot_class}
    timeout: {timeout}
    keep: {{last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0}}
drill:
  volumes: {{timeout: 120s}}
"""


def hears(process: subprocess.Popen[str], words: str) -> None:
    """Wait until *process* says *words*."""
    assert process.stderr
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}:\n{''.join(seen)}")


@dataclass
class Told:
    """What a run says, line by line."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, name: str, words: str) -> None:
        self.lines.append(f"{name}: {words}")

    def over(self, name: str, words: str) -> None:
        self.lines.append(f"{name}: {words}")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class World:
    """`hubops backup volumes` and `hubops drill volumes` on the claims of one namespace."""

    csi: Csi
    folder: Path
    kubeconfig: Path | None = None
    space: str = field(default_factory=lambda: f"claims-{uuid.uuid4().hex[:6]}")
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.api = self.csi.bed.api
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}})
        self.access = KubernetesConfig(kubeconfig=str(self.kubeconfig or self.csi.bed.kubeconfig))
        self.cluster = KubeWriter(self.access, deadline=Deadline(300), environ={})
        self.journal = Journal(self.cluster, self.folder / "spool")

    def config(self, drill: VolumeDrillConfig | None = None, **settings: Any) -> Config:
        wanted: dict[str, Any] = {
            "namespaces": (self.space,), "snapshot_class": CLASS, "timeout": Duration(seconds=120), **settings,
        }  # fmt: skip
        return Config(
            cluster="claims",
            kubernetes=self.access,
            backup=BackupConfig(volumes=VolumeBackupConfig(**wanted)),
            drill=DrillConfig(volumes=drill or VolumeDrillConfig(timeout=Duration(seconds=120))),
        )

    def take(self, **settings: Any) -> Run:
        """A backup, which is in the journal then."""
        run = volumes.take(self.config(**settings), self.journal, say=self.told)
        assert run in [msgspec.structs.replace(each, clock_ahead_s=0.0) for each in self.journal.runs("volumes")]
        return run

    def settings(self, timeout: str = "120s") -> Path:
        """hubops.yaml for the claims here."""
        path = self.folder / "hubops.yaml"
        path.write_text(
            CONFIG.format(
                kubeconfig=self.access.kubeconfig, folder=self.folder, space=self.space, snapshot_class=CLASS,
                timeout=timeout,
            )
        )  # fmt: skip
        return path

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """`hubops` as a process, whose progress is on its stderr."""
        command = [sys.executable, "-m", "hubops.cli", *arguments, "--config", str(self.settings())]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def own(self) -> list[Snapshot]:
        """hubops' snapshots here, newest first."""
        return snapshots.own(self.cluster, self.space)

    def snapshot(self, name: str, claim: str, **labels: str) -> dict[str, Any]:
        """A VolumeSnapshot as an earlier run of hubops has left it, not awaited."""
        metadata = {"namespace": self.space, "name": name,
                    "labels": {**snapshots.MANAGED, snapshots.BACKUP: "backup-volumes-earlier", **labels}}  # fmt: skip
        spec = {"volumeSnapshotClassName": CLASS, "source": {"persistentVolumeClaimName": claim}}
        return self.api.apply(
            {"apiVersion": snapshots.API, "kind": "VolumeSnapshot", "metadata": metadata, "spec": spec}
        )

    def clear(self) -> None:
        """What is here goes away while the next test runs."""
        self.csi.heal()
        self.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}})
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        for name in (volumes.LOCK, "drill-volumes"):
            self.api.delete(lease | {"metadata": {"namespace": "hubops", "name": name}})
        for kind in KINDS:
            metadata = {"namespace": "hubops", "name": f"journal-{kind}"}
            self.api.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
