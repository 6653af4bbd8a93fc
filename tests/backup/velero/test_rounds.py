"""What the rounds say of a real Velero: its own resources, as its server writes them."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.api import Object
from tests.testbed.process import poll
from tests.testbed.velero import NAMESPACE, Velero

_VELERO = ("velero-*", "backup-location-unavailable")
#: What the tests make is seconds old.
_CONFIG = """\
checks:
  namespace-not-covered: {with: {grace: 0s, named: 1000}}
  drill-due: {with: {young: 0s}}
"""

Finding = dict[str, Any]


class Rounds:
    """hubops on the cluster of *velero*; *own* is what the names of a test's objects begin with."""

    def __init__(self, velero: Velero, folder: Path, own: str) -> None:
        self.velero = velero
        self.config = folder / "hubops.yaml"
        self.config.write_text(_CONFIG, encoding="utf-8")
        self.own = own

    def run(self, name: str, *only: str) -> dict[str, Any]:
        """The report of the round *name*, none of whose checks is unknown."""
        command = [sys.executable, "-m", "hubops.cli", name, "--config", str(self.config), "--output", "json"]
        command += [f"--kubeconfig={self.velero.bed.kubeconfig}", *(f"--only={each}" for each in only)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (0, 1, 2), done.stderr + done.stdout
        report: dict[str, Any] = json.loads(done.stdout)
        assert [check for check in report["checks"] if check["status"] == "unknown"] == []
        return report

    def found(self, name: str, *only: str) -> dict[tuple[str, str], Finding]:
        """The findings about a test's own objects, by check and name."""
        findings = self.run(name, *only)["findings"]
        return {(each["check"], each["ref"]["name"]): each for each in findings if self.own in each["ref"]["name"]}

    def schedule(self, name: str, cron: str, **template: Any) -> Object:
        return self.velero.bed.api.apply({
            "apiVersion": "velero.io/v1", "kind": "Schedule",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"schedule": cron, "template": template},
        })  # fmt: skip

    def enabled(self, name: str) -> None:
        """Until Velero has judged the Schedule."""
        poll(lambda: bool(self._status("Schedule", name).get("phase")), f"Schedule {name} judged", 30)

    def backup(self, name: str, schedule: str, **spec: Any) -> Object:
        """A backup of *schedule*, as it has ended."""
        self.velero.client.create_backup(name, spec, {"velero.io/schedule-name": schedule})
        return self.velero.ended("Backup", name)

    def _status(self, kind: str, name: str) -> dict[str, Any]:
        return dict((self.velero.bed.api.get(kind, NAMESPACE, name) or {}).get("status", {}))


@pytest.fixture
def rounds(velero: Velero, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rounds]:
    own = f"round-{zlib.crc32(request.node.name.encode()) % 10**6}"
    yield Rounds(velero, tmp_path, own)
    for kind in ("Schedule", "BackupStorageLocation", "Backup"):
        for each in velero.bed.api.list(kind, NAMESPACE):
            if own in each["metadata"]["name"]:
                velero.bed.api.delete({"apiVersion": "velero.io/v1", "kind": kind, "metadata": each["metadata"]})


def test_a_good_schedule_is_quiet_and_a_refused_one_is_not(rounds: Rounds) -> None:
    own = rounds.own
    rounds.velero.settings(own)
    rounds.schedule(f"{own}-good", "@every 24h", includedNamespaces=[own])
    rounds.schedule(f"{own}-four", "25 1 * *", includedNamespaces=[own])
    for name in (f"{own}-good", f"{own}-four"):
        rounds.enabled(name)
    done = rounds.backup(f"{own}-good-20260302012510", f"{own}-good", includedNamespaces=[own])
    assert done["status"]["phase"] == "Completed"
    found = rounds.found("daily", *_VELERO)
    assert list(found) == [("velero-schedule-invalid", f"{own}-four")]
    assert "found 4" in found["velero-schedule-invalid", f"{own}-four"]["summary"]


def test_a_time_that_never_comes_is_always_due_for_velero(rounds: Rounds) -> None:
    """What the check says about it is what the server does: a backup at once, though the 31st of February never is."""
    name = f"{rounds.own}-never"
    rounds.velero.settings(rounds.own)
    rounds.schedule(name, "0 3 31 2 *", includedNamespaces=[rounds.own])
    rounds.velero.until(lambda: any(each.schedule == name for each in rounds.velero.client.backups()))
    assert "never comes" in rounds.found("daily", *_VELERO)["velero-schedule-invalid", name]["summary"]


def test_what_velero_refuses_breaks_off_or_does_in_part_is_told_in_its_words(rounds: Rounds) -> None:
    own, velero = rounds.own, rounds.velero
    broken = velero.location(f"{own}-store", prefix=own)
    broken["spec"]["objectStorage"]["bucket"] = "no-such-bucket"
    velero.bed.api.apply(broken)
    velero.wait_for_location("Unavailable", f"{own}-store")
    rounds.schedule(f"{own}-refused", "@every 24h", includedNamespaces=[own], storageLocation=f"{own}-store")
    rounds.schedule(f"{own}-partly", "@every 24h", includedNamespaces=[own])
    for name in (f"{own}-refused", f"{own}-partly"):
        rounds.enabled(name)
    rounds.backup(f"{own}-refused-1", f"{own}-refused", includedNamespaces=[own], storageLocation=f"{own}-store")
    gone = rounds.backup(f"{own}-partly-1", f"{own}-partly", includedNamespaces=[f"{own}-gone"])
    found = rounds.found("daily", *_VELERO)
    location = found["backup-location-unavailable", f"{own}-store"]
    assert "Velero cannot use it" in location["summary"]
    assert [each["check"] for each in location["symptoms"]] == ["velero-backup-failed"], location
    partly = found["velero-backup-failed", f"{own}-partly"]
    assert gone["status"]["phase"] == "PartiallyFailed"
    assert "only in part" in partly["summary"]
    assert partly["details"]["backup"] == f"{own}-partly-1"
    assert set(found) == {("backup-location-unavailable", f"{own}-store"), ("velero-backup-failed", f"{own}-partly")}


def test_the_weekly_round_tells_what_no_backup_was_to_hold(rounds: Rounds) -> None:
    own = rounds.own
    for namespace in (f"{own}-held", f"{own}-bare"):
        rounds.velero.settings(namespace)
        service = {"ports": [{"port": 80}], "selector": {"app": "web"}}
        rounds.velero.bed.api.apply({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace}, "spec": service,
        })  # fmt: skip
    done = rounds.velero.backup(f"{own}-all", f"{own}-held", includedClusterScopedResources=["storageclasses"])
    assert done["status"]["phase"] == "Completed"
    found = rounds.found("weekly")
    assert [check for check, _ in found] == ["namespace-not-covered"]
    assert found["namespace-not-covered", f"{own}-bare"]["summary"].startswith("1 object of it is in no good backup")
    kinds = {each["ref"]["name"] for each in rounds.run("weekly", "cluster-kind-not-covered")["findings"]}
    assert "StorageClass" not in kinds


def test_the_monthly_round_asks_for_a_restore_until_one_was_made(rounds: Rounds) -> None:
    own, velero = rounds.own, rounds.velero
    velero.settings(own)
    rounds.schedule(f"{own}-good", "@every 24h", includedNamespaces=[own])
    rounds.enabled(f"{own}-good")
    rounds.backup(f"{own}-good-1", f"{own}-good", includedNamespaces=[own])
    assert list(rounds.found("monthly")) == [("drill-due", f"{own}-good")]
    restored = velero.restore(f"{own}-restored", f"{own}-good-1", {own: f"{own}-beside"})
    assert restored["status"]["phase"] == "Completed"
    assert rounds.found("monthly") == {}
