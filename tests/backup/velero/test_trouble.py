"""Backups by Velero when its store, its server, its plugin or hubops itself goes away."""

from __future__ import annotations

import signal
import subprocess

from hubops.errors import Exit
from tests.backup.claims_world import hears
from tests.backup.velero.world import World, record
from tests.testbed.process import poll
from tests.testbed.store_faults import Request, hang, refuse


def of_a_backup(request: Request) -> bool:
    return "/backups/" in f"/{request.key}"


def begun(world: World) -> subprocess.Popen[str]:
    """`hubops backup velero`, once its Backup is under way."""
    world.settings()
    program = world.program()
    hears(program, ": InProgress")
    return program


def ended(program: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = program.communicate(timeout=120)
    return program.returncode, out + err


def test_the_store_is_away_before(world: World) -> None:
    with world.velero.faults.on("ListObjectsV2", refuse(403, "AccessDenied", "the key was revoked")):
        world.velero.wait_for_location("Unavailable")
        run = world.take()
    world.velero.wait_for_location("Available")
    assert (run.outcome, run.velero) == ("failed", None)
    assert str(run.reason).startswith("BackupStorageLocation default is Unavailable: ")
    assert "the key was revoked" in str(run.reason)


def test_the_store_takes_nothing(world: World) -> None:
    with world.velero.faults.on("PutObject", refuse(403, "AccessDenied", "nothing may be written")):
        run = world.take()
    assert (run.outcome, record(run).phase) == ("failed", "Failed")
    assert "nothing may be written" in str(run.reason)


def test_the_store_gives_nothing_back(world: World) -> None:
    def the_list(request: Request) -> bool:
        return request.key.endswith("resource-list.json.gz")

    with world.velero.faults.on("GetObject", refuse(403, "AccessDenied"), only=the_list):
        run = world.take()
    assert (run.outcome, record(run).phase, record(run).items) == ("failed", "Completed", 0)
    assert f"what {record(run).name} holds cannot be read" in str(run.reason)


def test_the_plugin_dies(world: World) -> None:
    with world.velero.plugin_dies():
        run = world.take()
    world.velero.wait_for_location("Available")
    assert run.outcome == "failed", run


def test_the_server_is_killed_in_the_middle(world: World) -> None:
    with world.velero.faults.on("PutObject", hang(), only=of_a_backup):
        program = begun(world)
        world.velero.kill_server()
    world.velero.start_server()
    code, said = ended(program)
    assert code == Exit.CRITICAL, said
    run = world.journal.runs("velero")[0]
    assert (run.outcome, record(run).phase) == ("failed", "Failed")
    assert "during the server starting" in str(run.reason)


def test_what_a_killed_or_ended_hubops_asked_for_is_waited_for_by_the_next_one(world: World) -> None:
    before = {each.name for each in world.client.backups()}
    known = {each.id for each in world.journal.runs("velero")}
    with world.velero.faults.on("PutObject", hang(), only=of_a_backup):
        killed = begun(world)
        killed.kill()
        killed.communicate(timeout=20)
        [left] = {each.name for each in world.client.backups()} - before
        asked = world.program()
        hears(asked, f"{left}, which an earlier run asked for, is still under way: no second one is made")
        hears(asked, ": InProgress")
        asked.send_signal(signal.SIGTERM)
        assert ended(asked)[0] == Exit.INTERRUPTED
        [run] = [each for each in world.journal.runs("velero") if each.id not in known]
        assert run.reason == f"it was interrupted; Velero goes on with {left}, and the next run waits for it"
        last = world.program()
        hears(last, "no second one is made")
    code, said = ended(last)
    assert {each.name for each in world.client.backups()} - before == {left}
    # The store's first answer is lost with the hanging connection; Velero tries again, or ends it as Failed.
    [run] = [each for each in world.journal.runs("velero") if each.id not in {*known, run.id}]
    assert record(run).name == left
    assert code == (Exit.OK if run.outcome == "succeeded" else Exit.CRITICAL), said


def test_a_hook_that_fails(world: World) -> None:
    """No kubelet runs the pods here: nothing can be executed in them."""
    hook = "pre.hook.backup.velero.io"
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": world.space, "name": "web",
            "annotations": {f"{hook}/command": '["flush"]', f"{hook}/on-error": "Continue", f"{hook}/timeout": "1s"},
        },
        "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]},
    }  # fmt: skip
    world.api.apply(pod)
    poll(
        lambda: (world.api.get("Pod", world.space, "web") or {})["status"].get("phase") == "Running", "the pod running"
    )
    run = world.take()
    assert (record(run).hooks, record(run).hooks_failed) == (1, 1)
    assert run.outcome == "partial"
    assert "1 of its 1 hooks failed" in str(run.reason)
