"""`hubops backup velero` as its users call it: exit codes, reports, lists, deletion, schedules, coverage."""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any

import pytest

from hubops import cli
from hubops.errors import Exit
from hubops.model.velero import Schedule
from tests.backup.velero.world import World
from tests.testbed.process import poll
from tests.testbed.store_faults import Request, refuse

Capture = pytest.CaptureFixture[str]


def the_list(request: Request) -> bool:
    return request.key.endswith("resource-list.json.gz")


def test_a_backup_from_its_report_to_its_end(world: World, capsys: Capture) -> None:
    world.settings()
    code, out, progress = world.hubops(capsys, "--output", "json")
    assert (code, json.loads(out)["findings"]) == (Exit.OK, []), progress
    assert "objects of the cluster compared" in progress
    first = world.client.backups()[0].name

    world.api.apply(world.map("later"))
    world.api.delete(world.map("map-0"))
    code, out, _ = world.hubops(capsys, "show", first)
    assert code == Exit.OK
    assert f"Backup {first}: Completed, began " in out
    assert f"namespaces: {world.space}" in out
    assert "ConfigMap\n" in out
    assert "it lacks none" in out
    assert "Made since it began: 1 object of its scope" in out
    assert json.loads(world.hubops(capsys, "show", first, "--output", "json")[1])["kinds"]["ConfigMap"] >= 10
    assert world.hubops(capsys, "show", "absent")[0] == Exit.USAGE

    assert re.search(rf"^{first} +Completed ", world.hubops(capsys, "list")[1], re.M)
    assert json.loads(world.hubops(capsys, "list", "--output", "json")[1])[0]["name"] == first

    code, _, err = world.hubops(capsys, "delete", first, "--yes")
    assert (code, f"{first} is the newest good backup" in err) == (Exit.USAGE, True)
    code, out, err = world.hubops(capsys, "delete", first, "--even-the-last")
    assert (code, "add --yes" in err) == (Exit.USAGE, True)
    assert f"- Backup {first}, and its files in BackupStorageLocation default" in out
    assert world.velero.files(first)
    code, _, err = world.hubops(capsys, "delete", first, "--even-the-last", "--yes")
    assert code == Exit.OK, err
    assert first not in [each.name for each in world.client.backups()]
    assert world.velero.files(first) == []


def test_a_failed_backup_is_critical_and_one_of_other_namespaces_keeps_no_promise(
    world: World, capsys: Capture
) -> None:
    world.settings(namespaces=[world.space, "absent"])
    code, out, _ = world.hubops(capsys, "--output", "json")
    assert code == Exit.CRITICAL
    assert "backup-failed" in [each["check"] for each in json.loads(out)["findings"]]
    code, out, _ = world.hubops(capsys, "--namespace", world.space, "--output", "json")
    assert code == Exit.CRITICAL, "the newest one that keeps a promise has failed"
    assert world.journal.runs("velero")[0].narrowed
    world.settings()
    assert world.hubops(capsys, "--output", "json")[0] == Exit.OK


def test_what_no_backup_holds(world: World, capsys: Capture) -> None:
    world.settings(within="1ms")
    code, out, _ = world.hubops(capsys, "coverage")
    assert (code, "There is no good backup of the last" in out) == (Exit.CRITICAL, True)
    bare = World(world.velero, world.folder)
    bare.make()
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/none"}
    world.api.apply({**kind, "metadata": {"name": bare.space}})
    made = int(time.time())
    poll(lambda: int(time.time()) > made, "the next second: what is made in that of a backup is younger", every=0.05)
    world.settings()
    began = time.monotonic()
    assert world.hubops(capsys)[0] == Exit.OK

    def coverage(*arguments: str, **settings: Any) -> tuple[int, str]:
        """By this one backup, and not by those of other tests."""
        world.settings(within=f"{math.ceil(time.monotonic() - began) + 1}s", **settings)
        return world.hubops(capsys, "coverage", *arguments)[:2]

    code, out = coverage("--output", "json")
    told = json.loads(out)
    namespaces = {each["name"]: each for each in told["namespaces"]}
    assert code == Exit.WARNING
    assert namespaces[world.space]["held"] == namespaces[world.space]["objects"] >= 11
    assert (namespaces[bare.space]["held"], namespaces[bare.space]["lacking"]) == (0, {"ConfigMap": 10, "Namespace": 1})
    kinds = {each["name"]: each for each in told["cluster"]}
    assert kinds["storageclasses.storage.k8s.io"]["lacking"]["StorageClass"] >= 1
    world.api.delete({**kind, "metadata": {"name": bare.space}})
    out = coverage("--all")[1]
    assert f"  {bare.space}: not covered, 0 of 11 objects" in out
    assert f"  {world.space}: covered" in out
    with world.velero.faults.on("GetObject", refuse(403, "AccessDenied"), only=the_list):
        code, out = coverage()
    assert (code, "No good backup of the last" in out) == (Exit.UNKNOWN, True)
    out = coverage(exclude=[bare.space])[1]
    assert not any(f"  {each}:" in out for each in (bare.space, world.space))
    bare.clear()


def test_schedules(world: World, capsys: Capture) -> None:
    world.settings()
    name = world.space
    assert world.hubops(capsys, "schedule", "create", name, "--cron", "61 * * * *")[0] == Exit.USAGE
    code, _, err = world.hubops(capsys, "schedule", "create", name, "--cron", "CRON_TZ=Europe/Berlin 0 3 1 1 *")
    assert code == Exit.OK, err
    try:
        assert world.hubops(capsys, "schedule", "create", name, "--cron", "@daily")[0] == Exit.USAGE
        found = world.client.get(Schedule, name)
        assert found
        assert found.backup.included_namespaces == (world.space,)
        [row] = json.loads(world.hubops(capsys, "schedule", "list", "-o", "json")[1])
        assert (row["name"], row["state"], row["missed"]) == (name, "enabled", 0)
        assert row["next"].endswith("-01-01T02:00:00Z")
        assert world.hubops(capsys, "schedule", "pause", name)[0] == Exit.OK
        assert f"{name}  " in world.hubops(capsys, "schedule", "list")[1]
        assert "  paused  " in world.hubops(capsys, "schedule", "list")[1]
        assert world.hubops(capsys, "schedule", "resume", name)[0] == Exit.OK
        assert "  enabled  " in world.hubops(capsys, "schedule", "list")[1]
        assert world.hubops(capsys, "schedule", "pause", "absent")[0] == Exit.USAGE
        assert world.hubops(capsys, "schedule", "delete", name)[0] == Exit.USAGE
    finally:
        assert world.hubops(capsys, "schedule", "delete", name, "--yes")[0] == Exit.OK
    poll(lambda: world.client.get(Schedule, name) is None, "the schedule gone")
    refused = world.client.create_schedule(name, {"schedule": "nonsense", "template": {}})
    poll(lambda: bool((world.client.get(Schedule, name) or refused).status.validation_errors), "Velero refuses it")
    code, out, _ = world.hubops(capsys, "schedule", "list")
    world.client.delete(refused)
    assert (code, "  refused  " in out) == (Exit.WARNING, True)


def test_flags_before_a_command_are_not_lost_in_silence(world: World, capsys: Capture) -> None:
    world.settings()
    with pytest.raises(SystemExit) as end:
        cli.main(["backup", "velero", "--namespace", "shop", "list"])
    assert end.value.code == Exit.USAGE
    assert "flags belong behind the command" in capsys.readouterr().err
