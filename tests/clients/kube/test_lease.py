"""The lock of a cluster on a real API server: one holder, taken over from one that is dead."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from hubops.clients.kube import lease
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import Locked
from tests.testbed.bed import Testbed
from tests.testbed.line import line_to

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": lease.NAMESPACE}}


@pytest.fixture
def cluster(writer: KubeWriter, monkeypatch: pytest.MonkeyPatch) -> KubeWriter:
    monkeypatch.setattr(lease, "DURATION", 3)
    monkeypatch.setattr(lease, "_RENEW", 0.5)
    writer.apply(NAMESPACE)
    writer.delete(wanted())
    return writer


def wanted() -> dict[str, Any]:
    metadata = {"namespace": lease.NAMESPACE, "name": "bootstrap"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def held_by(cluster: KubeWriter, holder: str) -> None:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 3}
    cluster.create(wanted() | {"spec": spec})


def spec(cluster: KubeWriter) -> dict[str, Any]:
    found = cluster.read(wanted())
    assert found
    return dict(found["spec"])


def test_it_is_held_within_and_free_afterwards(cluster: KubeWriter) -> None:
    with lease.held(cluster, "bootstrap", waiting=print, lost=pytest.fail):
        first = spec(cluster)
        assert first["holderIdentity"]
    assert not spec(cluster).get("holderIdentity")
    with lease.held(cluster, "bootstrap", waiting=pytest.fail, lost=pytest.fail):
        assert spec(cluster)["leaseTransitions"] == first["leaseTransitions"] + 1


def test_a_second_one_is_turned_away(cluster: KubeWriter) -> None:
    waited: list[str] = []
    with lease.held(cluster, "bootstrap", waiting=print, lost=pytest.fail):
        second = lease.held(cluster, "bootstrap", waiting=waited.append, lost=pytest.fail)
        with pytest.raises(Locked, match="another bootstrap is at work: "), second:
            pytest.fail("both hold it")
        assert waited == [spec(cluster)["holderIdentity"]]


def test_a_dead_holder_elsewhere_is_waited_out(cluster: KubeWriter) -> None:
    held_by(cluster, "elsewhere/1/00000000")
    waited: list[str] = []
    with lease.held(cluster, "bootstrap", waiting=waited.append, lost=pytest.fail):
        assert waited == ["elsewhere/1/00000000"]
        assert spec(cluster)["holderIdentity"] != "elsewhere/1/00000000"


def test_a_dead_holder_of_this_machine_is_not_waited_for(cluster: KubeWriter) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    held_by(cluster, f"{lease.machine()}/{gone.pid}/00000000")
    with lease.held(cluster, "bootstrap", waiting=pytest.fail, lost=pytest.fail):
        assert spec(cluster)["holderIdentity"].split("/")[1] != str(gone.pid)


def test_who_loses_it_is_told(cluster: KubeWriter) -> None:
    lost = threading.Event()
    with lease.held(cluster, "bootstrap", waiting=print, lost=lost.set):
        cluster.replace(
            (cluster.read(wanted()) or {}) | {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 3}}
        )
        assert lost.wait(10)
    assert spec(cluster)["holderIdentity"] == "thief"


def test_who_cannot_reach_the_server_for_longer_than_it_lasts_is_told(
    cluster: KubeWriter, bare_testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KubeWriter, "attempts", 1)
    lost = threading.Event()
    with line_to(bare_testbed, tmp_path) as line:
        access = KubernetesConfig(kubeconfig=str(line.kubeconfig))
        away = KubeWriter(access, deadline=Deadline(60), environ={})
        with lease.held(away, "bootstrap", waiting=print, lost=lost.set):
            line.cut()
            assert lost.wait(20)
    # It could not be given back: the next one waits until it counts as dead, or sees that it is.
    assert spec(cluster)["holderIdentity"]
