"""The plan that brings a claim back: its commands in an order in which nothing is deleted that could be needed."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubops.backup.volumes.claim_users import User
from hubops.backup.volumes.restore import Site, claim, plan
from hubops.backup.volumes.snapshots import CLASS, MODE, SIZE, Snapshot
from hubops.model.restore_plan import Plan
from hubops.report.restore_plan import text

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
SNAPSHOT = Snapshot(
    namespace="data", name="db-0-20260715t060000z", uid="u", claim="db-0", run="r", asked_at=NOW - timedelta(hours=6),
    taken_at=NOW - timedelta(hours=6), ready=True, leaving=False, error="", size=20 * 2**30, content="content-1",
    snapshot_class="fast", annotations={CLASS: "fast-ssd", SIZE: "10Gi", MODE: "Filesystem"},
)  # fmt: skip
LIVE: dict[str, Any] = {
    "metadata": {"namespace": "data", "name": "db-0", "labels": {"app": "db"}},
    "spec": {
        "accessModes": ["ReadWriteOncePod"], "storageClassName": "fast-ssd", "volumeMode": "Filesystem",
        "volumeName": "pv-1", "resources": {"requests": {"storage": "10Gi"}},
    },
}  # fmt: skip
DATABASE = User("StatefulSet", "db", 3, deletes_claims=True, owner="Postgres main")


def commands(found: Plan) -> list[str]:
    return [command for step in found.steps for command in step.commands]


def at(found: Plan, words: str) -> int:
    """The place of the one command that begins with *words*."""
    places = [place for place, command in enumerate(commands(found)) if command.startswith(words)]
    assert len(places) == 1, (words, commands(found))
    return places[0]


def test_everything_is_kept_and_stopped_before_anything_is_deleted() -> None:
    found = plan(Site("data", "db-0", SNAPSHOT, LIVE, (DATABASE,)), NOW)
    kept = [
        at(found, "kubectl patch volumesnapshotcontent content-1 "),
        at(found, "kubectl patch persistentvolume pv-1 "),
        at(found, "kubectl -n data patch statefulset db "),
    ]
    stopped = at(found, "kubectl -n data scale statefulset/db --replicas=0")
    deleted = at(found, "kubectl -n data delete persistentvolumeclaim db-0")
    made = at(found, "echo ")
    started = at(found, "kubectl -n data scale statefulset/db --replicas=3")
    later = at(found, "kubectl delete persistentvolume pv-1")
    assert max(kept) < stopped < deleted < made < started < later
    for place in kept:
        assert "Retain" in json.dumps(json.loads(shlex.split(commands(found)[place])[-1]))
    assert any("Postgres main" in fact for fact in found.facts)
    assert any("in the 6h since is lost" in fact for fact in found.facts)
    assert "pv-1" in found.back


def test_the_claim_is_what_it_was_and_large_enough() -> None:
    made = claim(Site("data", "db-0", SNAPSHOT, LIVE, ()))
    assert made["metadata"] == LIVE["metadata"]
    assert made["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "fast-ssd",
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": str(20 * 2**30)}},
        "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": SNAPSHOT.name},
    }


def test_a_claim_that_is_gone_is_made_from_what_the_snapshot_knows() -> None:
    site = Site("data", "db-0", SNAPSHOT, None, ())
    assert claim(site)["spec"]["storageClassName"] == "fast-ssd"
    found = plan(site, NOW)
    assert not [command for command in commands(found) if "scale" in command or "delete" in command]
    assert any("accessModes" in fact for fact in found.facts)
    assert any("No pod mounts it" in fact for fact in found.facts)


def test_what_cannot_be_scaled_is_named() -> None:
    found = plan(Site("data", "db-0", SNAPSHOT, LIVE, (User("Job", "import"), User("Deployment", "web", 2))), NOW)
    assert any("Job import mounts it and cannot be scaled" in fact for fact in found.facts)
    assert [command for command in commands(found) if "scale" in command] == [
        "kubectl -n data scale deployment/web --replicas=0",
        "kubectl -n data scale deployment/web --replicas=2",
    ]


@pytest.mark.parametrize("live", [LIVE, None])
def test_the_text_holds_every_command_as_it_is_pasted(live: dict[str, Any] | None) -> None:
    found = plan(Site("data", "db-0", SNAPSHOT, live, (DATABASE,)), NOW)
    shown = text(found)
    for command in commands(found):
        shlex.split(command)
        assert f"    {command}\n" in shown  # on one line: what is pasted may be indented
    assert shown.count("Check: ") == len(found.steps)
