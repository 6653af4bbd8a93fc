"""A backup by the real Velero, restored by it into a scratch namespace, compared and removed: all else is untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubops.drill.velero.scratch import NAME
from hubops.model.backup import Run
from tests.drill.velero.world import Looking, World
from tests.testbed import objects
from tests.testbed.api import Object
from tests.testbed.objects import meta
from tests.testbed.process import poll
from tests.testbed.velero import NAMESPACE
from tests.testbed.velero_application import CLAIMS, DEPLOYMENTS, namespace
from tests.testbed.velero_platform import VeleroPlatform

_SPACE = "drilled"
_DNS = "external-dns.alpha.kubernetes.io/hostname"
_WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def _acting_outside(space: str) -> Iterator[Object]:
    """What would reach out of a scratch namespace, were it restored as it is."""
    port = {"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30777}
    yield objects.service(space, "asked-for-port", {"app": "web"}, type="NodePort") | {
        "metadata": meta(space, "asked-for-port") | {"annotations": {_DNS: "shop.example.com"}},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [port]},
    }
    on_node = {"hostNetwork": True, "containers": [{"name": "agent", "image": "registry.example.com/agent:1"}]}
    yield objects.deployment(space, "on-node", replicas=1, pod=on_node)
    yield _daemon_set(space)


def _daemon_set(space: str) -> Object:
    container = {"name": "agent", "image": "registry.example.com/agent:1"}
    labels = {"app": "everywhere"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta(space, "everywhere"),
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip


@pytest.fixture(scope="module")
def backed_up(velero_platform: VeleroPlatform) -> Iterator[str]:
    """The application with its volumes and all that would act outside, backed up by Velero as `whole`."""
    velero_platform.fill(_SPACE, few=True)
    for obj in _acting_outside(_SPACE):
        velero_platform.bed.api.apply(obj)
    done = velero_platform.velero.backup("whole", _SPACE)
    assert done["status"]["phase"] == "Completed", done["status"]
    yield _SPACE
    velero_platform.bed.api.delete(namespace(_SPACE))  # nobody has to wait until it is gone


@pytest.fixture
def world(velero_platform: VeleroPlatform, backed_up: str, tmp_path: Path) -> Iterator[World]:
    world = World(velero_platform, tmp_path, backed_up)
    yield world
    assert world.left() == []


class Audit:
    """What the API server has written about who wrote what, from now on."""

    def __init__(self, platform: VeleroPlatform) -> None:
        self.platform = platform
        self.path = platform.bed.audit_log
        self._settle("before")
        self.since = self.path.stat().st_size

    def writes(self) -> list[tuple[str, str, str, str, str]]:
        """Who, verb, resource, namespace and name of each write that the API server took."""
        self._settle("after")
        with self.path.open("rb") as log:
            log.seek(self.since)
            events = [json.loads(line) for line in log]
        return [_write(each) for each in events if each["verb"] in _WRITES and each["responseStatus"]["code"] < 400]

    def _settle(self, name: str) -> None:
        """The log is written in batches: a write of one's own that is in it says that all before are."""
        marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("default", f"audit-{name}")}
        before = self.path.stat().st_size
        self.platform.bed.api.apply(marker)
        self.platform.bed.api.delete(marker)

        def seen() -> bool:
            with self.path.open("rb") as log:
                log.seek(before)
                return b'"verb":"delete"' in b"".join(line for line in log if f"audit-{name}".encode() in line)

        poll(seen, "the audit log written", 30)


def _write(event: dict[str, Any]) -> tuple[str, str, str, str, str]:
    ref = event["objectRef"]
    who = event["userAgent"].partition("/")[0]
    resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
    return who, event["verb"], resource, ref.get("namespace", ""), ref.get("name", "")


def test_a_backup_comes_back_and_nothing_outside_of_its_scratch_namespace_is_written(
    world: World, velero_platform: VeleroPlatform
) -> None:
    there: dict[str, Any] = {}

    def look() -> None:
        [space] = [each["metadata"]["name"] for each in world.scratches()]
        there["space"] = space
        for kind in ("Service", "Deployment", "DaemonSet", "Pod", "Ingress", "NetworkPolicy", "CronJob", "Widget"):
            there[kind] = {each["metadata"]["name"]: each for each in world.api.list(kind, space)}
        for claim in CLAIMS:
            there[claim] = (velero_platform.csi.files(space, claim) / "ledger").read_text()
        there["made for it"] = {
            *(("persistentvolumes", each["metadata"]["name"]) for each in world.api.list("PersistentVolume")
              if each["spec"]["claimRef"]["namespace"] == space),
            *(("volumesnapshotcontents", each["metadata"]["name"]) for each in world.api.list("VolumeSnapshotContent")
              if each["spec"]["volumeSnapshotRef"]["namespace"] == space),
        }  # fmt: skip

    world.told = Looking(words="comparing", look=look)
    audit = Audit(velero_platform)
    run = world.drill()
    assert (run.outcome, run.reason) == ("succeeded", None), world.told.text
    space = there["space"]
    assert_nothing_acts_outside(there)
    assert {there[claim] for claim in CLAIMS} == {f"{_SPACE} {claim}\n" * 100 for claim in CLAIMS}
    assert_is_proven(run)
    writes = audit.writes()
    assert {"hubops", "velero-server"} <= {who for who, *_ in writes}
    assert [each for each in writes if not _is_allowed(each, space, there["made for it"])] == []
    assert world.journal.runs("velero")[0].id == run.id


def assert_nothing_acts_outside(there: dict[str, Any]) -> None:
    services = there["Service"]
    assert {each["spec"]["type"] for each in services.values()} == {"ClusterIP", "ExternalName"}
    assert _DNS not in services["asked-for-port"]["metadata"].get("annotations", {})
    assert not any("nodePort" in port for each in services.values() for port in each["spec"].get("ports", ()))
    assert all(each["spec"]["suspend"] for each in there["CronJob"].values())
    assert (there["Ingress"], there["Widget"], set(there["NetworkPolicy"])) == ({}, {}, {NAME})
    assert there["Deployment"]["on-node"]["spec"]["replicas"] == 0
    assert there["DaemonSet"]["everywhere"]["status"]["desiredNumberScheduled"] == 0
    assert there["Deployment"]["web"]["status"]["readyReplicas"] == 1
    apps = {each["metadata"]["labels"].get("app") for each in there["Pod"].values()}
    assert apps <= {*DEPLOYMENTS, "db"}


def assert_is_proven(run: Run) -> None:
    assert run.proof
    assert run.velero
    assert (run.velero.name, run.velero.phase, run.velero.namespaces) == ("whole", "Completed", (_SPACE,))
    assert (run.proof.copy, run.proof.versions) == ("whole", {"velero": "v1.18.3"})
    assert run.proof.compared["objects"] > 50
    assert run.proof.differences_total == 0
    assert 0 < run.proof.rto_s < run.proof.steps["restore"] + run.proof.steps["workloads"] + 1
    assert 0 <= run.proof.rpo_s < 600
    assert any("workloads became ready" in each for each in run.proof.proven)
    unproven = "\n".join(run.proof.unproven)
    for words in ("Deployment drilled/on-node (its pods use the node's own network)",
                  "DaemonSet drilled/everywhere (its pods would run on every node)",
                  "not known to enforce NetworkPolicies", "ingresses.networking.k8s.io", "Services made ClusterIP (3)",
                  "widgets.shop.example.com", "what is in no namespace"):  # fmt: skip
        assert words in unproven
    assert "came back empty" not in unproven


def _is_allowed(write: tuple[str, str, str, str, str], space: str, made: set[tuple[str, str]]) -> bool:
    """Whether a drill may write this; what others write than hubops and Velero has nothing to do with it."""
    who, verb, resource, namespace, name = write
    if who not in ("hubops", "velero-server"):
        return True
    if namespace == space or (resource, name) in (*made, ("namespaces", space)):
        return True
    if resource in ("persistentvolumes", "volumesnapshotcontents"):
        return verb == "create" and not name  # its name is in its body; what comes after is looked at
    if who == "hubops":
        own = {"hubops": ("leases", "configmaps"), NAMESPACE: ("restores", "downloadrequests", "configmaps")}
        return resource in own.get(namespace, ())
    # What Velero does all the time is among these.
    return namespace == NAMESPACE
