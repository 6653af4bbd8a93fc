"""Asks everything about a cluster that is known before anything is planned or written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hubops.bootstrap.preflight.finding import Finding, Id, Prospect
from hubops.bootstrap.preflight.identity import identity, secrets
from hubops.bootstrap.preflight.nodes import nodes, version
from hubops.bootstrap.preflight.present import (
    definitions,
    ingress_controllers,
    metrics_apis,
    policies,
    prometheus_operator,
)
from hubops.bootstrap.preflight.rights import rights
from hubops.bootstrap.preflight.storage import default_class, drivers, snapshots
from hubops.errors import SourceError

#: In the order in which they matter; "nodes" tells of "cpu", "memory" and "cloud", too.
_QUESTIONS: tuple[tuple[Id, Callable[[Prospect], Iterable[Finding]]], ...] = (
    ("kubernetes", version),
    ("nodes", nodes),
    ("rights", rights),
    ("storage-drivers", drivers),
    ("snapshots", snapshots),
    ("default-class", default_class),
    ("metrics-apis", metrics_apis),
    ("policies", policies),
    ("ingress-controllers", ingress_controllers),
    ("prometheus-operator", prometheus_operator),
    ("definitions", definitions),
    ("identity", identity),
    ("secrets", secrets),
)


def examine(prospect: Prospect) -> list[Finding]:
    """All findings; what could not be read is "unknown", with its reason."""
    found: list[Finding] = []
    for name, ask in _QUESTIONS:
        try:
            found += ask(prospect)
        except SourceError as error:
            found.append(Finding(name, "unknown", f"could not be looked at: {error}"))
    return found
