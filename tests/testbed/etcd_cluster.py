"""A scratch etcd with TLS and client certificates, of one member or three, whose members can be lost."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

from tests.testbed import build
from tests.testbed.controlplane import Client
from tests.testbed.errors import TestbedError
from tests.testbed.etcd import Access, Etcd
from tests.testbed.pki import Authority, Pair
from tests.testbed.process import Process, State, Supervisor, free_port, myself, poll


@dataclass(frozen=True)
class Member:
    """One etcd: its name, which is its program's and its data folder's too, and where clients and peers reach it."""

    name: str
    url: str
    peer: str


class EtcdCluster:
    """A running etcd; it ends with this process, or by `end`.

    members   all of it
    access    what a client needs to reach it, at any of its members
    """

    def __init__(self, supervisor: Supervisor, members: tuple[Member, ...]) -> None:
        self.supervisor = supervisor
        self.members = members
        self.pki = Authority(supervisor.directory / "pki")
        self._user = self.pki.sign("etcd-client")
        endpoints = ",".join(each.url for each in members)
        self.access = Access(endpoints, self.pki.certificate, self._user.certificate, self._user.key)

    @classmethod
    def start(cls, folder: Path, members: int = 1, settings: Mapping[str, object] | None = None) -> Self:
        """A new, empty etcd that keeps everything in *folder*, which is made and, by `end`, removed.

        *settings* are flags of etcd, as {"quota-backend-bytes": 2**24}, beside or in place of the usual ones.
        """
        folder.mkdir(parents=True, exist_ok=True)
        addresses = [(f"https://127.0.0.1:{free_port()}", f"https://127.0.0.1:{free_port()}") for _ in range(members)]
        all_members = tuple(Member(f"etcd-{index}", *pair) for index, pair in enumerate(addresses))
        cluster = cls(Supervisor(folder, State(owner=myself())), all_members)
        serving = cluster.pki.sign("etcd-server", addresses=("127.0.0.1", "localhost"))
        program = str(build.programs(families=("etcd",))["etcd"])
        for member in all_members:
            flags = cluster._flags(member, serving) | dict(settings or {})
            cluster.supervisor.start(member.name, [program, *(f"--{key}={value}" for key, value in flags.items())])
        for member in all_members:
            cluster._wait(member)
        return cluster

    def _flags(self, member: Member, serving: Pair) -> dict[str, object]:
        tls = {"cert-file": serving.certificate, "key-file": serving.key, "trusted-ca-file": self.pki.certificate,
               "client-cert-auth": "true"}  # fmt: skip
        return {
            "name": member.name,
            "data-dir": self.data(member),
            "listen-client-urls": member.url,
            "advertise-client-urls": member.url,
            "listen-peer-urls": member.peer,
            "initial-advertise-peer-urls": member.peer,
            "initial-cluster": ",".join(f"{each.name}={each.peer}" for each in self.members),
            "unsafe-no-fsync": "true",
            **tls,
            **{f"peer-{key}": value for key, value in tls.items()},
        }

    def _wait(self, member: Member) -> None:
        ready = Client(self.pki.certificate, self._user).ok(f"{member.url}/health")
        self.supervisor.wait_ready(member.name, ready)

    def data(self, member: Member) -> Path:
        """The folder that the member keeps its data in."""
        return self.supervisor.directory / member.name

    def client(self, member: Member | None = None) -> Etcd:
        """A client of that member, or of the first."""
        return Etcd((member or self.members[0]).url, self.pki.certificate, self._user)

    def leader(self) -> Member | None:
        """The member that leads, by what those say that answer; None while none does."""
        said = {member: status for member in self.members if (status := self._status(member))}
        ids = {status["header"]["member_id"]: member for member, status in said.items()}
        return next((ids[status["leader"]] for status in said.values() if status.get("leader") in ids), None)

    def move_leader(self) -> Member:
        """Let another member lead; returns it."""
        poll(lambda: self.leader() is not None, "a leader that can hand over")
        before, after = self.leader(), self.follower()
        if before is None:
            raise TestbedError("etcd has lost its leader again")
        self._ask(before, "transfer-leadership", {"targetID": self._ask(after, "status")["header"]["member_id"]})
        poll(lambda: self.leader() == after, f"{after.name} leads")
        return after

    def follower(self) -> Member:
        """A member that runs and does not lead."""
        leader = self.leader()
        found = next((each for each in self.members if each != leader and self._status(each)), None)
        if found is None:
            raise TestbedError("etcd has no member that follows")
        return found

    def kill(self, member: Member) -> None:
        """End the member as a power cut would; `restart` brings it back with its data."""
        self._process(member).signal(signal.SIGKILL)
        self.supervisor.stop(member.name)

    def stop(self, member: Member) -> None:
        """End the member in order: a leader hands over first."""
        self.supervisor.stop(member.name)

    def pause(self, member: Member) -> None:
        """The member answers no more, but its connections stay open."""
        self._process(member).signal(signal.SIGSTOP)

    def resume(self, member: Member) -> None:
        self._process(member).signal(signal.SIGCONT)

    def restart(self, member: Member) -> None:
        """Start a member that was ended, and wait until it serves, which needs most of the members."""
        self.supervisor.start_again(member.name)
        self._wait(member)

    def end(self) -> None:
        # Asked politely, the last ones would wait for the others.
        for process in self.supervisor.state.processes:
            process.signal(signal.SIGKILL)
        self.supervisor.end()

    def _process(self, member: Member) -> Process:
        return next(each for each in self.supervisor.state.processes if each.name == member.name)

    def _status(self, member: Member) -> dict[str, Any] | None:
        try:
            return self._ask(member, "status")
        except (requests.ConnectionError, requests.Timeout):
            return None

    def _ask(self, member: Member, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        client = self.client(member)
        answer = client.session.post(f"{client.url}/v3/maintenance/{verb}", json=body or {}, timeout=10)
        if answer.status_code != 200:
            raise TestbedError(f"etcd {verb}: {answer.status_code} {answer.text[:300]}")
        said: dict[str, Any] = answer.json()
        return said
