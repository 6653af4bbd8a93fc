"""The platform's documented connections: pods.yaml and flows.yaml, as ends and ports that policies are held against."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hubops.model.kube.networking import NetworkPolicy
from hubops.model.traffic import Peer, Port
from tests.stack.rendered import SITES, component

HERE = Path(__file__).parent
PODS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "pods.yaml").read_text(encoding="utf-8"))["pods"]
ADDRESSES: dict[str, str] = yaml.safe_load((HERE / "pods.yaml").read_text(encoding="utf-8"))["addresses"]
FLOWS: dict[str, list[dict[str, Any]]] = yaml.safe_load((HERE / "flows.yaml").read_text(encoding="utf-8"))
#: Namespaces that the stack leaves alone.
OTHERS = ("kube-system", "default")
EVERY = "*"


@dataclass(frozen=True)
class Flow:
    source: str
    target: str
    port: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}:{self.port}"


@functools.cache
def policies(site: str) -> tuple[NetworkPolicy, ...]:
    """The rendered policies of *site*: all of them are in one component."""
    return tuple(msgspec.convert(each, NetworkPolicy) for each in component(site, "network-policies").objects())


@functools.cache
def peer(name: str) -> Peer:
    """The end of a connection with that *name* in pods.yaml."""
    if name in ADDRESSES:
        return Peer(ip=ADDRESSES[name], namespace_labels={})
    namespace = name.partition("/")[0]
    return Peer(
        ip=f"10.244.{sorted(PODS).index(name) // 250}.{sorted(PODS).index(name) % 250 + 1}",
        ports=tuple(port(str(number), called) for called, number in PODS[name].get("ports", {}).items()),
        namespace=namespace,
        namespace_labels={"kubernetes.io/metadata.name": namespace},
        labels=PODS[name]["labels"],
    )


def port(written: str, name: str = "") -> Port:
    number, _, protocol = written.partition("/")
    return Port(protocol=protocol or "TCP", number=int(number), name=name)


def port_of(flow: Flow) -> Port:
    """The port that *flow* goes to, with the name that the target's pod gives it."""
    asked = port(flow.port)
    named = (each for each in peer(flow.target).ports if (each.number, each.protocol) == (asked.number, asked.protocol))
    return next(named, asked)


@functools.cache
def namespaces(site: str) -> set[str]:
    """The namespaces that the policies of *site* are in."""
    return {policy.namespace for policy in policies(site)}


def flows(kind: str, site: str) -> Iterator[Flow]:
    """The flows that are *kind* (allowed or denied) at *site*, those of every pod one by one."""
    for item in FLOWS[kind]:
        if "title" in item or site not in item.get("sites", SITES):
            continue
        for source in _ours(site) if item["from"] == EVERY else [item["from"]]:
            yield Flow(source, item["to"], str(item["port"]))


def _ours(site: str) -> list[str]:
    return [name for name in PODS if name.partition("/")[0] in namespaces(site)]


def table(kind: str) -> str:
    """The flows that are *kind* as Markdown: a table for each title."""
    lines: list[str] = []
    for item in FLOWS[kind]:
        if "title" in item:
            lines += ["", f"### {item['title']}", "", "| from | to | port | for | where |", "|---|---|---|---|---|"]
            continue
        where = ", ".join(item.get("sites", ())) or "everywhere"
        source = "every pod" if item["from"] == EVERY else item["from"]
        what = item["for"].replace("<", "&lt;")
        lines.append(f"| {source} | {item['to']} | {item['port']} | {what} | {where} |")
    return "\n".join(lines).strip()
