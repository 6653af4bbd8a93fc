"""Which snapshots may follow which, and which copies may go: the rules alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hubops.backup.etcd.lineage import contradiction, history
from hubops.backup.etcd.pruning import plan
from hubops.config.backup import Keep
from hubops.model.backup import Copy, EtcdState, Promised, Proof, Run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEEP = Keep(last=2, hourly=0, daily=0, weekly=0, monthly=0)


def copy(hours_ago: float, revision: int, *, cluster: str = "a", of: str = "") -> Copy:
    state = EtcdState(cluster_id=cluster, member_id="1", version="3.6.0", revision=revision, keys=1, size=1, hash="1")
    return Copy(
        id=f"etcd-{revision}", cluster="test", taken_at=NOW - timedelta(hours=hours_ago), etcd=state, file="f", size=1,
        sha256="0", plain_sha256="0", history=of, hubops_version="1",
    )  # fmt: skip


def drill(hours_ago: float, of: Copy, *, outcome: str = "succeeded", differences: int = 0) -> Run:
    at = NOW - timedelta(hours=hours_ago)
    proof = Proof(copy=of.id, taken_at=of.taken_at, rpo_s=0, rto_s=0, differences_total=differences)
    run = Run(
        id=f"drill-{hours_ago}", kind="etcd", action="drill", started_at=at, finished_at=at, outcome="succeeded",
        hubops_version="1", promised=Promised(rpo_s=1, rto_s=1, proven_every_s=1), proof=proof,
    )  # fmt: skip
    return msgspec.structs.replace(run, outcome=outcome)


@pytest.mark.parametrize(
    ("revision", "cluster", "said"),
    [(20, "a", None), (21, "a", None), (19, "a", "etcd went backwards"), (30, "b", "this is another etcd")],
)
def test_revisions_of_one_etcd_only_rise(revision: int, cluster: str, said: str | None) -> None:
    earlier = [copy(1, 10), copy(2, 20)]  # a wrong clock: the newest has not the highest revision
    found = contradiction(copy(0, revision, cluster=cluster).etcd, earlier, NOW)
    assert found is None if said is None else said in (found or "")


def test_after_a_new_history_only_that_is_compared() -> None:
    earlier = [copy(3, 100), copy(2, 5, cluster="b", of="new"), copy(1, 7, cluster="b", of="new")]
    assert history(earlier, NOW) == "new"
    assert contradiction(copy(0, 8, cluster="b").etcd, earlier, NOW) is None
    assert contradiction(copy(0, 6, cluster="b").etcd, earlier, NOW)
    assert contradiction(copy(0, 101).etcd, earlier, NOW)


def test_a_copy_of_the_future_does_not_bring_an_old_history_back() -> None:
    earlier = [copy(-1, 100), copy(1, 5, cluster="b", of="new")]
    assert contradiction(copy(0, 8, cluster="b").etcd, earlier, NOW) is None
    assert contradiction(copy(0, 8).etcd, [copy(-1, 100)], NOW)


COPIES = tuple(copy(hours, 100 - hours) for hours in range(6))  # newest first


@pytest.mark.parametrize(
    ("runs", "going"),
    [
        ((), (5, 4, 3, 2)),
        ((drill(1, COPIES[4]),), (5, 3, 2)),
        ((drill(2, COPIES[4]), drill(1, COPIES[2])), (5, 4, 3)),
        ((drill(2, COPIES[4]), drill(1, COPIES[2], differences=3, outcome="failed")), ()),
        ((drill(1, COPIES[2], outcome="failed"),), ()),
        ((drill(2, COPIES[4]), drill(1, COPIES[2], outcome="partial")), (5, 3, 2)),
        ((drill(3, COPIES[2], outcome="failed"), drill(1, COPIES[4])), (5, 3, 2)),
    ],
)
def test_what_a_drill_proved_stays_and_while_one_failed_all_does(runs: tuple[Run, ...], going: tuple[int, ...]) -> None:
    planned = plan(COPIES, runs, KEEP, now=NOW, unread=None)
    assert planned.drop == tuple(COPIES[index] for index in going)
    assert (planned.hindrance is None) == bool(going)


def test_without_the_journal_nothing_goes() -> None:
    planned = plan(COPIES, (), KEEP, now=NOW, unread="the API server is away")
    assert planned.drop == ()
    assert "the API server is away" in (planned.hindrance or "")
