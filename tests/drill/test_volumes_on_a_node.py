"""On a real node: a Job really mounts what was restored, as the user and with the tools that it has there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.backup.claims_world import World
from tests.drill.test_volumes import assert_nothing_is_left, backed_up, drill, proof
from tests.testbed.csi import Csi


def test_a_job_reads_every_file_that_its_user_may_read(node_csi: Csi, tmp_path: Path) -> None:
    world = World(node_csi, tmp_path)
    backed_up(world, "open", "closed")
    closed = world.csi.copy(world.space, "closed-1") / "sub dir" / "table"
    closed.chmod(0o600)  # root's, as the files of many databases are
    run = drill(world, "open", "closed", image="busybox:1.35", used=1004.0)
    by_claim = {each.claim: each for each in run.volumes}
    assert {name: each.error for name, each in by_claim.items()} == {"open": None, "closed": None}
    read, denied = (proof(run, [each.claim for each in run.volumes].index(name)) for name in ("open", "closed"))
    assert read.proven == ("each of 2 files was read to its end, 1004 B",)
    assert read.sha256 == summed(world.csi.copy(world.space, "open-1"))
    assert denied.proven == ()
    assert "1 files or folders may not be read by the Job's user" in denied.unproven[0]
    assert run.outcome == "partial"
    assert "drill.volumes.run_as" in str(run.reason)
    assert_nothing_is_left(world)
    world.clear()


def summed(folder: Path) -> str:
    """The sum over what `sha256sum` prints of the files of *folder*, in the order of their names."""
    names = sorted((f"./{path.relative_to(folder)}".encode(), path) for path in folder.rglob("*") if path.is_file())
    lines = b"".join(sha256(path.read_bytes()).hexdigest().encode() + b"  " + name + b"\n" for name, path in names)
    return sha256(lines).hexdigest()
