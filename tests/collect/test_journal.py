"""The journal as a round reads it, from a real API server: two ConfigMaps by their names, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubops.clients.kube.client import KubeClient
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.collect.journal import read_journal
from hubops.collect.round import collect
from hubops.collect.snapshot_file import load, save
from hubops.config import Config, KubernetesConfig
from hubops.config.backup import BackupConfig, EtcdBackupConfig, Objectives, VolumeBackupConfig
from hubops.config.base import Duration
from hubops.journal.entries import KINDS, encode
from hubops.journal.journal import Journal
from hubops.model.backup import Kind, Promised, Recorded
from hubops.model.snapshot import Needs, Snapshot
from tests.backup.runs import NOON, run
from tests.testbed.bed import Testbed

BACKUP = BackupConfig(etcd=EtcdBackupConfig(), volumes=VolumeBackupConfig(objectives=Objectives(rpo=Duration(hours=2))))
PROMISED: dict[Kind, Promised] = {
    "etcd": Promised(rpo_s=6 * 3600, rto_s=3600, proven_every_s=30 * 86400),
    "volumes": Promised(rpo_s=2 * 3600, rto_s=3600, proven_every_s=30 * 86400),
}


@pytest.fixture
def journal(writer: KubeWriter, tmp_path: Path) -> Journal:
    """Empty, whatever other tests have recorded."""
    for kind in KINDS:
        writer.delete(config_map(kind))
    return Journal(writer, tmp_path)


def config_map(kind: str, **fields: Any) -> dict[str, Any]:
    metadata = {"namespace": "hubops", "name": f"journal-{kind}", "labels": {"hubops.io/journal": kind}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


def client(bed: Testbed, kubeconfig: Path | None = None) -> KubeClient:
    config = KubernetesConfig(kubeconfig=str(kubeconfig or bed.kubeconfig))
    return KubeClient(config, deadline=Deadline(120), environ={})


def test_what_is_recorded_and_what_is_promised(bare_testbed: Testbed, journal: Journal) -> None:
    empty = read_journal(client(bare_testbed), BackupConfig())
    assert (empty.read, empty.journal) == (("journal",), Recorded())
    first, second = run("volumes"), run()
    for each in (first, second):
        journal.record(each)
    part = read_journal(client(bare_testbed), BACKUP)
    assert part.journal == Recorded(runs=(first, second), configured=PROMISED)
    assert part.remarks == ()


def test_what_cannot_be_read_is_remarked(bare_testbed: Testbed, journal: Journal, writer: KubeWriter) -> None:
    writer.create(config_map("etcd", data={"notes": "of somebody", "good": encode(run())}))
    part = read_journal(client(bare_testbed), BackupConfig())
    assert part.journal.runs == (run(),)
    assert len(part.remarks) == 1
    assert part.remarks[0].startswith("ConfigMap hubops/journal-etcd, notes: it is no record")


def test_who_may_not_read_it_is_told(bare_testbed: Testbed) -> None:
    account = bare_testbed.service_account("default", "no-configmaps")
    part = read_journal(client(bare_testbed, account), BACKUP)
    assert part.read == ()
    assert "may not get configmaps" in part.unread["journal"]


def test_a_round_carries_it_and_keeps_it_in_a_file(bare_testbed: Testbed, journal: Journal, tmp_path: Path) -> None:
    journal.record(run())
    config = Config(kubernetes=KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig)), backup=BACKUP)
    needs = Needs(kinds=frozenset({"namespaces"}), journal=True)
    snapshot = collect(config, needs, client=client(bare_testbed), deadline=Deadline(120))
    assert {"journal", "namespaces"} <= {*snapshot.read}
    assert snapshot.sources[0].status == "ok"
    assert snapshot.journal == Recorded(runs=(run(),), configured=PROMISED)
    save(snapshot, tmp_path / "snapshot.gz")
    assert load(tmp_path / "snapshot.gz").journal == snapshot.journal
    without = collect(
        config, Needs(kinds=frozenset({"namespaces"})), client=client(bare_testbed), deadline=Deadline(120)
    )
    assert "journal" not in without.read


def test_a_snapshot_of_before_there_was_a_journal_is_read(tmp_path: Path) -> None:
    before = Snapshot(hubops_version="0", cluster="c", taken_at=NOON)
    assert b"journal" not in msgspec.json.encode(before)
    save(before, tmp_path / "old.gz")
    assert load(tmp_path / "old.gz").journal == Recorded()
