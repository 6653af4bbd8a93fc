"""The proof that a component works, by the name that stack.yaml gives it."""

from __future__ import annotations

from collections.abc import Mapping

from hubops.bootstrap.gate import Gate
from hubops.bootstrap.gates import objects
from hubops.stack.structure import Gate as GateName

GATES: Mapping[GateName, Gate] = {
    "namespaces-labelled": objects.are_served,
    "storage-classes-served": objects.are_served,
    "network-policies-present": objects.are_served,
    "objects-applied": objects.are_served,
}
