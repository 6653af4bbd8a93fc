"""deploy/reader.yaml: the rights that the rounds need, no more and no less, on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.needs import needs_of
from hubops.journal.entries import KINDS, map_name
from hubops.model.check import Round
from hubops.model.kube.kinds import BY_PLURAL
from tests.testbed.bed import Testbed

ROUNDS: tuple[Round, ...] = ("daily", "weekly", "monthly")
READER = Path(__file__).parents[1] / "deploy" / "reader.yaml"


def granted() -> set[tuple[str, str, str]]:
    """The rights to a group, a resource or a named one of it, and a verb."""
    rules = yaml.safe_load(READER.read_text(encoding="utf-8"))["rules"]
    return {
        (group, resource + name, verb)
        for rule in rules
        for name in ("/" + name if name else "" for name in rule.get("resourceNames", [""]))
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_grants_what_the_checks_need_and_nothing_else() -> None:
    needs = needs_of([check for name in ROUNDS for check in catalog.load().of_round(name)], Config())
    lists = {(BY_PLURAL[plural].group, plural, "list") for plural in needs.kinds}
    lists |= {(name.partition(".")[2], name.partition(".")[0], "list") for name in needs.custom}
    others = {"pods/log", "services/proxy", *(f"configmaps/{map_name(kind)}" for kind in KINDS)}
    assert granted() == lists | {("", name, "get") for name in others}


@pytest.mark.parametrize("name", ROUNDS)
def test_the_role_is_enough(testbed: Testbed, name: str) -> None:
    rules = yaml.safe_load(READER.read_text(encoding="utf-8"))["rules"]
    kubeconfig = testbed.service_account("default", "hubops-reader", *rules)
    done = subprocess.run(
        [sys.executable, "-m", "hubops.cli", name, "--output", "json"],
        capture_output=True, text=True, timeout=180, check=False, env=os.environ | {"KUBECONFIG": str(kubeconfig)},
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert [check for check in report["checks"] if check["status"] == "unknown"] == []
    assert {source["status"] for source in report["sources"]} == {"ok"}
    assert done.returncode == 0
