"""The hosts of the platform, seen from this machine: evidence "hosts"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from hubops.clients.hosts import HostClient, Resolved, resolve, resolver_knows
from hubops.clients.retry import Deadline
from hubops.collect.part import Part, Progress, nothing, status_of
from hubops.collect.sources import SourceRead, said
from hubops.collect.threads import gather
from hubops.config import PlatformConfig
from hubops.errors import SourceError
from hubops.model.hosts import Host
from hubops.model.kube.kinds import Objects
from hubops.model.snapshot import SWITCHED_OFF

EVIDENCE = "hosts"
#: Hosts that are looked at at once: each is one connection, or two.
AT_ONCE = 8
#: Steps that one host may take its time for: a connection, a handshake, an answer, all twice, and the resolver's own.
_STEPS = 8
_NO_DOMAIN = f"{SWITCHED_OFF}: hubops.yaml names no host of the platform (platform.domain)"


def read_hosts(config: PlatformConfig, objects: Objects, *, deadline: Deadline, progress: Progress) -> SourceRead:
    """What this machine sees of the configured hosts, and the addresses of load balancers known by name only.

    Where the resolver answers for nothing, all is unread. Where nothing came back from any host, each is unknown: the
    fault may be this machine's. Raises ConfigError for a CA file that cannot be used.
    """
    began = time.monotonic()
    names = host_names(config, objects)
    if not names:
        return SourceRead(part=nothing([EVIDENCE], _NO_DOMAIN))
    client = HostClient(ca_file=config.ca_file, timeout=config.timeout.total_seconds())
    own = Deadline(min(deadline.remaining(), _STEPS * client.timeout))
    seen = gather(names, client.look, at_once=AT_ONCE, deadline=own, done=partial(_told, progress, len(names)))
    hosts = judged([_host(name, result) for name, result in seen.items()])
    if hosts is None:
        reason = f"this machine's resolver knows none of {len(names)} hosts, nor their top-level domain"
        part = nothing([EVIDENCE], reason)
    else:
        part = Part(
            hosts=hosts, load_balancers=_load_balancers(objects, own), read=(EVIDENCE,), remarks=_remarks(hosts)
        )
    status, reason_said = status_of(part)
    return SourceRead(part=part, source=said(EVIDENCE, status, reason_said, began, url=None, via="this machine"))


def host_names(config: PlatformConfig, objects: Objects) -> tuple[str, ...]:
    """The hosts to look at, each once: the configured ones, then those of Ingresses with TLS where that is wished."""
    names = [name for item in config.hosts if (name := _full(item, config.domain))]
    if config.ingress_hosts:
        tls = (host for ingress in objects.ingresses for item in ingress.spec.tls for host in item.hosts)
        names += sorted(host for host in tls if not host.startswith("*"))
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names))


def _full(name: str, domain: str | None) -> str:
    if "." in name:
        return name
    if not domain:
        return ""
    return domain if name == "@" else f"{name}.{domain}"


def _told(progress: Progress, total: int, done: int) -> None:
    progress(EVIDENCE, done, total)


def _host(name: str, result: Host | SourceError) -> Host:
    return Host(name=name, unknown=str(result)) if isinstance(result, SourceError) else result


def judged(hosts: list[Host], knows: Callable[[str], bool] = resolver_knows) -> tuple[Host, ...] | None:
    """*hosts*; unknown are those that this machine itself may be to blame for. None where it resolves nothing at all.

    A name that does not resolve, while the resolver knows others or at least their top-level domain, is the platform's
    fault, even where it only fails: the servers of the zone do. So is a host that is silent while another is not.
    *knows* says whether the resolver knows the top-level domain of a name.
    """
    failed = [host for host in hosts if host.failed == "resolve"]
    if failed and not any(host.addresses for host in hosts) and not knows(failed[0].name):
        return None
    heard = any(host.status or host.certificate or (host.failed == "connect" and not host.unknown) for host in hosts)
    return tuple(_cleared(host, heard=heard) for host in hosts)


def _cleared(host: Host, *, heard: bool) -> Host:
    """*host* as known where the way to it is: what a proxy says of it proves nothing."""
    known = host.failed == "resolve" or (host.failed == "connect" and heard and not host.proxied)
    return msgspec.structs.replace(host, unknown=None) if known else host


def _remarks(hosts: Iterable[Host]) -> tuple[str, ...]:
    unknown = [host for host in hosts if host.unknown]
    if not unknown:
        return ()
    return (f"{len(unknown)} hosts are unknown from this machine, the first {unknown[0].name}: {unknown[0].unknown}",)


def _load_balancers(objects: Objects, deadline: Deadline) -> dict[str, tuple[str, ...]]:
    """The addresses of the load balancers that are known by name; one that does not resolve is left out."""
    status = [item.status.load_balancer.ingress for item in objects.services]
    names = {entry.hostname for found in status for entry in found if entry.hostname}
    names |= {
        entry.hostname for item in objects.ingresses for entry in item.status.load_balancer.ingress if entry.hostname
    }
    found = gather(sorted(names), resolve, at_once=AT_ONCE, deadline=deadline)
    resolved = {name: result for name, result in found.items() if isinstance(result, Resolved)}
    return {name: result.addresses for name, result in resolved.items() if result.addresses}
