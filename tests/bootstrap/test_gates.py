"""The table of gates, and the routing tree as a gate walks it: amtool, which is Alertmanager's own, is the judge."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import get_args

import pytest
import yaml

from hubops.bootstrap.gates import GATES
from hubops.bootstrap.gates.routing import receivers
from hubops.clients.alertmanager_config import trimmed
from hubops.stack.structure import Gate
from tests.stack import alertmanager

#: All that a tree can do: a receiver that is inherited, regular expressions, negations, and going on to the next.
TREE = {
    "route": {
        "receiver": "all",
        "routes": [
            {"matchers": ['team =~ "a|b"'], "continue": True, "routes": [
                {"matchers": ["severity = critical"], "receiver": "p"},
            ]},
            {"matchers": ['team != ""', 'zone !~ "x.*"'], "receiver": "zone", "routes": [
                {"matchers": ["severity = info"], "receiver": "quiet", "continue": True},
                {"matchers": ['severity =~ "info|critical"'], "receiver": "loud"},
            ]},
            {"matchers": ["zone = x"], "receiver": "x"},
        ],
    },
    "receivers": [{"name": name} for name in ("all", "p", "zone", "quiet", "loud", "x")],
}  # fmt: skip


def test_every_gate_of_a_stack_is_there() -> None:
    assert set(GATES) == set(get_args(Gate))


@pytest.mark.parametrize("name", ["a tree of every kind", "aws"])
def test_routes_are_walked_as_alertmanager_walks_them(tmp_path: Path, name: str) -> None:
    if name == "aws":
        file = alertmanager.write(tmp_path, name)
    else:
        file = tmp_path / "alertmanager.yaml"
        file.write_text(yaml.safe_dump(TREE))
    route = trimmed(file.read_text()).route
    values = {"team": ("", "a", "analytics", "platform"), "severity": ("", "info", "critical"), "zone": ("", "x", "xy")}
    if name == "aws":
        values["zone"] = ("",)
    told = set()
    for combined in itertools.product(*values.values()):
        labels = {key: value for key, value in zip(values, combined, strict=True) if value}
        found = ",".join(receivers(route, labels))
        assert found == alertmanager.receiver(file, labels), labels
        told.add(found)
    assert len(told) > 4, "labels that all go to the same place would prove nothing"
