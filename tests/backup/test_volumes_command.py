"""`hubops backup volumes` as its users call it: one report, one exit code, and what there is of each claim."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubops import cli, config
from hubops.errors import Exit
from tests.backup.claims_world import DEPLOYED, World, hears
from tests.testbed.api import load
from tests.testbed.csi import Csi
from tests.testbed.process import poll


@pytest.fixture
def world(csi: Csi, tmp_path: Path) -> Iterator[World]:
    world = World(csi, tmp_path)
    yield world
    world.clear()


def test_a_backup_from_its_report_to_its_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = world.settings()

    def hubops(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["backup", "volumes", *arguments, "--config", str(settings)])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    world.csi.claim(world.space, "data")
    world.snapshot("a-first", "data")
    poll(lambda: world.csi.status(world.space, "a-first").get("readyToUse", False), "an earlier one")
    code, out, progress = hubops("--output", "json")
    assert (code, json.loads(out)["findings"]) == (Exit.OK, []), progress
    assert f"{world.space}/data: data-" in progress
    assert f"{world.space}/a-first: deleted: the policy does not keep it" in progress
    poll(lambda: len(world.own()) == 1, "the earlier one is gone")
    [kept] = world.own()

    assert (
        listed(hubops("list", "--namespace", world.space, "--output", "json"))[0]["snapshots"][0]["name"] == kept.name
    )
    assert f"{world.space}/data" in hubops("list", "--namespace", "claims-*")[1]
    assert f"{kept.name}  " in hubops("show", f"{world.space}/data")[1]
    assert hubops("show", f"{world.space}/none")[0] == Exit.USAGE
    assert hubops("prune", "--plan")[1].endswith("0 snapshots would be deleted.\n")

    world.snapshot("z-last", "data")
    poll(lambda: world.csi.status(world.space, "z-last").get("readyToUse", False), "a later one")
    code, out, _ = hubops("prune", "--plan")
    assert out.startswith(f"{world.space}/{kept.name} of ")
    assert len(world.own()) == 2
    assert hubops("prune")[0] == Exit.OK
    poll(lambda: [each.name for each in world.own()] == ["z-last"], "pruned")

    world.csi.fail("CreateSnapshot", "RESOURCE_EXHAUSTED", "no space left in the pool")
    world.settings("8s")
    code, out, _ = hubops("--output", "json")
    assert code == Exit.CRITICAL
    [failed] = [each for each in json.loads(out)["findings"] if each["check"] == "backup-failed"]
    assert "no space left in the pool" in failed["summary"]
    assert "z-last" in [each.name for each in world.own() if each.ready]


def test_what_a_killed_or_ended_backup_asked_for_is_waited_for_by_the_next_one(world: World) -> None:
    world.csi.claim(world.space, "data")
    world.csi.unready()
    killed = world.program("backup", "volumes")
    hears(killed, "waiting until data-")
    killed.kill()
    killed.communicate(timeout=180)
    [left] = world.own()
    ended = world.program("backup", "volumes")
    hears(ended, f"waiting until {left.name} is ready")
    ended.terminate()
    ended.communicate(timeout=180)
    assert ended.returncode == Exit.INTERRUPTED
    [run] = world.journal.runs("volumes")
    assert (run.outcome, str(run.reason).partition(";")[0]) == ("failed", "it was interrupted")
    done = world.program("backup", "volumes")
    hears(done, f"waiting until {left.name} is ready")
    world.csi.heal()
    _, progress = done.communicate(timeout=180)
    assert done.returncode == Exit.OK, progress
    assert [(each.name, each.ready) for each in world.own()] == [(left.name, True)]


def test_the_cron_jobs_are_taken_by_the_cluster_without_a_warning(world: World) -> None:
    items = load(DEPLOYED)
    world.api.apply(items[0])
    for item in items:
        assert world.cluster.apply(item, dry_run=True, take_over=True).warnings == ()
    [settings] = [item["data"]["hubops.yaml"] for item in items if item["kind"] == "ConfigMap"]
    (world.folder / "example.yaml").write_text(settings)
    assert config.load(world.folder / "example.yaml").backup.volumes


def test_flags_before_a_command_are_not_lost_in_silence(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["backup", "volumes", "--context", "prod-eu", "list"])
    assert end.value.code == Exit.USAGE
    assert "flags belong behind the command" in capsys.readouterr().err


def listed(done: tuple[int, str, str]) -> list[dict[str, Any]]:
    code, out, err = done
    assert code == Exit.OK, err
    found: list[dict[str, Any]] = json.loads(out)
    return found
