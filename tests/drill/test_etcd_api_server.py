"""`hubops drill etcd` over what a real API server wrote, with an API server on PATH to list what was restored."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.clients.kube.counts import Counts
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.drill.etcd import servers
from hubops.drill.etcd.certificates import Certificates
from hubops.drill.etcd.scratch import clean, scratch
from tests.drill.world import RESTORING, World, obj, path_of
from tests.testbed.api import Api
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.object_store import ObjectStore
from tests.testbed.pki import Pair
from tests.testbed.process import poll

_SECRETS, _MAPS = 4, 30
#: Keys that the API server serves to nobody.
_INTERNAL = ("ranges", "masterleases", "peerserverleases", "(other keys)")
#: What a drill says at the beginning of each step, in their order.
_STEPS = (
    "looking for", "fetching", "restoring it", "starting the scratch etcd", "comparing",
    "starting kube-apiserver", "listing",
)  # fmt: skip


@dataclass
class Cluster:
    """A world whose etcd an API server writes; `reached` is a server that it and its copies know as their webhook."""

    world: World
    api: Api
    kubeconfig: Path
    encryption: Path
    reached: socket.socket

    def settings(self, **drill: Any) -> Path:
        """A hubops.yaml for it."""
        config = self.world.config
        store, etcd = config.backup.store, config.backup.etcd
        assert store
        assert etcd
        path = self.world.folder / "hubops.yaml"
        files = {"ca_file": etcd.ca_file, "cert_file": etcd.cert_file, "key_file": etcd.key_file}
        document = {
            "cluster": config.cluster,
            "kubernetes": {"kubeconfig": str(self.kubeconfig)},
            "backup": {
                "store": {"url": store.url, "endpoint": store.endpoint, "allow_http": True, "region": store.region},
                "recipients": list(config.backup.recipients),
                "directory": config.backup.directory,
                "etcd": {"endpoints": list(etcd.endpoints), **files},
            },
            "drill": {"identity_files": list(config.drill.identity_files), "etcd": drill},
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def hubops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, timeout=300)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "hubops.cli", *arguments]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[Cluster]:
    """With a copy of it in the store; its Secrets are encrypted, and every write would be denied by a webhook."""
    home = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch, socket.socket() as reached:
        patch.setenv("PATH", path_of(home / "bin", *RESTORING, "kube-apiserver"))
        for name, value in object_store.environment().items():
            patch.setenv(name, value)
        reached.bind(("127.0.0.1", 0))
        reached.listen()
        reached.setblocking(False)
        live = EtcdCluster.start(home / "live")
        with scratch(home) as place:
            encryption = _encryption(home / "encryption.json")
            made, admin = _certificates(live)
            kubeconfig = servers.start_api_server(
                place, servers.find("kube-apiserver"), live.access.endpoint, made, prefix="/registry",
                encryption_config=str(encryption), deadline=Deadline(120),
                ready=lambda path: Counts(KubernetesConfig(kubeconfig=str(path)), deadline=Deadline(120)).is_ready,
            )  # fmt: skip
            server = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
            api = Api(server, live.pki.certificate, admin)
            world = World.make(live, home / "world", object_store, "served")
            _fill(api, f"https://127.0.0.1:{reached.getsockname()[1]}")
            world.send()
            yield Cluster(world, api, kubeconfig, encryption, reached)
        live.end()


def _certificates(live: EtcdCluster) -> tuple[Certificates, Pair]:
    server = live.pki.sign("server", addresses=("127.0.0.1", "localhost"))
    admin = live.pki.sign("admin", "system:masters")
    accounts = live.pki.key("accounts")
    files = (server.certificate, server.key, admin.certificate, admin.key)
    return Certificates(live.pki.certificate, *files, accounts), admin


def _encryption(path: Path) -> Path:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    provider = {"aescbc": {"keys": [{"name": "first", "secret": key}]}}
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [provider, {"identity": {}}]}],
    }
    path.write_text(json.dumps(document))
    return path


def _fill(api: Api, webhook: str) -> None:
    core = "/api/v1/namespaces"
    api.call("POST", core, obj("Namespace", "shop"))
    for number in range(_MAPS):
        api.call("POST", f"{core}/shop/configmaps", obj("ConfigMap", f"map-{number}", data={"number": str(number)}))
    for number in range(_SECRETS):
        content = {"password": secrets.token_urlsafe()}
        api.call("POST", f"{core}/shop/secrets", obj("Secret", f"secret-{number}", stringData=content))
    for plural, conversion in (("widgets", None), ("gadgets", webhook), ("gizmos", webhook)):
        api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _crd(plural, conversion))
        path = f"/apis/example.com/v1/namespaces/shop/{plural}"
        poll(lambda path=path: api.session.get(api.server + path).ok, f"{plural} served")  # type: ignore[misc]
        custom = {"apiVersion": "example.com/v1", "kind": plural[:-1].title(), "metadata": {"name": "first"}}
        api.call("POST", path, custom)
    _store_anew(api, "gizmos")
    api.call("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", _denying(webhook))


def _crd(plural: str, conversion: str | None) -> dict[str, Any]:
    """Stored as v1; with a *conversion* webhook it is listed as v2."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    strategy: dict[str, Any] = {"strategy": "None"}
    if conversion:
        versions.append({"name": "v2", "served": True, "storage": False, "schema": schema})
        hook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": conversion}}
        strategy = {"strategy": "Webhook", "webhook": hook}
    names = {"plural": plural, "singular": plural[:-1], "kind": plural[:-1].title()}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": versions, "conversion": strategy}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": spec,
    }


def _store_anew(api: Api, plural: str) -> None:
    """From now on they are stored as v2, those that are there stay as v1."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.example.com"
    definition = api.call("GET", path)
    for version in definition["spec"]["versions"]:
        version["storage"] = version["name"] == "v2"
    api.call("PUT", path, definition)
    poll(lambda: api.call("GET", path)["status"]["storedVersions"] == ["v1", "v2"], "both versions are stored")


def _denying(url: str) -> dict[str, Any]:
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    hook = {
        "name": "all.example.com", "clientConfig": {"url": url}, "rules": [rule], "failurePolicy": "Fail",
        "sideEffects": "None", "admissionReviewVersions": ["v1"],
    }  # fmt: skip
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "all"},
        "webhooks": [hook],
    }


def test_the_api_server_lists_what_was_restored_and_the_run_is_judged_and_recorded(cluster: Cluster) -> None:
    settings = str(cluster.settings(encryption_config=str(cluster.encryption)))
    report = cluster.world.folder / "report.json"
    done = cluster.hubops("drill", "etcd", "--config", settings, "--output", f"json={report}", "--output", "plain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(report.read_text())["verdict"] == "ok"
    shown = cluster.hubops("drill", "show", "--config", settings, "--output", "json")
    run = json.loads(shown.stdout)
    proof = run["proof"]
    assert run["outcome"] == "succeeded"
    assert proof["differences_total"] == 0
    assert proof["compared"]["encrypted"] == _SECRETS == proof["by_resource"]["secrets"]
    internal = sum(proof["by_resource"].get(name, 0) for name in _INTERNAL)
    left_out = proof["by_resource"]["gizmos.example.com"] + internal
    assert proof["compared"]["listed"] == sum(proof["by_resource"].values()) - left_out
    assert proof["compared"]["decoded"] >= proof["compared"]["listed"] - _SECRETS, "protobuf and JSON alike"
    assert [each.partition(": ")[0] for each in proof["unproven"]] == ["gizmos.example.com"]
    assert proof["server"].startswith("v1.")
    assert proof["steps"]["start kube-apiserver"] < proof["rto_s"]
    assert run["id"] in cluster.hubops("drill", "list", "--config", settings).stdout
    protocol = cluster.hubops("drill", "show", run["id"], "--config", settings).stdout
    assert protocol == (Path(cluster.world.config.backup.directory) / "drills" / f"{run['id']}.md").read_text()
    assert re.search(r"^\| RTO: .* \| kept \|$", protocol, re.M)
    assert cluster.world.left() == []
    with pytest.raises(BlockingIOError):  # what was restored asks nobody in the cluster
        cluster.reached.accept()


def test_what_the_api_server_cannot_read_is_a_difference(cluster: Cluster) -> None:
    settings = str(cluster.settings(encryption_config=str(cluster.encryption)))
    key = "/registry/example.com/widgets/shop/broken"
    cluster.world.put(key, {"this is": "no object"})
    cluster.world.send()
    cluster.world.delete(key)
    done = cluster.hubops("drill", "etcd", "--config", settings, "--output", "plain")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "widgets.example.com: kube-apiserver cannot list them" in done.stdout
    run = json.loads(cluster.hubops("drill", "show", "--config", settings, "--output", "json").stdout)
    assert run["outcome"] == "failed"
    assert [each["what"] for each in run["proof"]["differences"]] == ["widgets.example.com"]


def test_what_cannot_be_decrypted_is_not_proven(cluster: Cluster) -> None:
    run = cluster.world.drill()
    said = f"no API server listed it: {_SECRETS} secrets are encrypted, and drill.etcd.encryption_config is not set"
    assert (run.outcome, run.reason) == ("partial", f"restored, but {said}")
    assert run.proof is not None
    assert run.proof.unproven == (said,)


def test_a_drill_that_is_killed_at_any_step_leaves_nothing_that_the_next_one_does_not_remove(cluster: Cluster) -> None:
    settings = str(cluster.settings(encryption_config=str(cluster.encryption)))
    for step in _STEPS:
        _kill_at(step, cluster.command("drill", "etcd", "--config", settings))
        poll(lambda: not _running_in(cluster.world.scratch), f"killed at {step!r}: all programs ended")
        assert cluster.world.left(), f"killed at {step!r}: a folder is left to be removed"
        assert clean(Path(cluster.world.config.backup.directory)) == 1
        assert cluster.world.left() == []
    assert cluster.hubops("drill", "clean", "--config", settings).stdout == "Nothing was left by a drill.\n"


def _kill_at(step: str, command: list[str]) -> None:
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as drill:
        assert drill.stderr
        for line in drill.stderr:
            if step in line:
                drill.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(f"no step {step!r}")


def _running_in(folder: Path) -> list[int]:
    """The processes whose command line names *folder*."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            said = (each / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(folder) in said:
            found.append(int(each.name))
    return found
