"""SIGKILL at each step, and at any moment: the next run always comes to the same end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bootstrap import stand_ins
from tests.bootstrap.repository import Repository
from tests.bootstrap.test_apply import Bootstrap, bed, bootstrap, program, state  # noqa: F401
from tests.testbed.bed import Testbed

#: What a run says when it begins each of its steps, in a run from nothing.
STEPS = (
    "namespaces: planning",
    "namespaces: manifests",
    "paint: planning",
    "paint: custom resource definitions",
    "paint: helm install",
    "paint: Deployment paint/paint",
    "paint: gate",
    "shop: helm install",
    "colors: manifests",
    "colors: gate",
)


def test_killed_at_each_step(
    bootstrap: Bootstrap,
    killed: Callable[[str], None],
    bed: Testbed,
    repository: Repository,  # noqa: F811
) -> None:
    for step in STEPS:
        killed(step)
    done = bootstrap("apply", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    wanted = state(bed)
    assert wanted["colors"] == {"red": {"hex": "ff0000"}, "blue": {"hex": "0000ff"}}
    assert all('"complete":true' in record["record.json"] for record in wanted["records"].values())
    assert "Nothing to change." in bootstrap("apply", "--yes").stdout
    assert state(bed) == wanted


@pytest.fixture
def killed(bed: Testbed, helms: dict[str, Path], tmp_path: Path) -> Callable[[str], None]:  # noqa: F811
    """Runs apply until it says something that begins with the given words, and kills it there, with its helm."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    environment["HUBOPS_CONFIG"] = str(Path(stand_ins.__file__).parents[1] / "stack" / "sites" / "none.yaml")

    def run(words: str) -> None:
        arguments: list[Any] = [sys.executable, "-m", "hubops.cli", "bootstrap", "apply", "--yes"]
        arguments += ["--stack", tmp_path / "stack" / "stack.yaml", "--kubeconfig", bed.kubeconfig]
        arguments += ["--helm", helms["helm"]]
        process = subprocess.Popen(
            arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
            start_new_session=True,
        )  # fmt: skip
        assert process.stderr
        for line in process.stderr:
            if line.partition("  ")[2].startswith(words):
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        helm = [int(each) for each in children.read_text().split()] if children.exists() else []
        process.kill()
        for each in helm:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        process.stderr.close()

    return run
