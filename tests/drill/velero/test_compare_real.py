"""A real Velero restores what it has backed up, beside the original and without any change on purpose.

What its tarball holds and what then is in the scratch namespace is all that a comparison sees: of dozens of kinds, with
the controllers at work, nothing may differ, and three differences are three.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hubops.clients.kube.writer import KubeWriter
from hubops.drill.velero.compare import Comparison, compare
from hubops.drill.velero.concealed import Concealer
from hubops.drill.velero.intended import Intended
from hubops.drill.velero.objects import Key, Object
from hubops.drill.velero.restored import restored
from hubops.drill.velero.tarball import contents
from tests.testbed.process import poll
from tests.testbed.velero_platform import VeleroPlatform

SPACE, SCRATCH = "compared", "compared-again"
MAPPING = {SPACE: SCRATCH}
VALUE = secrets.token_hex(16)


def more() -> Iterator[dict[str, Any]]:
    """What the sample application has none of."""

    def thing(kind: str, name: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
        metadata = {"namespace": SPACE, "name": name, **fields.pop("metadata", {})}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}

    applied = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f'{{"value":"{VALUE}"}}'}}
    yield thing("Secret", "applied", stringData={"value": VALUE}, metadata=applied)
    account = {"annotations": {"kubernetes.io/service-account.name": "web"}}
    yield thing("Secret", "token-of-web", type="kubernetes.io/service-account-token", metadata=account)
    yield thing("ServiceAccount", "default", imagePullSecrets=[{"name": "registry"}], metadata={"labels": {"a": "b"}})
    yield thing("ConfigMap", "binary", binaryData={"it": base64.b64encode(bytes(range(256))).decode()})
    yield thing("Service", "outside", spec={"ports": [{"port": 80}]})
    yield thing("Endpoints", "outside", subsets=[{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 80}]}])
    container = {"name": "one", "image": "registry.example.com/one:1", "env": [{"name": "A", "value": "b"}]}
    quick = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    yield thing("Pod", "bare", spec=quick)
    template = {"metadata": {"labels": {"app": "log"}}, "spec": quick}
    yield thing("DaemonSet", "log", "apps/v1", spec={"selector": {"matchLabels": {"app": "log"}}, "template": template})
    yield thing("ReplicationController", "old", spec={"replicas": 0, "selector": {"app": "old"},
                "template": {"metadata": {"labels": {"app": "old"}}, "spec": quick}})  # fmt: skip
    yield thing("Lease", "leader", "coordination.k8s.io/v1", spec={"holderIdentity": "a"})
    yield thing("RoleBinding", "others", "rbac.authorization.k8s.io/v1",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                subjects=[{"kind": "ServiceAccount", "name": "prometheus", "namespace": "monitoring"},
                          {"kind": "Group", "name": "sre", "apiGroup": "rbac.authorization.k8s.io"}])  # fmt: skip


@dataclass
class Both:
    """What was backed up, and the cluster that it was restored into."""

    cluster: KubeWriter
    concealer: Concealer
    original: dict[Key, Object]

    def live(self) -> dict[Key, Object]:
        found, unread = restored(self.cluster, self.original, MAPPING, self.concealer)
        assert unread == ()
        return found

    def compared(self) -> Comparison:
        return compare(self.original, self.live(), MAPPING, Intended())

    def found(self) -> list[str]:
        return sorted(f"{each.what}: {each.how}" for each in self.compared().differences)


@pytest.fixture(scope="module")
def both(velero_platform: VeleroPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    platform, velero = velero_platform, velero_platform.velero
    platform.fill(SPACE, few=True)
    for item in more():
        platform.bed.api.apply(item)
    poll(lambda: "data" in (platform.bed.api.get("Secret", SPACE, "token-of-web") or {}), "the token filled in")
    assert velero.backup("compared", SPACE)["status"]["phase"] == "Completed"
    path = tmp_path_factory.mktemp("compared") / "backup.tar.gz"
    velero.client.download("BackupContents", "compared", path)
    concealer = Concealer()
    original = contents(path, [SPACE], concealer)
    path.unlink()
    restored_as = velero.restore("compared", "compared", MAPPING, excludedResources=["clusterrolebindings"])
    assert restored_as["status"]["phase"] == "Completed"
    platform.wait_ready(SCRATCH)
    yield Both(velero.writer(platform.bed.kubeconfig), concealer, original)
    for name in (SPACE, SCRATCH):  # nobody waits until they are gone
        platform.bed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def test_a_restore_without_loss_has_no_difference(both: Both, velero_platform: VeleroPlatform) -> None:
    result = both.compared()
    assert [f"{each.what}: {each.how}" for each in result.differences] == []
    assert len(result.compared) > 20, result.compared
    assert result.compared["ConfigMap"] == 11
    assert result.compared["Secret"] == 5
    kinds = {item["kind"] for item in both.original.values()}
    assert {"Widget", "Deployment", "StatefulSet", "HorizontalPodAutoscaler", "PersistentVolumeClaim"} <= kinds
    assert sum(result.compared.values()) + sum(result.not_compared.values()) == len(both.original)
    assert VALUE not in repr(both.original)
    assert VALUE not in repr(both.live())
    assert velero_platform.bed.api.get("Secret", SCRATCH, "applied") is not None


def test_three_differences_are_three(both: Both, velero_platform: VeleroPlatform) -> None:
    api = velero_platform.bed.api
    changes: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
        ("v1", "Secret", "applied", {"data": {"value": base64.b64encode(b"else").decode()}}, {}),
        ("shop.example.com/v1", "Widget", "widget-003", {"spec": {"size": 30}}, {"spec": {"size": 3}}),
    ]
    for version, kind, name, change, _ in changes:
        api.patch({"apiVersion": version, "kind": kind, "metadata": {"namespace": SCRATCH, "name": name}}, change)
    api.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": SCRATCH, "name": "settings-004"}})
    assert both.found() == [
        "ConfigMap compared/settings-004: is missing",
        "Secret compared/applied: data.value differs",
        "Widget compared/widget-003: spec.size is 30, was 3",
    ]
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": SCRATCH, "name": "new"}, "data": {}})
    assert "ConfigMap compared/new: is there, and the backup does not hold it" in both.found()
