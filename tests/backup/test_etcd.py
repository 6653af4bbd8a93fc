"""Backups of a real etcd to a real S3 server: what is kept, what is recorded, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyrage
import pytest
from cryptography import x509

from hubops.backup.etcd import take as etcd
from hubops.backup.etcd.copies import record
from hubops.clients.etcd import Etcdctl
from hubops.clients.kube.writer import KubeWriter
from hubops.config import KubernetesConfig
from hubops.config.backup import EtcdBackupConfig, Keep
from hubops.errors import ConfigError, Exit, Locked, Permanent, UsageError
from hubops.model.backup import Proof, Run
from tests.backup.etcd_backup import Site, changed, s3
from tests.testbed import build
from tests.testbed import store_faults as provoke
from tests.testbed.bed import Testbed
from tests.testbed.etcd_cluster import EtcdCluster
from tests.testbed.object_store import ObjectStore
from tests.testbed.pki import Authority
from tests.testbed.process import poll
from tests.testbed.store_faults import Act, Request, StoreFaults


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    """An etcd with 12 MB in it: its copies are sent in parts."""
    started = EtcdCluster.start(tmp_path_factory.mktemp("etcd") / "one")
    fill(started, 0)
    yield started
    started.end()


def fill(cluster: EtcdCluster, number: int) -> None:
    """Write 400 objects of 30 kB, the same keys for the same *number*."""
    text = os.urandom(15_000).hex()
    cluster.client().put((f"/registry/configmaps/fill-{number}/{index}", {"data": text}) for index in range(400))


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", build.search_path("etcd-tools"))


@pytest.fixture
def site(tmp_path: Path, cluster: EtcdCluster, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in object_store.environment().items():
        monkeypatch.setenv(name, value)
    return Site(tmp_path / "site", cluster.access, store=s3(object_store.url, tmp_path.name))


@pytest.fixture
def pruning(site: Site, bare_testbed: Testbed, writer: KubeWriter) -> Site:
    """Copies are dropped only where the journal of the cluster can be read; of three copies two are too many."""
    writer.delete(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "hubops", "name": "journal-etcd"}}
    )
    site.api = KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig))
    site.settings["keep"] = Keep(last=1, hourly=0, daily=0, weekly=0, monthly=0)
    return site


@pytest.fixture
def faulty(site: Site, store_faults: StoreFaults, tmp_path: Path) -> Site:
    site.store = s3(store_faults.url, tmp_path.name)
    return site


def test_a_backup_is_off_site_and_here_encrypted_and_recorded(
    site: Site, object_store: ObjectStore, tmp_path: Path
) -> None:
    run = site.take()
    assert (run.outcome, run.reason, run.alarm) == ("succeeded", None, False)
    assert run.store == site.store.url  # type: ignore[union-attr]
    copy = run.copy
    assert copy
    assert copy.etcd.keys >= 400
    assert copy.size > copy.etcd.size > 12_000_000
    [found] = site.copies.all()
    assert found == copy
    assert site.recorded() == run
    assert site.local() == [f"{copy.id}.db.age", f"{copy.id}.json"]
    assert site.work() == []
    prefix = f"{tmp_path.name}/test/etcd/{copy.id}"
    assert [key for key in object_store.objects() if key.startswith(tmp_path.name)] == [
        f"{prefix}.db.age",
        f"{prefix}.json",
    ]
    stored = object_store.folder / f"{prefix}.db.age"
    assert stored.read_bytes().startswith(b"age-encryption.org/v1")
    site.copies.fetch(copy, [str(site.folder / "identity")], tmp_path / "back.db")
    assert (tmp_path / "back.db").stat().st_mode & 0o777 == 0o600
    restore = ["etcdutl", "snapshot", "restore", str(tmp_path / "back.db"), "--data-dir", str(tmp_path / "data")]
    assert subprocess.run(restore, capture_output=True, check=False).returncode == 0


def ends(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def test_it_is_told_when_certificates_end_also_where_they_end_the_backup(site: Site, tmp_path: Path) -> None:
    access = site.access
    client, ca, serving = site.take().certificates
    assert (client.of, client.not_after) == (f"client certificate {access.cert}", ends(access.cert))
    assert (ca.of, ca.not_after) == (f"CA {access.ca}", ends(access.ca))
    assert serving.of == f"serving certificate of {access.endpoint}"
    assert timedelta(days=364) < serving.not_after - datetime.now(UTC) < timedelta(days=366)
    foreign = Authority(tmp_path / "foreign").sign("root")
    site.settings |= {"cert_file": str(foreign.certificate), "key_file": str(foreign.key)}
    run = site.take()
    assert run.outcome == "failed"
    assert (run.certificates[0].of, run.certificates[0].not_after) == (
        f"client certificate {foreign.certificate}", ends(foreign.certificate),
    )  # fmt: skip


def test_nobody_else_can_read_what_is_kept(site: Site) -> None:
    seen: dict[Path, int] = {}
    site.on["checking"] = lambda: seen.update({path: path.stat().st_mode for path in site.home.rglob("*")})
    site.take()
    seen |= {path: path.stat().st_mode for path in site.home.rglob("*")}
    assert any(path.suffix == ".db" for path in seen)
    assert {oct(mode & 0o777) for mode in seen.values()} == {"0o700", "0o600"}


def test_settings_that_cannot_be_used_are_said_before_anything_is_done(site: Site) -> None:
    bad: list[tuple[dict[str, object], str]] = [
        ({"recipients": ()}, "backup.recipients is empty"),
        ({"recipients": ("age1nothing",)}, "'age1nothing' is no age public key"),
        ({"recipients": (str(site.identity),)}, "that is a secret key"),
        ({"encryption": "none"}, "there are recipients"),
        ({"etcd": None}, "backup.etcd is not set"),
    ]
    for values, said in bad:
        with pytest.raises(ConfigError, match=said) as caught:
            etcd.take(site.config(**values), site.journal, say=site.say)
        assert "SECRET" not in str(caught.value)
    site.settings["key_file"] = "/nowhere/client.key"
    with pytest.raises(ConfigError, match=r"backup.etcd.key_file: /nowhere/client.key: No such file"):
        site.take()
    assert not site.home.exists()
    assert site.journal.runs() == ()


def test_without_etcdctl_that_is_said(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="etcdctl is not on PATH"):
        site.take()


def test_unencrypted_only_where_it_is_asked_for(site: Site, tmp_path: Path) -> None:
    run = site.take(encryption="none", recipients=())
    assert run.outcome == "succeeded"
    assert run.copy
    assert not run.copy.encrypted
    assert run.copy.file.endswith(".db")
    site.copies.fetch(run.copy, [], tmp_path / "back.db")


def test_without_a_store_the_copy_stays_here_and_no_store_is_recorded(site: Site) -> None:
    site.store = None
    first, second = site.take(), site.take()
    assert (first.outcome, first.store) == ("succeeded", None)
    assert second.copy
    assert site.local() == [f"{second.copy.id}.db.age", f"{second.copy.id}.json"]


def test_with_no_local_copies_nothing_stays_here(site: Site) -> None:
    site.settings["local"] = 0
    assert site.take().outcome == "succeeded"
    assert site.local() == []


# Damage


def flip(path: Path) -> None:
    path.write_bytes(provoke.flipped(path.read_bytes()))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_the_end(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 32)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(flip, "does not match the checksum"), (truncate, "truncated|checksum"), (cut_the_end, "truncated")],
)
def test_a_damaged_snapshot_is_no_backup(site: Site, damage: Callable[[Path], None], said: str) -> None:
    good = site.take()
    site.on["checking"] = lambda: damage(next(site.home.glob("work/*/*.db")))
    run = site.take()
    assert run.outcome == "failed"
    assert run.copy is None
    assert msgspec.json.encode(run)
    assert any(word in (run.reason or "") for word in said.split("|"))
    assert site.recorded() == run
    assert site.copies.all() == (good.copy,)
    assert site.work() == []


def test_a_key_that_etcd_does_not_know_is_said(site: Site, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "pki").sign("stranger")
    site.settings |= {"cert_file": str(stranger.certificate), "key_file": str(stranger.key)}
    run = site.take()
    assert run.outcome == "failed"
    assert "endpoint status" in (run.reason or "")
    assert any(word in (run.reason or "") for word in ("certificate", "broken pipe", "connection reset"))


def test_who_is_no_recipient_cannot_fetch_it(site: Site, tmp_path: Path) -> None:
    run = site.take()
    assert run.copy
    other = tmp_path / "other"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    with pytest.raises(Permanent, match="none of the identities is one of its recipients"):
        site.copies.fetch(run.copy, [str(other)], tmp_path / "back.db")
    assert not [*tmp_path.glob("back.db*")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_fails_the_run_and_loses_nothing(site: Site, small_disk: Path) -> None:
    directory = str(small_disk / "hubops")
    site.settings["local"] = 0
    good = site.take(directory=directory)
    filler = small_disk / "filler"

    def fill_up() -> None:
        with filler.open("wb") as file:
            file.truncate()
            size = shutil.disk_usage(small_disk).free - 4096
            os.posix_fallocate(file.fileno(), 0, size)

    for step, said in (("looking", "are needed"), ("saving", "no space left"), ("checking", "No space left")):
        site.on = {step: fill_up}
        run = site.take(directory=directory)
        assert run.outcome == "failed", step
        assert said in (run.reason or ""), step
        assert not list((small_disk / "hubops/etcd/work").iterdir())
        filler.unlink()
    assert site.copies.all() == (good.copy,)


FAULTS: list[tuple[str, Act, Callable[[Request], bool], str]] = [
    ("UploadPart", provoke.refuse(403, "AccessDenied"), provoke.last_part, "AccessDenied"),
    ("CompleteMultipartUpload", provoke.alter(), lambda _: True, "does not match the checksum"),
    ("CompleteMultipartUpload", provoke.lose(), lambda _: True, "is missing"),
    ("CompleteMultipartUpload", provoke.shorten(), lambda _: True, "its record says"),
    ("PutObject", provoke.alter(), lambda _: True, "record"),
    ("PutObject", provoke.refuse(507, "InsufficientStorage"), lambda _: True, "InsufficientStorage"),
    ("ListObjectsV2", provoke.refuse(403, "AccessDenied"), lambda _: True, "AccessDenied"),
]


def test_a_store_that_fails_leaves_the_copy_here_and_the_older_ones_there(
    pruning: Site, faulty: Site, store_faults: StoreFaults
) -> None:
    good = faulty.take()
    there = [good.copy]
    for operation, act, only, said in FAULTS:
        with store_faults.on(operation, act, only=only):
            run = faulty.take()
        assert (run.outcome, run.copy is None) == ("partial", False)
        assert said in (run.reason or "")
        assert faulty.recorded() == run
        assert run.copy
        assert f"{run.copy.id}.json" in faulty.local()
        if operation == "ListObjectsV2":
            there.insert(0, run.copy)
        else:
            assert run.store is None
        found = faulty.copies.found()
        assert (list(found.copies), found.unfinished, found.unreadable) == (there, (), ())
    after = faulty.take()
    assert after.outcome == "succeeded"
    assert faulty.copies.all() == (after.copy,)
    assert len(faulty.local()) == 2


def test_however_long_the_store_fails_the_disk_is_not_filled(faulty: Site, store_faults: StoreFaults) -> None:
    faulty.settings["keep"] = Keep(last=2)
    with store_faults.on("UploadPart", provoke.refuse(403, "AccessDenied")):
        runs = [faulty.take() for _ in range(4)]
    newest = {run.copy.id for run in runs[-2:] if run.copy}
    assert {name.partition(".")[0] for name in faulty.local()} == newest


def test_the_copy_that_replaced_is_proven_before_the_older_one_goes(pruning: Site) -> None:
    site = pruning
    first = site.take()
    assert first.copy
    site.journal.record(drill_of(first, differences=0))
    second = site.take()
    third = site.take()
    assert [copy.id for copy in site.copies.all()] == [third.copy.id, first.copy.id]  # type: ignore[union-attr]
    site.journal.record(drill_of(third, differences=2, later=timedelta(hours=1)))
    fourth = site.take()
    assert [copy.id for copy in site.copies.all()] == [each.copy.id for each in (fourth, third, first) if each.copy]
    assert any("no copy is dropped: the newest drill did not succeed" in said for said in site.said)
    assert second.outcome == "succeeded"


def drill_of(run: Run, *, differences: int, later: timedelta = timedelta()) -> Run:
    assert run.copy
    proof = Proof(copy=run.copy.id, taken_at=run.copy.taken_at, rpo_s=1, rto_s=1, differences_total=differences)
    return msgspec.structs.replace(
        run, id=f"drill-{run.copy.id}", action="drill", proof=proof, copy=None,
        outcome="failed" if differences else "succeeded", started_at=run.started_at + later,
    )  # fmt: skip


# Another etcd, an earlier revision, a wrong clock


def test_another_etcd_is_an_alarm_until_it_is_said_to_be_new(site: Site, tmp_path: Path) -> None:
    good = site.take()
    assert good.copy
    other = EtcdCluster.start(tmp_path / "other")
    try:
        for index in range(3):
            other.client().put([(f"/registry/{index}", {})])
        site.access = other.access
        run = site.take()
        assert (run.outcome, run.alarm, run.copy, run.store) == ("failed", True, None, None)
        assert "this is another etcd" in (run.reason or "")
        assert site.copies.all() == (good.copy,)
        assert f"{good.copy.id}.json" in site.local()
        assert len(list((site.home / "aside").rglob("*.db.age"))) == 1
        accepted = site.take(new_history=True)
        assert accepted.outcome == "succeeded"
        assert site.take().outcome == "succeeded"
    finally:
        other.end()


def test_a_revision_that_went_backwards_is_an_alarm(site: Site, tmp_path: Path) -> None:
    other = EtcdCluster.start(tmp_path / "other")
    site.access = other.access
    try:
        for index in range(30):
            other.client().put([(f"/registry/{index}", {})])
        first = site.take()
        assert first.copy
        forged = first.copy.etcd.revision + 1000
        raised = changed(first.copy, etcd=msgspec.structs.replace(first.copy.etcd, revision=forged))
        site.journal.record(msgspec.structs.replace(first, id="backup-forged", copy=raised))
        run = site.take()
        assert (run.outcome, run.alarm) == ("failed", True)
        assert f"etcd went backwards: it is at revision {first.copy.etcd.revision}" in (run.reason or "")
        assert site.copies.all() == (first.copy,)
    finally:
        other.end()


def test_a_copy_dated_in_the_future_takes_no_place(pruning: Site, object_store: ObjectStore, tmp_path: Path) -> None:
    site = pruning
    first = site.take()
    assert first.copy
    ahead = changed(first.copy, taken_at=datetime.now(UTC) + timedelta(hours=1))
    for path in (object_store.folder / tmp_path.name, site.home / "copies"):
        next(path.rglob(f"{first.copy.id}.json")).write_bytes(record(ahead))
    second, third = site.take(), site.take()
    assert (second.outcome, third.outcome) == ("succeeded", "succeeded")
    assert third.copy
    assert [copy.id for copy in site.copies.all()] == [ahead.id, third.copy.id]
    assert f"{third.copy.id}.db.age" in site.local()


# Killed, interrupted, two at once

_TAKE = """
import os, signal, sys
from pathlib import Path
import msgspec
from hubops.backup.etcd import take as etcd
from hubops.journal.journal import Journal
from hubops.clients.etcd import Etcdctl
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import load
step, number = sys.argv[2], int(sys.argv[3])
def say(name, words):
    global number
    print(words, flush=True)
    if words.startswith(step):
        number and os.kill(os.getpid(), number)
        number or (sys.stdin.readline())
config = load(Path(sys.argv[1]), {})
there = Path(config.kubernetes.kubeconfig).exists()
cluster = KubeWriter(config.kubernetes, deadline=Deadline(60)) if there else None
run = etcd.take(config, Journal(cluster, Path(sys.argv[4])), say=say)
print(run.outcome)
"""


def process(site: Site, step: str, number: int) -> subprocess.Popen[str]:
    """Another process that takes a backup, and is sent the signal *number* once *step* begins; 0 lets it wait."""
    file = site.settings_file()
    arguments = [sys.executable, "-c", _TAKE, str(file), step, str(int(number)), str(site.folder / "journal")]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


STEPS = ("asking", "looking", "saving", "checking", "keeping", "sending", "dropping")


def test_killed_at_any_step_nothing_is_lost_and_the_next_run_cleans_up(pruning: Site) -> None:
    site = pruning
    good = site.take()
    for step in STEPS:
        killed = process(site, step, signal.SIGKILL)
        said, complained = killed.communicate(timeout=180)
        assert killed.returncode == -signal.SIGKILL, complained
        assert step in said
        assert good.copy in site.copies.all()
        assert len(site.work()) == (step in ("saving", "checking", "keeping", "sending"))
    assert len(site.copies.all()) == 2  # the last one was killed after its copy was complete
    run = site.take()
    assert run.outcome == "succeeded"
    assert site.work() == []
    found = site.copies.found()
    assert (found.copies, found.unfinished, found.unreadable) == ((run.copy,), (), ())
    assert run.copy
    assert site.local() == [f"{run.copy.id}.db.age", f"{run.copy.id}.json"]


def test_what_a_killed_run_had_sent_is_removed_off_site(site: Site, object_store: ObjectStore, tmp_path: Path) -> None:
    name = "etcd-20260131T120000Z-0000"
    (site.home / "work" / name).mkdir(parents=True)
    sent = object_store.folder / tmp_path.name / "test/etcd" / f"{name}.db.age"
    sent.parent.mkdir(parents=True)
    sent.write_bytes(b"half")
    assert site.take().outcome == "succeeded"
    assert not sent.exists()
    assert len(site.copies.all()) == 1


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, "saving"), (signal.SIGINT, "sending")])
def test_interrupted_it_is_recorded_and_leaves_nothing(site: Site, number: int, step: str) -> None:
    good = site.take()
    ended = process(site, step, number)
    _, complained = ended.communicate(timeout=180)
    assert ended.returncode != 0
    assert "KeyboardInterrupt" in complained
    assert site.recorded().reason == "it was interrupted"
    assert site.recorded().outcome != "succeeded"
    assert site.work() == []
    assert site.copies.all() == (good.copy,)
    assert site.copies.found().unfinished == ()


def test_of_two_at_once_one_says_who_is_at_work(site: Site) -> None:
    first = process(site, "saving", 0)
    assert first.stdout
    assert first.stdin
    while not first.stdout.readline().startswith("saving"):
        pass
    with pytest.raises(Locked, match=f"process {first.pid}") as caught:
        site.take()
    assert caught.value.exit_code == Exit.LOCKED
    assert site.work() != []  # the other one's
    said, _ = first.communicate("go on\n", timeout=180)
    assert said.strip().endswith("succeeded")
    assert len(site.copies.all()) == 1


# A leader that is lost


def test_a_member_without_a_leader_gives_a_copy_that_is_no_full_success(site: Site, tmp_path: Path) -> None:
    three = EtcdCluster.start(tmp_path / "three", members=3)
    site.access = three.access
    three.client().put([("/registry/one", {})])
    try:
        first = three.members[0]
        site.settings["endpoints"] = (first.url,)
        good = site.take()

        def lose() -> None:
            for member in three.members[1:]:
                three.kill(member)
            etcdctl = Etcdctl(site.config().backup.etcd or EtcdBackupConfig())
            poll(lambda: etcdctl.status(first.url).leader_id is None, "no leader")

        site.on["checking"] = lose
        run = site.take()
        assert run.outcome == "partial"
        assert "knows no leader" in (run.reason or "")
        assert good.copy in site.copies.all()
        site.on.clear()
        again = site.take()
        assert (again.outcome, again.alarm) == ("partial", False)
        three.kill(first)
        lost = site.take()
        assert (lost.outcome, lost.copy) == ("failed", None)
        assert "connection refused" in (lost.reason or "")
        assert good.copy in site.copies.all()
    finally:
        three.end()
