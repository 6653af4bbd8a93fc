"""What Gatekeeper decides about objects, asked of gator, which is Gatekeeper without a cluster."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.stack.rendered import rendered
from tests.testbed import build

Object = dict[str, Any]


@functools.cache
def program() -> str:
    return str(build.programs(families=("gatekeeper",))["gator"])


def templates(site: str) -> dict[str, Object]:
    """The ConstraintTemplates of the stack by the kind that each makes."""
    found = rendered(site)["policy-templates"].objects()
    return {template["spec"]["crd"]["spec"]["names"]["kind"]: template for template in found}


def constraints(site: str) -> dict[str, Object]:
    """The constraints of the stack by name."""
    return {each["metadata"]["name"]: each for each in rendered(site)["policies"].objects()}


def write(file: Path, objects: Iterable[Object]) -> Path:
    file.write_text(yaml.safe_dump_all(objects, allow_unicode=True), encoding="utf-8")
    return file


def verify(folder: Path) -> tuple[bool, str]:
    """Whether all suites in *folder* hold, and what gator says."""
    done = subprocess.run([program(), "verify", f"{folder}/..."], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def violations(folder: Path, site: str, objects: Iterable[Object]) -> list[str]:
    """What the constraints of *site* say against *objects*, whatever they do about it. *folder* is for its files."""
    policies = write(folder / "policies.yaml", [*templates(site).values(), *constraints(site).values()])
    judged = write(folder / "objects.yaml", objects)
    argv = [program(), "test", "-f", str(policies), "-f", str(judged), "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [each["msg"] for each in json.loads(done.stdout or "[]") or []]
