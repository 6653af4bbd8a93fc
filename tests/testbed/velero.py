"""A real Velero server and its plugin for S3, as processes beside an API server of the testbed.

Its store is a real S3 server behind a proxy that lets it fail (`velero.faults`). No pod runs: what the server needs of
its own Deployment is there and empty. Its periods are short where a flag says them. It runs in the network of the
testbed, for one of its ports is 8080 whatever one says: without such networks there can be one Velero on a machine.

What was seen of Velero 1.18.3 (test_velero.py shows most of it):

- A Backup has no status at all until a server looks at it; made while none runs, it is done once one does. A Restore is
  New while another is under way.
- A namespace that does not exist: PartiallyFailed, one error under `velero` in its results, and no items.
- The server killed in the middle: the Backup or Restore stays InProgress while none runs. The next one marks it Failed
  as it starts (`failureReason: found a backup with status "InProgress" during the server starting, mark it as
  "Failed"`); nothing of the backup is in the store then, nor results.
- Pods and Jobs that have completed are in a backup, and are not restored.
- The store gone before: the location becomes Unavailable (with the store's words), and what is asked for then is
  FailedValidation with `validationErrors`, without a start. Gone during: Failed with `failureReason`, which names the
  store's URL but no credentials; the log may be in the store, results never are. A plugin that dies: Failed. Where the
  tarball could not be read: the Restore is Failed.
- A Failed or FailedValidation backup has no results in the store: asking for them is a 404. PartiallyFailed has them.
- Deletion refused by the store: the request is Processed with errors and stays for a day, the Backup stays Deleting.
  The server killed while it deletes: Backup Deleting and request InProgress, for ever; a new request removes it.
  Where the location is Unavailable, the request is Processed with an error, and the Backup keeps its phase.
- A Backup that is deleted with kubectl comes back from the store at the next sync, at most a minute later.
- A DownloadRequest for what is not there gets `expiration` and no URL. One for a file that is not there gets a URL.
- In a restore into a namespace where controllers run, ConfigMap kube-root-ca.crt is a warning ("already exists") and
  "(failed)" in its resource list; ServiceAccount default is "(skipped)".
- A restore of CSI snapshots makes cluster-scoped VolumeSnapshotContents (label velero.io/restore-name, deletionPolicy
  Retain) that outlive the namespace. It looks at its claims every ten seconds.
- With EnableCSI, and without the CRDs of snapshots, every backup is PartiallyFailed.
"""

from __future__ import annotations

import itertools
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.clients.velero import VeleroClient
from hubops.config import KubernetesConfig
from tests.testbed import build, network
from tests.testbed.api import Object, load
from tests.testbed.bed import Testbed
from tests.testbed.errors import TestbedError
from tests.testbed.object_store import ObjectStore
from tests.testbed.process import free_port, poll
from tests.testbed.store_faults import Request, StoreFaults, hang

NAMESPACE = "velero"
LOCATION = "default"
CRDS = Path(__file__).parents[1] / "crds" / "velero.yaml"
_SERVER, _PLUGIN = "velero", "velero-plugin-for-aws"
_FLAGS = {
    "namespace": NAMESPACE,
    "backup-sync-period": "5s",
    "store-validation-frequency": "2s",
    "garbage-collection-frequency": "5s",
    "item-operation-sync-frequency": "1s",
    "terminating-resource-timeout": "10s",
    "resource-timeout": "30s",  # a restore looks at its claims every 10 s
    "client-qps": "500",
    "client-burst": "1000",
    "profiler-address": "",
    "features": "EnableCSI",
    "log-format": "text",
}


class Velero:
    """A running Velero; `stop` ends it and removes what it has in its store.

    bed        whose API server it serves
    faults     the proxy before its store; `faults.store` is the store itself
    address    this machine's, as the server sees it
    client     hubops' own client of it, as the administrator
    namespace  of its server and resources
    log        the file of its log
    """

    __test__ = False

    def __init__(self, bed: Testbed, faults: StoreFaults) -> None:
        self.bed = bed
        self.faults = faults
        self.run = bed.supervisor
        self.folder = bed.directory / "velero"
        self.address = _outside(bed)
        self.namespace = NAMESPACE
        self.log = self.run.log(_SERVER)
        self.client = self.client_for(bed.kubeconfig)

    @classmethod
    def start(cls, bed: Testbed) -> Self:
        """Install its CRDs into *bed* and start it and its store; `stop`, or the end of *bed*, ends it."""
        store = ObjectStore.start(bed.directory / "velero-store")
        velero = cls(bed, StoreFaults.start(store, _outside(bed)))
        velero._install()
        velero._prepare()
        velero.start_server()
        return velero

    def client_for(self, kubeconfig: Path, *, patience: float = 20.0) -> VeleroClient:
        """hubops' client of it with the rights of *kubeconfig*."""
        return VeleroClient(self.writer(kubeconfig), NAMESPACE, patience=patience)

    @staticmethod
    def writer(kubeconfig: Path, seconds: float = 600) -> KubeWriter:
        return KubeWriter(KubernetesConfig(kubeconfig=str(kubeconfig)), deadline=Deadline(seconds), environ={})

    def _install(self) -> None:
        for crd in load(CRDS):
            self.bed.api.apply(crd)
        poll(lambda: self.bed.api.serves("BackupStorageLocation"), "Velero's CRDs served")
        self.bed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.bed.api.apply(_deployment())
        self.bed.api.apply(self.location(LOCATION, default=True))

    def location(self, name: str, *, prefix: str = "velero", default: bool = False, **config: str) -> Object:
        """A BackupStorageLocation in its store, to be applied."""
        store = self.faults.store
        return location(name, store, self.faults.url, prefix=prefix, default=default, **config)

    def secure_store(self, name: str) -> tuple[ObjectStore, Object]:
        """Another store that speaks TLS, and a BackupStorageLocation *name* in it, to be applied.

        The caller stops it. The location trusts nobody: a test says how (`caCert`, `insecureSkipTLSVerify`).
        """
        store = ObjectStore.start(self.folder / name, tls=True, host=self.address)
        self._add_credentials(name, store)
        return store, location(name, store, store.url, profile=name)

    def _prepare(self) -> None:
        """Its folders, its credentials, and its plugin: a wrapper, so that a test can say that it dies."""
        home = self.folder
        for folder in ("plugins", "tmp"):
            (home / folder).mkdir(parents=True)
        (home / "credentials").touch(0o600)
        self._add_credentials("default", self.faults.store)
        real, dead = build.programs(families=build.VELERO)[_PLUGIN], home / "plugin-dies"
        wrapper = home / "plugins" / _PLUGIN
        wrapper.write_text(  # under its own name, by which the server starts it again
            f'#!/bin/bash\n[ -e {shlex.quote(str(dead))} ] && exit 1\nexec -a "$0" {shlex.quote(str(real))} "$@"\n'
        )
        wrapper.chmod(0o755)

    def _add_credentials(self, profile: str, store: ObjectStore) -> None:
        keys = store.environment()
        with (self.folder / "credentials").open("a") as file:
            file.write(f"[{profile}]\naws_access_key_id={keys['AWS_ACCESS_KEY_ID']}\n")
            file.write(f"aws_secret_access_key={keys['AWS_SECRET_ACCESS_KEY']}\n")

    def start_server(self) -> None:
        """Start the server, for the first time or again, and wait until it serves its kinds."""
        home = self.folder
        program = build.programs(families=build.VELERO)[_SERVER]
        flags = _FLAGS | {
            "kubeconfig": str(self.bed.kubeconfig),
            "plugin-dir": str(home / "plugins"),
            "metrics-address": f"127.0.0.1:{free_port()}",
        }
        environment = {
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "VELERO_NAMESPACE": NAMESPACE,
            "CSI_SNAPSHOT_EARLY_FREQUENT_POLLING": "true",  # each second, not every five
        }
        began = self.log.stat().st_size if self.log.exists() else 0
        self.run.start(
            _SERVER, [str(program), "server", *(f"--{key}={value}" for key, value in flags.items())], environment
        )
        self.run.wait_ready(_SERVER, lambda: b"Starting workers" in self._said(began))
        self.wait_for_location("Available")

    def _said(self, since: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read()

    def kill_server(self) -> None:
        """The server dies at once, and its plugins with it, as with its node; `start_server` brings it back."""
        for process in self.run.state.processes:
            if process.name == _SERVER:
                plugins = _children(process.pid)
                for pid in (process.pid, *plugins):
                    os.kill(pid, signal.SIGKILL)
        self.stop_server()

    def stop_server(self) -> None:
        """The server ends as when its pod is deleted."""
        self.run.stop(_SERVER)

    @contextmanager
    def server_away(self) -> Iterator[None]:
        """Within, no server runs."""
        self.stop_server()
        try:
            yield
        finally:
            self.start_server()

    @contextmanager
    def plugin_dies(self) -> Iterator[None]:
        """Within, the S3 plugin ends at once whenever the server starts it; those that run are killed."""
        mark = self.folder / "plugin-dies"
        mark.touch()
        self.kill_plugins()
        try:
            yield
        finally:
            mark.unlink()

    def kill_plugins(self) -> int:
        """Kill the S3 plugins that run for the server just now; how many there were. It starts them when needed."""
        server = next(each.pid for each in self.run.state.processes if each.name == _SERVER)
        plugins = [pid for pid in _children(server) if _PLUGIN in Path(f"/proc/{pid}/cmdline").read_text()]
        for pid in plugins:
            os.kill(pid, signal.SIGKILL)
        return len(plugins)

    def wait_for_location(self, phase: str, name: str = LOCATION) -> None:
        """Until the BackupStorageLocation is in *phase*: Available or Unavailable.

        The server looks at it every ten seconds, and at once when its spec changes.
        """
        path = self.bed.api.path("BackupStorageLocation", NAMESPACE, name)
        frequencies = itertools.cycle(["2s"] * 10 + ["3s"] * 10)

        def reached() -> bool:
            found = self.bed.api.call("GET", path)
            if found.get("status", {}).get("phase") == phase:
                return True
            spec = {"spec": {"validationFrequency": next(frequencies)}}
            self.bed.api.call("PATCH", path, spec, "application/merge-patch+json")
            return False

        try:
            poll(reached, f"BackupStorageLocation {name} {phase}", 60)
        except TestbedError as error:
            raise TestbedError(f"{error}\n{self.run.tail(_SERVER)}") from error

    def backup(self, name: str, *namespaces: str, **spec: object) -> Object:
        """Make a Backup of *namespaces* and wait until it has ended; returns it as it is then."""
        self.client.create_backup(name, {"includedNamespaces": list(namespaces), **spec})
        return self.ended("Backup", name)

    def restore(self, name: str, backup: str, mapping: dict[str, str], **spec: object) -> Object:
        """Make a Restore of *backup* into the namespaces of *mapping* and wait until it has ended."""
        spec = {"backupName": backup, "includedNamespaces": list(mapping), "namespaceMapping": mapping, **spec}
        self.client.create_restore(name, spec)
        return self.ended("Restore", name)

    def ended(self, kind: str, name: str, timeout: float = 120) -> Object:
        """The Backup or Restore as it has ended."""
        found: Object = {}

        def over() -> bool:
            found.update(self.bed.api.get(kind, NAMESPACE, name) or {})
            return found.get("status", {}).get("phase") in {
                "Completed",
                "PartiallyFailed",
                "Failed",
                "FailedValidation",
            }

        poll(over, f"{kind} {name} ended", timeout)
        return found

    def settings(self, namespace: str, count: int = 3) -> None:
        """Make *namespace* with so many ConfigMaps in it: what is backed up in half a second."""
        self.bed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for index in range(count):
            metadata = {"namespace": namespace, "name": f"settings-{index}"}
            self.bed.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})

    @contextmanager
    def held(self, operation: str, of: str) -> Iterator[Callable[[], None]]:
        """Within, *operation* of the store hangs for files of the Backup *of*; what is given waits until it does."""
        began = len(self.faults.seen)

        def mine(request: Request) -> bool:
            return f"/backups/{of}/" in f"/{request.key}"

        def hangs() -> bool:
            return any(each.operation == operation and mine(each) for each in self.faults.seen[began:])

        with self.faults.on(operation, hang(), only=mine):
            yield lambda: poll(hangs, f"{operation} of {of}")

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        """Return as soon as *condition* holds."""
        poll(condition, "what a test waits for")

    def files(self, backup: str) -> list[str]:
        """The names of what the store really holds of *backup*."""
        store = self.faults.store
        return [key for key in store.objects() if f"/backups/{backup}/" in f"/{key}"]

    def stop(self) -> None:
        self.run.stop(_SERVER)
        self.faults.stop()
        self.faults.store.stop()


def location(
    name: str, store: ObjectStore, url: str, *, prefix: str = "velero", default: bool = False, **config: str
) -> Object:
    """A BackupStorageLocation in *store*, which is reached at *url*."""
    known = {"region": store.region, "s3ForcePathStyle": "true", "s3Url": url}
    return {
        "apiVersion": "velero.io/v1",
        "kind": "BackupStorageLocation",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {
            "provider": "aws",
            "default": default,
            "objectStorage": {"bucket": store.bucket, "prefix": prefix},
            "config": known | config,
        },
    }


def _outside(bed: Testbed) -> str:
    """This machine's address as the programs of *bed* see it."""
    return network.outside(bed.address) if bed.in_cluster else "127.0.0.1"


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _deployment() -> Object:
    """Restores read the server's own Deployment; a controller would make no pod of it."""
    container = {"name": "velero", "image": "registry.example.com/velero/velero:v1.18.3"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": "velero"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"deploy": "velero"}},
            "template": {"metadata": {"labels": {"deploy": "velero"}}, "spec": {"containers": [container]}},
        },
    }
