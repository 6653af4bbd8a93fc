"""Starts programs, keeps a record of them on disk, and ends exactly those: also after the run that began them died."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.testbed import cgroups
from tests.testbed.errors import TestbedError

STATE_FILE = "state.json"
#: What a program is started through, by the names that the kernel gives them.
_STARTERS = frozenset({"ip", "setpriv"})
#: The ports that the kernel gives to connections and to who asks for any.
_HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")


def poll(condition: Callable[[], bool], what: str, timeout: float = 180.0, every: float = 0.1) -> None:
    """Return as soon as *condition* holds; fail with *what* when it does not within *timeout* seconds.

    What succeeds costs no more for a long *timeout*, and on a busy machine anything may take minutes.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TestbedError(f"{what}: not within {timeout:.0f} s")
        time.sleep(every)


def free_port() -> int:
    """A port on loopback for a program that has to be told one.

    It is none of those that the kernel hands out itself: until the program takes it, no connection and no server that
    asks the kernel for a port will.
    """
    first, last = map(int, _HANDED_OUT.read_text().split())
    ports = range(10_000, first) or range(last + 1, 65_536) or range(first, last)
    while True:
        port = random.SystemRandom().choice(ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start_time(pid: int) -> int | None:
    """When the kernel started *pid* (in clock ticks since boot), or None when it runs no more.

    A pid alone may be reused by another program; a pid with its start time is not.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] in "ZX" else int(after_name[19])


@dataclass(frozen=True)
class Process:
    name: str
    pid: int
    started: int

    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        if self.alive():
            os.kill(self.pid, number)


@dataclass
class State:
    """What is on disk about one testbed: enough for any later process to use it or to clean up after it."""

    owner: Process | None = None
    network: str | None = None
    processes: list[Process] = field(default_factory=list)
    commands: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        scratch = directory / f".{STATE_FILE}"
        scratch.write_text(json.dumps(asdict(self), indent=1))
        scratch.rename(directory / STATE_FILE)

    @classmethod
    def load(cls, directory: Path) -> State:
        raw = json.loads((directory / STATE_FILE).read_text())
        owner = Process(**raw["owner"]) if raw["owner"] else None
        processes = [Process(**process) for process in raw["processes"]]
        return cls(owner, raw["network"], processes, raw.get("commands", {}), raw["facts"])


class Supervisor:
    """Starts the programs of one testbed.

    With an owner, they die with it (the kernel kills them when the starting thread ends, so start them from the main
    thread); without one they live on in sessions of their own until `end`.
    """

    def __init__(self, directory: Path, state: State) -> None:
        self.directory = directory
        self.state = state
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        state.save(directory)

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def start(self, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> Process:
        prefix = ["ip", "netns", "exec", self.state.network] if self.state.network else []
        if self.state.owner:
            prefix += ["setpriv", "--pdeathsig", "KILL", "--"]
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                [*prefix, *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=self.directory,
                start_new_session=True,
            )
        self._children[child.pid] = child
        if prefix:
            # Until setpriv has done its work, the program would outlive a killed owner.
            poll(lambda: _command(child.pid) not in _STARTERS, f"{name} started", every=0.005)
        started = start_time(child.pid)
        if started is None:
            raise TestbedError(f"{name} ended at once: {self.tail(name)}")
        process = Process(name, child.pid, started)
        self.state.processes = [p for p in self.state.processes if p.name != name] + [process]
        self.state.commands[name] = argv
        self.state.save(self.directory)
        return process

    def wait_ready(self, name: str, ready: Callable[[], bool], timeout: float = 180.0) -> None:
        process = next(p for p in self.state.processes if p.name == name)

        def ready_or_dead() -> bool:
            self._reap(process.pid)
            if not process.alive():
                raise TestbedError(f"{name} ended: {self.tail(name)}")
            return ready()

        try:
            poll(ready_or_dead, f"{name} ready", timeout)
        except TestbedError as error:
            raise TestbedError(f"{error}\n{self.tail(name)}") from error

    def stop(self, name: str) -> None:
        """End one program; `start_again` starts it as it was."""
        for process in [p for p in self.state.processes if p.name == name]:
            self.state.processes.remove(process)
            self.state.save(self.directory)
            end([process], self._reap)

    def start_again(self, name: str) -> None:
        if name not in (process.name for process in self.state.processes):
            self.start(name, self.state.commands[name])

    def tail(self, name: str, lines: int = 15) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])

    def _reap(self, pid: int) -> None:
        """A child that ended stays a zombie until its parent asks for it."""
        if child := self._children.get(pid):
            child.poll()

    def end(self) -> None:
        end(list(reversed(self.state.processes)), self._reap)
        clean(self.directory)

    def end_but_keep_logs(self) -> None:
        """After a start that failed, the logs are what one wants to see."""
        kept = self.directory.parent / "failed-logs"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.directory / "logs", kept)
        self.end()


def _command(pid: int) -> str | None:
    """What *pid* runs now, None where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def end(processes: list[Process], reap: Callable[[int], None] = lambda _: None, patience: float = 5.0) -> None:
    """Ask politely, then insist; returns when all are gone."""

    def gone() -> bool:
        for process in processes:
            reap(process.pid)
        return not any(process.alive() for process in processes)

    for process in processes:
        process.signal(signal.SIGTERM)
    try:
        poll(gone, "programs ended", patience, every=0.05)
    except TestbedError:
        for process in processes:
            process.signal(signal.SIGKILL)
        poll(gone, "programs ended", every=0.05)


def clean(directory: Path) -> None:
    """End whatever a testbed left running and remove what it left behind."""
    if not (directory / STATE_FILE).exists():
        shutil.rmtree(directory, ignore_errors=True)
        return
    state = State.load(directory)
    end(list(reversed(state.processes)))
    if state.network:
        subprocess.run(["ip", "netns", "delete", state.network], check=False, capture_output=True)
    if cgroup := state.facts.get("cgroup"):
        cgroups.remove(cgroup)
    shutil.rmtree(directory)


def state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hubops-testbed"


def sweep() -> list[str]:
    """Clean up after owners that died without doing so; returns the names of what was cleaned.

    One at a time: several that begin at once would take the same folders from under each other.
    """
    swept = []
    state_home().mkdir(parents=True, exist_ok=True)
    with (state_home() / ".sweeping").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for directory in sorted(state_home().glob("*/")):
            try:
                owner = State.load(directory).owner
            except FileNotFoundError:  # about to be made, or being removed by its owner
                continue
            if owner and not owner.alive():
                clean(directory)
                swept.append(directory.name)
    return swept


def myself() -> Process:
    started = start_time(os.getpid())
    assert started is not None
    return Process("owner", os.getpid(), started)
