"""The machine that a real node runs on: namespaces with their own processes and mounts, and a disk of its own.

It shares the network of the testbed. When its first process ends the kernel ends every other (containers too) and
takes its mounts and loop devices back; so there is nothing to undo after a crash but a control group.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.testbed import cgroups
from tests.testbed.errors import TestbedError
from tests.testbed.process import Process, Supervisor, poll, start_time

INIT = "machine-init"
DISK_BYTES = 6 * 2**30
# What its containers may use together, beside the control plane and whatever else this machine has to do.
CPUS = 1.0
# What kubelet sets at its start. They are the whole kernel's, so it is shown files that say so already.
SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


class Machine:
    """A running machine; `directory` is the part of the testbed's that is the machine's."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.directory = supervisor.directory / "node"
        self.cgroup = supervisor.state.facts["cgroup"]
        self.pid = next(p.pid for p in supervisor.state.processes if p.name == INIT)

    @classmethod
    def create(cls, supervisor: Supervisor, hosts: dict[str, str]) -> Machine:
        """Make the machine; it knows *hosts* (name to address) and no other names."""
        (supervisor.directory / "node").mkdir()
        supervisor.state.facts["cgroup"] = f"hubops-{supervisor.directory.name}"
        supervisor.state.save(supervisor.directory)
        cgroups.create(supervisor.state.facts["cgroup"], CPUS)
        _start_first_process(supervisor)
        machine = cls(supervisor)
        machine._mount(hosts)
        return machine

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--"]

    def run(self, *words: str | Path, check: bool = True) -> str:
        """Run a command on the machine to its end; returns what it printed."""
        done = subprocess.run([*self._enter(), *map(str, words)], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise TestbedError(f"{' '.join(map(str, words))}: {(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout

    def start(self, name: str, argv: list[str | Path]) -> Process:
        """Start a program on the machine that runs on; it ends with what started it, and by `supervisor.stop`."""
        tied = ["setpriv", "--pdeathsig", "KILL", "--"]
        return self.supervisor.start(name, [*self._enter(), *tied, *map(str, argv)])

    def volume(self, name: str, size: int) -> Path:
        """A mounted, empty ext4 of *size* bytes; returns its path on the machine."""
        mount = Path("/mnt") / name
        self._filesystem(self.directory / f"{name}.img", size)
        self.run("mkdir", "-p", mount)
        self.run("mount", "-o", "loop", self.directory / f"{name}.img", mount)
        return mount

    def _filesystem(self, image: Path, size: int) -> None:
        with image.open("wb") as file:
            file.truncate(size)
        self.run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", image)

    def _mount(self, hosts: dict[str, str]) -> None:
        disk = self.directory / "disk.img"
        self._filesystem(disk, DISK_BYTES)
        self.run("mount", "-o", "loop", disk, "/var")
        self.run("mount", "-t", "tmpfs", "run", "/run")
        self.run("mount", "-t", "tmpfs", "mnt", "/mnt")
        self.run("mkdir", "-p", "/var/lib", "/var/log", "/var/tmp")
        self.run("ln", "-s", "/run", "/var/run")
        names = "".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **hosts}.items())
        self._cover("/etc/hosts", names)
        # Nobody answers there; what asks for a name that is not in /etc/hosts fails, as it should.
        self._cover("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        for key, value in SYSCTLS.items():
            self._cover(f"/proc/sys/{key}", f"{value}\n")
        self.run("mount", "--make-rshared", "/")

    def _cover(self, path: str, content: str) -> None:
        """Show the machine a file of its own at *path*."""
        file = self.directory / path.strip("/").replace("/", "-")
        file.write_text(content)
        self.run("mount", "--bind", file, path)


def _start_first_process(supervisor: Supervisor) -> None:
    """The supervisor's own way into the network hides /sys, so the first step leads back to the mounts of here."""
    back = ["nsenter", f"--mount=/proc/{os.getpid()}/ns/mnt", "--"]
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--"]
    init = [sys.executable, "-I", str(Path(__file__).parent / "init.py")]
    outer = supervisor.start("machine", [*back, *apart, *init])
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")

    def ready() -> bool:
        inner = children.read_text().split()
        return bool(inner) and "init.py" in Path(f"/proc/{inner[0]}/cmdline").read_text()

    supervisor.wait_ready("machine", ready)
    pid = int(children.read_text().split()[0])
    started = start_time(pid)
    assert started is not None
    supervisor.state.processes.append(Process(INIT, pid, started))
    supervisor.state.save(supervisor.directory)
    poll(lambda: Path(f"/proc/{pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink(), "namespaces")
