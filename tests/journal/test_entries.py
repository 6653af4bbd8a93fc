"""Runs in ConfigMaps: small whatever they tell, never too many, and believed only as far as they can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.journal.entries import KEPT, LABEL, MAP_BYTES, RUN_BYTES, bounded, decode, encode, read
from hubops.model.backup import Difference, Proof, Run, VolumeSnapshotRecord
from tests.backup.runs import NOON, run

MINUTE = timedelta(minutes=1)


def stored(*runs: Run) -> dict[str, str]:
    return {each.id: encode(each) for each in runs}


def config_map(data: dict[str, Any], kind: str = "etcd") -> dict[str, Any]:
    return {"metadata": {"name": f"journal-{kind}", "labels": {LABEL: kind}}, "data": data}


def proof(**fields: Any) -> Proof:
    given: dict[str, Any] = {"copy": "etcd-1", "taken_at": NOON, "rpo_s": 60.0, "rto_s": 5.0}
    return Proof(**(given | fields))


def test_a_run_is_read_as_it_was_written() -> None:
    volume = VolumeSnapshotRecord(namespace="shop", claim="data", snapshot="data-1", ready=True, size=2**30, took_s=4.5)
    written = run("volumes", volumes=(volume,), proof=proof(steps={"fetch": 1.5}, unproven=("no kube-apiserver",)))
    assert read(encode(written), "volumes") == written


def test_newest_first_by_the_clock_of_the_api_server() -> None:
    ahead = run(ago=timedelta(0), id="of-a-machine-an-hour-ahead", clock_ahead_s=3600.0)
    later = run(ago=30 * MINUTE)
    assert decode([config_map(stored(ahead, later))]).runs == (later, ahead)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no record"),
        ("notes of somebody", "no record"),
        ("{}", "no record of a run"),
        ('{"schema": "hubops.run/v2", "id": "x"}', "a newer hubops wrote it, as hubops.run/v2"),
        ('{"schema": "hubops.run/v0"}', "another hubops"),
        ('{"schema": "hubops.run/v1"}', "missing required field"),
        ("[" * 100_000, "no record"),
        ('{"schema": "\ud800"}', "no record"),
        (encode(run()).replace("2026-07-15T12:00:00Z", "2026-07-15T12:00:00"), "timezone"),
        (encode(run()).replace("2026-07-15T12:00:00Z", "0001-01-01T00:00:00Z"), "a year that no clock has"),
        (encode(run()).replace('"rpo_s":21600', '"rpo_s":-1'), "no record"),
        (encode(run()).replace('"rpo_s":21600', '"rpo_s":1e999'), "no record"),
        (encode(run("volumes")), "it is a run of volumes"),
    ],
)
def test_what_is_no_run_is_said_and_hides_no_other(text: str, reason: str) -> None:
    good = run()
    recorded = decode([config_map({"strange": text, **stored(good)})])
    assert recorded.runs == (good,)
    [unreadable] = recorded.unreadable
    assert (unreadable.kind, unreadable.name) == ("etcd", "strange")
    assert reason in unreadable.reason


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=5))
def test_any_text_is_read_without_a_crash(text: str, data: dict[str, str]) -> None:
    decode([config_map({"a": text, **data}, kind=text), config_map({"a": text})])


def test_hostile_text_is_stored_inert_and_short() -> None:
    hostile = "\x1b]0;owned\x07\u202e" + "A" * 100_000
    text = encode(run(outcome="failed", reason=hostile))
    assert len(text) < 2000
    assert "\x1b" not in (read(text, "etcd").reason or "")  # type: ignore[union-attr]


def test_of_many_volumes_those_that_failed_stay() -> None:
    good = [VolumeSnapshotRecord(namespace="n", claim=f"c-{index}", ready=True) for index in range(5000)]
    bad = [VolumeSnapshotRecord(namespace="n", claim=f"bad-{index}", error="full " * 200) for index in range(5)]
    text = encode(run("volumes", volumes=(*good, *bad)))
    assert len(text) <= RUN_BYTES
    kept = read(text, "volumes")
    assert isinstance(kept, Run)
    assert [each.claim for each in kept.volumes[:5]] == [f"bad-{index}" for index in range(5)]
    assert kept.volumes_left_out == 5005 - len(kept.volumes)


def test_a_long_proof_becomes_short() -> None:
    many = tuple(Difference(what=f"/registry/pods/{index}", how="x" * 500) for index in range(1000))
    text = encode(run(action="drill", proof=proof(differences=many, differences_total=1000, by_resource={"pods": 3})))
    assert len(text) <= RUN_BYTES
    kept = read(text, "etcd")
    assert isinstance(kept, Run)
    assert kept.proof
    assert kept.proof.differences_total == 1000
    assert kept.proof.by_resource == {"pods": 3}


def test_the_newest_stay_and_the_newest_success_however_old() -> None:
    success = run(ago=timedelta(days=300))
    failed = [run(ago=index * MINUTE, outcome="failed", reason="r") for index in range(100)]
    verified = run(action="verify", ago=timedelta(days=200))
    kept = bounded(stored(success, *failed, verified), "etcd")
    assert kept.keys() == {success.id, verified.id, *(each.id for each in failed[:KEPT])}


def test_what_cannot_be_read_is_kept_and_counted() -> None:
    newer = '{"schema": "hubops.run/v2"}' + " " * (MAP_BYTES - 3000)
    runs = [run(ago=index * MINUTE) for index in range(30)]
    kept = bounded({**stored(*runs), "newer": newer}, "etcd")
    assert "newer" in kept
    assert runs[0].id in kept
    assert 1 < len(kept) < 10
    assert sum(map(len, kept.values())) <= MAP_BYTES


RUNS = st.builds(
    run,
    st.just("etcd"),
    st.sampled_from(["backup", "verify", "drill"]),
    ago=st.integers(-9000, 500_000).map(lambda minutes: minutes * MINUTE),
    outcome=st.sampled_from(["succeeded", "failed"]),
    reason=st.integers(0, 400).map("x".__mul__),
)


@given(st.lists(RUNS, max_size=150))
def test_bounded_is_small_and_bounding_again_changes_nothing(runs: list[Run]) -> None:
    data = stored(*runs)
    kept = bounded(data, "etcd")
    assert sum(map(len, kept.values())) <= MAP_BYTES
    assert kept.items() <= data.items()
    assert bounded(kept, "etcd") == kept
    for action in ("backup", "verify", "drill"):
        of_action = [each for each in decode([config_map(data)]).runs if each.action == action]
        assert sum(name.startswith(action) for name in kept) <= KEPT + 1
        newest = of_action[:1] + [each for each in of_action if each.outcome == "succeeded"][:1]
        assert {each.id for each in newest} <= kept.keys()


def test_fields_that_a_newer_hubops_added_are_no_hindrance() -> None:
    record = msgspec.json.decode(encode(run()))
    assert read(msgspec.json.encode(record | {"added": {"later": 1}}).decode(), "etcd") == run()


def test_a_clock_far_off_is_dated_back() -> None:
    off = run(started_at=datetime(2027, 7, 15, tzinfo=UTC), clock_ahead_s=86400.0)
    assert off.at == datetime(2027, 7, 14, tzinfo=UTC)
