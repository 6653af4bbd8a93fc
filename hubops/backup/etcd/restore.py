"""The steps that bring an etcd back from a copy, on a control plane of static pods, as kubeadm makes them. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from hubops.config.backup import EtcdBackupConfig
from hubops.errors import UsageError
from hubops.model.backup import Copy
from hubops.model.quantity import human_bytes, human_duration
from hubops.model.restore_plan import Plan, Step

#: Revisions that the restored etcd is ahead of the copy: more than any cluster writes between two backups. A watcher
#: that had seen a later revision than the copy's must never meet the same number with another content.
BUMP = 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_ASIDE = "/etc/kubernetes/stopped"
_MANIFESTS = "/etc/kubernetes/manifests"


@dataclass(frozen=True)
class Member:
    """A member as it is to be: its name, and where its peers and its clients reach it."""

    name: str
    peer: str
    client: str

    @property
    def host(self) -> str:
        return urlsplit(self.peer).hostname or self.name


def members(initial_cluster: str) -> tuple[Member, ...]:
    """The members of "name=https://10.0.0.1:2380,…", as etcd's flag has them; clients are taken to be at port 2379.

    Raises UsageError.
    """
    found = []
    for part in initial_cluster.split(","):
        name, equals, peer = part.strip().partition("=")
        url = urlsplit(peer)
        if not equals or not _NAME.fullmatch(name) or url.scheme not in ("http", "https") or not url.hostname:
            raise UsageError(f"--initial-cluster: {part!r}: write name=https://ADDRESS:2380, with commas between")
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        found.append(Member(name, peer, f"{url.scheme}://{host}:2379"))
    if len({each.name for each in found}) < len(found):
        raise UsageError("--initial-cluster: a name stands in it twice")
    return tuple(found)


@dataclass(frozen=True)
class Site:
    """What the commands of a plan name. `{name}` in *data* stands for the member's name."""

    copy: Copy
    store: str
    members: Sequence[Member]
    settings: EtcdBackupConfig
    identity: str
    file: str  # where the snapshot lies on each node
    data: str

    def data_of(self, member: Member) -> str:
        return self.data.replace("{name}", member.name)


def plan(site: Site, now: datetime) -> Plan:
    """The steps, in their order."""
    copy, count = site.copy, len(site.members)
    lost = human_duration(now - copy.taken_at)
    nodes = "1 member" if count == 1 else f"{count} members"
    return Plan(
        title=f"Restore etcd of {copy.cluster} to {nodes} from {copy.id}",
        facts=(
            f"The copy is of {copy.taken_at:%Y-%m-%d %H:%M} UTC: what was written in the {lost} since is lost.",
            f"It holds {copy.etcd.keys:,} keys at revision {copy.etcd.revision}, {human_bytes(copy.etcd.size)}, of "
            f"etcd {copy.etcd.version}; take etcdutl and etcdctl of the same minor version.",
            "Running containers go on while the API server is away. What was created after the copy is unknown to "
            "the cluster afterwards: its containers are stopped, its volumes and load balancers stay and are nobody's.",
            "All members are restored from the same file. Do every step on all of its nodes before the next one.",
        ),
        steps=(_fetch(site), _carry(site), _stop(site), *_restores(site), _start(site), _serve(site), _after(site)),
        back=f"Until the API server was started on what was restored, nothing is lost: stop etcd again as in step 3, "
        f"move each data folder away, move {_aside(site.data)} back to {site.data}, and start as in step "
        f"{4 + count}. Afterwards both lines of history have changes of their own, and one of them is lost.",
    )


def _fetch(site: Site) -> Step:
    copy = site.copy
    identity = ["--identity", site.identity] if site.copy.encrypted else []
    words = ["hubops", "restore", "fetch", "etcd", "--copy", copy.id, *identity, "--to", site.file]
    without = f"{site.store}/…/{copy.file}"
    decrypt = f" age --decrypt --identity {shlex.quote(site.identity)} --output {shlex.quote(site.file)} {copy.file}"
    return Step(
        title="Fetch the copy",
        on="a machine that reaches the store and has the age identity",
        why="A machine without hubops fetches it by the store's own tools, "
        + (f"and decrypts it:{decrypt}. " if copy.encrypted else "as it is. ")
        + f"It is {without}.",
        commands=(shlex.join(words), f"sha256sum {shlex.quote(site.file)}"),
        check=f"hubops has compared all checksums; the last command prints {copy.plain_sha256}.",
    )


def _carry(site: Site) -> Step:
    hosts = [each.host for each in site.members]
    file = shlex.quote(site.file)
    return Step(
        title="Carry it to every node of the control plane",
        on="the machine of step 1",
        why="It holds every Secret in the clear: only root may read it, and it is deleted in the last step.",
        commands=tuple(f"scp -p {file} {shlex.quote(f'root@{host}')}:{file}" for host in hosts),
        check="etcdutl snapshot status tells the same hash on all of them: " + site.copy.etcd.hash + ".",
    )


def _stop(site: Site) -> Step:
    names = [*_STATIC, "etcd"]
    moves = [f"mv {_MANIFESTS}/{name}.yaml {_ASIDE}/" for name in names]
    return Step(
        title="Stop the API server and etcd on all of them",
        on=_each(site),
        why="The kubelet stops a static pod whose manifest is gone. No member may serve the old state while another "
        "serves the restored one, and nobody may write. A node that is lost for good is left out here and in "
        "--initial-cluster of every command below; it joins again later, with an empty data folder.",
        commands=(f"mkdir -p {_ASIDE}", *moves, "crictl ps --name '^(kube-apiserver|etcd)$' --quiet"),
        check="The last command prints nothing, on every node. It may take a minute.",
    )


def _restores(site: Site) -> Iterator[Step]:
    initial = ",".join(f"{each.name}={each.peer}" for each in site.members)
    for member in site.members:
        data = site.data_of(member)
        aside = _aside(data)
        words = [
            "etcdutl", "snapshot", "restore", site.file, "--name", member.name, "--initial-cluster", initial,
            "--initial-cluster-token", f"restored-{site.copy.id}", "--initial-advertise-peer-urls", member.peer,
            "--data-dir", data, "--bump-revision", str(BUMP), "--mark-compacted",
        ]  # fmt: skip
        yield Step(
            title=f"Restore the member {member.name}",
            on=f"the node of {member.name}, {member.host}",
            why="A new token, so that no member of before can join by mistake. The revision is raised, and all below "
            "it is marked as compacted, because API servers, controllers and kubelets remember the revisions that they "
            "have seen: without it they would miss what changes until the old number is reached, or take old for new. "
            "So all of them are told to read everything anew.",
            commands=(
                f"mv -T {shlex.quote(data)} {shlex.quote(aside)}",
                shlex.join(words),
                f"chown -R --reference={shlex.quote(aside)} {shlex.quote(data)}",
            ),
            check=f"It ends without an error, and {data}/member is there. The old data stays in {aside}; on a node "
            "that has none leave out the first command and the last.",
        )


def _start(site: Site) -> Step:
    return Step(
        title="Start etcd",
        on=_each(site),
        why="The flags --initial-cluster and --initial-cluster-state of the manifest mean nothing to a data folder "
        "that is there; the names and addresses in it have to be those of the commands above.",
        commands=(f"mv {_ASIDE}/etcd.yaml {_MANIFESTS}/", _etcdctl(site, "endpoint", "health"),
                  _etcdctl(site, "endpoint", "status", "-w", "table")),
        check=f"All {len(site.members)} are healthy, have one leader, and a revision above "
        f"{site.copy.etcd.revision + BUMP:,}. A single member of several is not healthy before the others are started.",
    )  # fmt: skip


def _serve(site: Site) -> Step:
    moves = tuple(f"mv {_ASIDE}/{name}.yaml {_MANIFESTS}/" for name in _STATIC)
    asked = ("kubectl get --raw '/readyz?verbose'", "kubectl get nodes", "kubectl get pods -A")
    return Step(
        title="Start the API server and the controllers",
        on=_each(site),
        why="They were stopped, so that their memory of the lost time is gone, too.",
        commands=(*moves, *asked),
        check="readyz check passed; the nodes are Ready again after a minute; objects are those of the copy.",
    )


def _after(site: Site) -> Step:
    return Step(
        title="Let every node and every controller read anew, and back up",
        on="every node for the first command; then where hubops runs; then the nodes of the control plane",
        why="A kubelet that kept its watch shows pods of the lost time until it reads anew. The next backup has "
        "another cluster id: --new-history says that this is meant.",
        commands=("systemctl restart kubelet", "kubectl get events -A --sort-by=.lastTimestamp",
                  "hubops backup etcd --new-history", "hubops daily", f"rm {shlex.quote(site.file)}"),
        check="The backup succeeded; the round shows what the lost time left behind. Delete the old data folders when "
        "nobody misses anything any more.",
    )  # fmt: skip


def _etcdctl(site: Site, *words: str) -> str:
    endpoints = ",".join(each.client for each in site.members)
    settings = site.settings
    tls = ["--cacert", settings.ca_file, "--cert", settings.cert_file, "--key", settings.key_file]
    secure = endpoints.startswith("https://")
    return shlex.join(["etcdctl", "--endpoints", endpoints, *(tls if secure else ()), *words])


def _aside(data: str) -> str:
    return f"{data.rstrip('/')}.before-restore"


def _each(site: Site) -> str:
    return "every node of the control plane: " + ", ".join(f"{each.name} ({each.host})" for each in site.members)
