"""The control group that a real node's pods live in: one of that name in every hierarchy the machine has mounted."""

from __future__ import annotations

import time
from pathlib import Path

from tests.testbed.errors import TestbedError

ROOT = Path("/sys/fs/cgroup")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Where control groups can be made: the one hierarchy of version 2, or each controller's of version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    if not root.is_dir():
        return []
    return [found for found in sorted(root.iterdir()) if (found / "cgroup.procs").exists()]


def controllers(root: Path = ROOT) -> list[str]:
    """The controllers that groups can be given: memory, cpu, …"""
    if (root / "cgroup.controllers").exists():
        return (root / "cgroup.controllers").read_text().split()
    return [name for hierarchy in hierarchies(root) for name in hierarchy.name.split(",")]


def create(name: str, cpus: float) -> None:
    """Make control group *name* in every hierarchy; everything in it may together use *cpus* CPUs."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        # A cpuset of version 1 takes no process until it is said which CPUs and memory it has.
        for key in ("cpuset.cpus", "cpuset.mems"):
            if (group / key).exists() and hierarchy.name == "cpuset":
                (group / key).write_text((hierarchy / key).read_text())
        period = 100_000
        quota = f"{int(cpus * period)}"
        for key, value in (("cpu.cfs_quota_us", quota), ("cpu.max", f"{quota} {period}")):
            if (group / key).exists():
                (group / key).write_text(value)


def remove(name: str, patience: float = 10.0) -> None:
    """Remove control group *name* with all below it. Its processes were killed, and end within moments."""
    deadline = time.monotonic() + patience
    for hierarchy in hierarchies():
        group = hierarchy / name
        below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
        for directory in [*below, group]:
            while directory.exists() and (error := _remove(directory)):
                if time.monotonic() > deadline:
                    raise TestbedError(f"control group {directory} is still in use: {error.strerror}") from error
                time.sleep(0.05)


def _remove(directory: Path) -> OSError | None:
    try:
        directory.rmdir()
    except OSError as error:
        return error
    return None
