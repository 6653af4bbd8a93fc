"""Every fault that can be injected, by name."""

from __future__ import annotations

from tests.testbed.errors import TestbedError
from tests.testbed.faults import (
    applications,
    cluster,
    controlplane,
    lifecycle,
    network,
    nodes,
    observability,
    pods,
    scaling,
    scheduling,
    signals,
    storage,
    workloads,
)
from tests.testbed.faults.base import Expected, Fault

_MODULES = (
    network,
    pods,
    lifecycle,
    scheduling,
    cluster,
    signals,
    scaling,
    storage,
    nodes,
    applications,
    controlplane,
    observability,
    workloads,
)

FAULTS: dict[str, Fault] = {fault.name: fault for module in _MODULES for fault in module.FAULTS}


def matching(name: str) -> list[Fault]:
    """The fault of that name, or all variants of that check."""
    found = [fault for fault in FAULTS.values() if fault.name == name or fault.name.startswith(f"{name}/")]
    exact = [fault for fault in found if fault.name == name]
    if not found:
        raise TestbedError(f"no fault {name}; there are: {', '.join(FAULTS)}")
    return exact or found


__all__ = ["FAULTS", "Expected", "Fault", "matching"]
