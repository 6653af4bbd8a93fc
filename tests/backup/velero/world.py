"""`hubops backup velero` on one namespace of a cluster with a real Velero."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubops import cli
from hubops.backup.velero.take import take
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.clients.velero import VeleroClient
from hubops.config import Config, Duration, KubernetesConfig
from hubops.config import load as load_config
from hubops.config.backup import BackupConfig, VeleroBackupConfig
from hubops.journal.journal import Journal
from hubops.model.backup import Run, VeleroBackupRecord
from tests.testbed import rights
from tests.testbed.api import load
from tests.testbed.velero import Velero

DEPLOYED = Path(__file__).parents[3] / "deploy" / "backup" / "velero-cronjob.yaml"

CONFIG = """
kubernetes: {{kubeconfig: {kubeconfig}}}
prometheus: {{enabled: false}}
backup:
  directory: {folder}
  velero: {velero}
"""


@dataclass
class Told:
    """What a run says, line by line; `on` is done when a line has these words, once."""

    lines: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], object]] = field(default_factory=dict)

    def __call__(self, name: str, words: str) -> None:
        self.lines.append(f"{name}: {words}")
        for awaited in [each for each in self.on if each in words]:
            self.on.pop(awaited)()

    over = __call__


@dataclass
class World:
    """Velero's backups of the namespace `space`, with a journal of their own."""

    velero: Velero
    folder: Path
    space: str = field(default_factory=lambda: f"space-{uuid.uuid4().hex[:6]}")
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.api = self.velero.bed.api
        self.access = KubernetesConfig(kubeconfig=str(self.velero.bed.kubeconfig))
        self.cluster = KubeWriter(self.access, deadline=Deadline(300), environ={})
        self.client = VeleroClient(self.cluster)
        self.journal = Journal(self.cluster, self.folder / "spool")

    def make(self, *objects: dict[str, Any]) -> None:
        """The namespace with ten ConfigMaps and these *objects* in it."""
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}})
        for number in range(10):
            self.api.apply(self.map(f"map-{number}"))
        for each in objects:
            self.api.apply(each)

    def map(self, name: str, **labels: str) -> dict[str, Any]:
        metadata = {"namespace": self.space, "name": name, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"at": "noon"}}

    def config(self, **settings: Any) -> Config:
        wanted: dict[str, Any] = {"namespaces": (self.space,), "volumes": False, "timeout": Duration(seconds=40)}
        velero = VeleroBackupConfig(**(wanted | settings))
        return Config(kubernetes=self.access, backup=BackupConfig(directory=str(self.folder), velero=velero))

    def take(self, schedule: str | None = None, narrowed: tuple[str, ...] = (), **settings: Any) -> Run:
        """A backup, which is in the journal then."""
        run = take(self.config(**settings), self.journal, say=self.told, schedule=schedule, namespaces=narrowed)
        assert run.id in [each.id for each in self.journal.runs("velero")]
        return run

    def deployed(self) -> Config:
        """With the settings and the rights of deploy/backup/velero-cronjob.yaml, but for this namespace alone."""
        bed, name = self.velero.bed, f"deployed-{self.space}"
        items = {(each["kind"], each["metadata"].get("namespace")): each for each in load(DEPLOYED)}
        path = bed.service_account("default", name)
        rbac, subject = "rbac.authorization.k8s.io", {"kind": "ServiceAccount", "name": name, "namespace": "default"}
        self.api.apply(items["Namespace", None])
        for kind, namespace in (("ClusterRoleBinding", None), ("Role", "hubops"), ("Role", "velero")):
            item = items[kind, namespace]
            if kind == "Role":
                self.api.apply(item)
            reference = item.get("roleRef") or {"apiGroup": rbac, "kind": kind, "name": item["metadata"]["name"]}
            bound = {"name": name, **({"namespace": namespace} if namespace else {})}
            self.api.apply({
                "apiVersion": f"{rbac}/v1", "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
                "metadata": bound | {"name": f"{name}-{kind.lower()}"}, "roleRef": reference, "subjects": [subject],
            })  # fmt: skip
            if namespace:
                rights.in_force(self.api, f"system:serviceaccount:default:{name}", item["rules"], namespace=namespace)
        self.folder.joinpath("deployed.yaml").write_text(items["ConfigMap", "hubops"]["data"]["hubops.yaml"])
        found = load_config(self.folder / "deployed.yaml")
        assert found.backup.velero
        velero = msgspec.structs.replace(found.backup.velero, namespaces=(self.space,), exclude=())
        return msgspec.structs.replace(
            found,
            kubernetes=KubernetesConfig(kubeconfig=str(path)),
            backup=msgspec.structs.replace(found.backup, directory=str(self.folder), velero=velero),
        )

    def settings(self, **velero: Any) -> Path:
        """A hubops.yaml for `hubops`."""
        wanted = {"namespaces": [self.space], "volumes": False, "timeout": "40s", **velero}
        path = self.folder / "hubops.yaml"
        path.write_text(
            CONFIG.format(kubeconfig=self.velero.bed.kubeconfig, folder=self.folder, velero=json.dumps(wanted))
        )
        return path

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """hubops as a process of its own."""
        command = [sys.executable, "-m", "hubops.cli", "backup", "velero", *arguments]
        return subprocess.Popen(
            [*command, "--config", str(self.folder / "hubops.yaml")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ | {"HOME": str(self.folder)},
        )  # fmt: skip

    def hubops(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        """The exit code, standard output and standard error of `hubops backup velero`."""
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main(["backup", "velero", *arguments, "--config", str(self.folder / "hubops.yaml")])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    def clear(self) -> None:
        self.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}})


def record(run: Run) -> VeleroBackupRecord:
    """What the run has recorded of its Backup."""
    assert run.velero is not None, run.reason
    return run.velero
