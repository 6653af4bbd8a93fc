"""The journal in a real API server: one entry for each run, whoever writes at the same time and whatever is away."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hubops.clients.kube import lease
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.journal import config_map as config_map_module
from hubops.journal.entries import KEPT, KINDS, LABEL, encode
from hubops.journal.journal import Journal
from hubops.journal.spool import Spool
from tests.backup.runs import run
from tests.testbed.bed import Testbed

MINUTE = timedelta(minutes=1)


def config_map(name: str = "journal-etcd", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "hubops", "name": name}, **fields}


@pytest.fixture(autouse=True)
def empty(writer: KubeWriter) -> None:
    """Whatever other tests have recorded there is gone."""
    for kind in KINDS:
        writer.delete(config_map(f"journal-{kind}"))


@pytest.fixture
def journal(writer: KubeWriter, tmp_path: Path) -> Journal:
    return Journal(writer, tmp_path / "spool")


@pytest.fixture
def away(tmp_path: Path) -> KubeWriter:
    """A cluster whose API server does not answer."""
    kubeconfig = tmp_path / "away.yaml"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}]}"
    )
    return KubeWriter(KubernetesConfig(kubeconfig=str(kubeconfig)), deadline=Deadline(1), environ={})


def waiting(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "spool").iterdir())


def test_runs_are_recorded_each_kind_in_its_map(journal: Journal, writer: KubeWriter, tmp_path: Path) -> None:
    assert journal.runs() == ()
    first, second, drill = run(ago=2 * MINUTE), run("volumes", ago=MINUTE), run(action="drill")
    for each in (first, drill, second):
        assert journal.record(each) is None
    assert journal.runs() == (drill, second, first)
    assert journal.runs("volumes") == (second,)
    live = writer.read(config_map())
    assert live
    assert live["metadata"]["labels"][LABEL] == "etcd"
    assert live["data"].keys() == {first.id, drill.id}
    assert waiting(tmp_path) == []


def test_two_writers_lose_nothing_of_each_other(bare_testbed: Testbed, tmp_path: Path) -> None:
    def write(host: str) -> None:
        cluster = KubeWriter(
            KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig)), deadline=Deadline(60), environ={}
        )
        journal = Journal(cluster, tmp_path / host)
        said.extend(journal.record(run(ago=index * MINUTE, host=host)) for index in range(8))

    said: list[str | None] = []
    threads = [threading.Thread(target=write, args=(f"cp-{index}",)) for index in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said == [None] * 24
    reader = KubeWriter(KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig)), deadline=Deadline(60), environ={})
    runs = Journal(reader, tmp_path / "nothing").runs()
    # begun in the same second on three machines, under the same id
    assert sorted((each.host, each.id) for each in runs) == sorted(
        (f"cp-{host}", run(ago=index * MINUTE).id) for host in range(3) for index in range(8)
    )


def test_it_stays_small(journal: Journal, writer: KubeWriter) -> None:
    writer.create(
        config_map(data={each.id: encode(each) for each in (run(ago=index * MINUTE) for index in range(2, 90))})
    )
    assert journal.record(run()) is None
    live = writer.read(config_map())
    assert live
    assert len(live["data"]) == KEPT
    assert [each.id for each in journal.runs()[:2]] == [run().id, run(ago=2 * MINUTE).id]


def test_what_others_wrote_is_said_and_stays(journal: Journal, writer: KubeWriter) -> None:
    foreign = {"notes": "of somebody", "backup-etcd-2": '{"schema": "hubops.run/v2"}'}
    writer.create(config_map(data=foreign))
    assert journal.record(run()) is None
    recorded, problem = journal.recorded()
    assert problem is None
    assert recorded.runs == (run(),)
    assert {each.name for each in recorded.unreadable} == foreign.keys()
    live = writer.read(config_map())
    assert live
    assert foreign.items() <= live["data"].items()


def test_without_the_api_server_runs_wait_and_are_delivered_once(
    away: KubeWriter, writer: KubeWriter, tmp_path: Path
) -> None:
    first, second, third = run(ago=3 * MINUTE), run("volumes", ago=2 * MINUTE), run(ago=MINUTE)
    offline = Journal(away, tmp_path / "spool")
    assert "127.0.0.1" in (offline.record(first) or "")
    assert Journal(None, tmp_path / "spool").record(second)
    assert offline.runs() == (second, first)
    assert "127.0.0.1" in (offline.recorded()[1] or "")
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir()} == {0o600}
    journal = Journal(writer, tmp_path / "spool")
    assert journal.runs() == (second, first)
    assert journal.record(third) is None
    assert waiting(tmp_path) == []
    assert journal.runs() == (third, second, first)


def test_what_was_delivered_before_a_kill_is_not_there_twice(journal: Journal, tmp_path: Path) -> None:
    killed, later = run(ago=MINUTE), run()
    assert journal.record(killed) is None
    Spool(tmp_path / "spool").keep(killed.id, encode(killed))  # as it was before what was delivered was forgotten
    assert journal.runs() == (killed,)
    assert journal.record(later) is None
    assert journal.runs() == (later, killed)
    assert waiting(tmp_path) == []


def test_a_kind_that_is_refused_waits_and_holds_up_no_other(
    journal: Journal, writer: KubeWriter, tmp_path: Path
) -> None:
    writer.create(config_map(immutable=True))
    assert "immutable" in (journal.record(run()) or "")
    assert "immutable" in (journal.record(run("volumes")) or "")
    assert waiting(tmp_path) == [f"{run().id}.json"]
    writer.delete(config_map())
    assert journal.record(run(action="verify")) is None
    assert waiting(tmp_path) == []
    assert len(journal.runs("etcd")) == 2


def test_a_broken_file_in_the_spool_is_said_and_holds_up_nothing(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "torn.json").write_text('{"schema": "hubo')
    assert journal.record(run()) is None
    recorded, _ = journal.recorded()
    assert recorded.runs == (run(),)
    assert {each.name for each in recorded.unreadable} == {str(tmp_path / "spool" / "torn.json")}
    assert waiting(tmp_path) == ["torn.json"]


def test_a_spool_that_cannot_be_written_is_no_hindrance(writer: KubeWriter, away: KubeWriter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Journal(writer, tmp_path / "file" / "spool").record(run()) is None
    problem = Journal(away, tmp_path / "file" / "spool").record(run(ago=MINUTE))
    assert problem
    assert "it is lost" in problem


def test_an_id_that_would_be_a_path_is_a_bug(journal: Journal) -> None:
    with pytest.raises(ValueError, match="no id of a run"):
        journal.record(run(id="../../etc/passwd"))


def test_the_namespace_is_made_where_it_is_missing(
    journal: Journal, writer: KubeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"hubops-{uuid.uuid4().hex[:8]}"
    for module in (config_map_module, lease):
        monkeypatch.setattr(module, "NAMESPACE", name)
    assert journal.runs() == ()
    assert journal.record(run()) is None
    assert journal.runs() == (run(),)
    assert writer.read({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
