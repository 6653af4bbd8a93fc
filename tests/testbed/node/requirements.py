"""What a machine must have for a real node, found out before anything is started."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.testbed import cgroups
from tests.testbed.build import cache_home, install
from tests.testbed.errors import TestbedError
from tests.testbed.node.images import ARCHITECTURES
from tests.testbed.process import state_home

# Where Debian puts the CNI plugins, and where others do.
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "busybox": "busybox-static",
    "mkfs.ext4": "e2fsprogs",
    "nsenter": "util-linux",
    "ip": "iproute2",
}
CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12, "CAP_MKNOD": 27, "CAP_SYS_PTRACE": 19}
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")


def missing() -> list[str]:
    """Everything that stops a real node on this machine, one phrase each; empty when it can run.

    What apt-get can install is not missing for root.
    """
    found = [*_missing_rights(), *_missing_kernel(), *_missing_place()]
    packages = [] if os.geteuid() == 0 and shutil.which("apt-get") else missing_packages()
    return found + [f"package {package}" for package in packages]


def missing_packages() -> list[str]:
    found = {package for program, package in PACKAGES.items() if not shutil.which(program)}
    if cni_folder() is None:
        found.add("containernetworking-plugins")
    return sorted(found)


def cni_folder() -> Path | None:
    return next((folder for folder in CNI_FOLDERS if all((folder / name).exists() for name in PLUGINS)), None)


def provide(say: Callable[[str], None]) -> None:
    """Install the packages that are missing; raises TestbedError that lists all that this machine lacks."""
    if lacking := missing():
        raise TestbedError(f"a real node cannot run here; missing: {'; '.join(lacking)}")
    if packages := missing_packages():
        install(packages, say)


def _missing_rights() -> Iterator[str]:
    if platform.system() != "Linux":
        yield f"Linux (this is {platform.system()})"
        return
    if platform.machine() not in ARCHITECTURES:
        yield f"a processor of {', '.join(ARCHITECTURES)} (this is {platform.machine()})"
    if os.geteuid() != 0:
        yield "root"
    effective = int(_value("/proc/self/status", "CapEff:") or "0", 16)
    lacking = [name for name, bit in CAPABILITIES.items() if not effective >> bit & 1]
    if lacking and os.geteuid() == 0:
        yield f"capabilities {', '.join(lacking)}"


def _missing_kernel() -> Iterator[str]:
    if platform.system() != "Linux":
        return
    hierarchies = cgroups.hierarchies()
    if not hierarchies:
        yield "control groups at /sys/fs/cgroup"
    elif (absent := sorted(set(CONTROLLERS) - set(cgroups.controllers()))) and os.geteuid() == 0:
        yield f"cgroup controllers {', '.join(absent)}"
    elif os.geteuid() == 0 and not all(os.access(hierarchy, os.W_OK) for hierarchy in hierarchies):
        yield "writable control groups"
    known = Path("/proc/filesystems").read_text().split()
    yield from (f"file system {name} in the kernel" for name in ("overlay", "ext4") if name not in known)
    if not Path("/dev/loop-control").exists():
        yield "loop devices (/dev/loop-control)"
    if not Path("/proc/sys/net/bridge").exists():
        yield "bridge netfilter (modprobe br_netfilter)"


def _missing_place() -> Iterator[str]:
    """The node mounts a /var and a /run of its own above the machine's."""
    places: dict[str, str | Path] = {"state": state_home(), "cache": cache_home(), "Python": sys.prefix}
    for what, place in places.items():
        if Path(place).resolve().is_relative_to("/var") or Path(place).resolve().is_relative_to("/run"):
            yield f"a folder outside /var and /run for {what}, not {place}"


def _value(file: str, key: str) -> str | None:
    for line in Path(file).read_text().splitlines():
        if line.startswith(key):
            return line.removeprefix(key).strip()
    return None
