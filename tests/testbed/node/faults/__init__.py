"""Every trial on the real node: what is wrong, and what only looks so."""

from __future__ import annotations

from tests.testbed.node.faults import cluster, configuration, containers, healthy
from tests.testbed.node.faults.base import Expected, Trial, start

FAULTS: tuple[Trial, ...] = (*containers.FAULTS, *configuration.FAULTS, *cluster.FAULTS)
FINE: tuple[Trial, ...] = healthy.FINE

__all__ = ["FAULTS", "FINE", "Expected", "Trial", "start"]
