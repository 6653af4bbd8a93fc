"""Every read-only command of every runbook, run with the real kubectl against the testbed: each of them answers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hubops.model.finding import Ref
from hubops.report.runbook import fill_command, parse, values
from hubops.report.shell import logical_lines
from tests.checks.test_checks import CATALOG
from tests.checks.test_runbooks import OF_ALERTS, TEXTS, findings
from tests.testbed import build
from tests.testbed.api import Object, concurrently
from tests.testbed.bed import Testbed

#: What a command of the platform answers with that this testbed cannot run, and why.
CANNOT = {
    " top ": ("Metrics API not available", "metrics-server measures through real kubelets"),
    ".velero.io": ("the server doesn't have a resource type", "the healthy platform of the testbed has no Velero"),
    "/proxy/stats/summary": ("could not find the requested resource", "a node of kwok measures nothing"),
}
#: Where the healthy platform has a bit of everything: the pods of Deployments, and pods with claims.
APPLICATION, STATEFUL = "shop", "data"


@pytest.fixture(scope="module")
def environment(testbed: Testbed) -> dict[str, str]:
    programs = build.programs(families=("kubectl",))
    path = f"{Path(programs['kubectl']).parent}:{os.environ['PATH']}"
    return os.environ | {"KUBECONFIG": str(testbed.kubeconfig), "PATH": path}


@cache
def pods(testbed: Testbed, namespace: str) -> list[Object]:
    return [pod for pod in testbed.api.list("Pod", namespace) if pod["status"]["phase"] == "Running"]


def with_claim(pod: Object) -> str | None:
    claims = (volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod["spec"].get("volumes", ()))
    return next((claim for claim in claims if claim), None)


def subject(testbed: Testbed, refs: list[Ref]) -> Ref:
    """An object of the testbed of a kind that *refs* name; the first where only hubops has such kinds."""
    if refs[0].kind == "Silence":  # known to Alertmanager alone, by a number that it gives
        return Ref("Silence", testbed.stack.silences()[0]["id"])
    for ref in refs:
        found = testbed.api.list(ref.kind) if testbed.api.serves(ref.kind) else []
        found.sort(key=lambda item: item["metadata"].get("namespace") not in (APPLICATION, STATEFUL))
        if found:
            return Ref(ref.kind, found[0]["metadata"]["name"], found[0]["metadata"].get("namespace"))
    kinds = {ref.kind for ref in refs if testbed.api.serves(ref.kind)}
    assert not kinds, f"the healthy platform has no {' and no '.join(kinds)} to try the runbook on"
    return Ref(refs[0].kind, refs[0].name, APPLICATION if refs[0].namespace else None)


def names(testbed: Testbed, refs: list[Ref], container: str | None = None) -> dict[str, str]:
    """What fills the placeholders: an object like that of the finding, and around it a pod with all that it uses.

    Where the command itself names its *container*, the pod is one that has it.
    """
    about = subject(testbed, refs)
    volumes = about.kind.startswith("PersistentVolume")
    here = pods(testbed, STATEFUL if volumes or about.namespace is None else about.namespace)
    if container:
        here = [pod for pod in pods(testbed, "monitoring") if pod["spec"]["containers"][0]["name"] == container]
    pod = next(pod for pod in here or pods(testbed, APPLICATION) if with_claim(pod) or not volumes)
    app = pod["metadata"]["labels"]["app"]
    stored = next(pod for pod in pods(testbed, STATEFUL) if with_claim(pod))
    claim = testbed.api.get("PersistentVolumeClaim", STATEFUL, with_claim(stored) or "")
    assert claim is not None
    known = {
        "namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"], "app": app, "service": app,
        "container": pod["spec"]["containers"][0]["name"], "image": pod["spec"]["containers"][0]["image"],
        "node": pod["spec"]["nodeName"], "selector": f"app={app}", "port": "8080",
        "claim": claim["metadata"]["name"], "volume": claim["spec"]["volumeName"],
        "storageclass": claim["spec"]["storageClassName"],
    }  # fmt: skip
    return known | ({} if container else values(about))


def commands() -> Iterator[tuple[str, str]]:
    """Every read-only command with the check whose runbook has it."""
    for name, text in TEXTS.items():
        for _, step in parse(text).steps:
            if step.read_only:
                yield from ((name, line) for line in logical_lines(step.text))


def filled(testbed: Testbed, check: str, line: str) -> str:
    """*line* with names that exist; what only the finding knows (an alert, a certificate) as the finding has it."""
    found = findings(check)
    if check in OF_ALERTS:
        here = pods(testbed, APPLICATION)[0]["metadata"]
        line = fill_command(line, {"kind": "Pod", "namespace": here["namespace"], "name": here["name"]})
        # What somebody follows after a loss says themselves which application it is about.
        about = subject(testbed, [Ref("Deployment", "any", APPLICATION)])
        return line.replace("<namespace>", about.namespace or "").replace("<name>", about.name)
    if not found:
        return line
    details = {key: value for finding in reversed(found) for key, value in finding.details.items()}
    literal = re.search(r" -c ([a-z-]+)\b", line)
    known = names(testbed, [finding.ref for finding in found], literal[1] if literal else None)
    return fill_command(line, values(found[0].ref, details) | known)


def trouble(command: str, environment: dict[str, str], folder: Path) -> str | None:
    """What is wrong with the answer to *command*, None where it answers."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True, text=True, timeout=180, check=False, env=environment, cwd=folder,
    )  # fmt: skip
    for part, (answer, _) in CANNOT.items():
        if part in command and answer in done.stderr:
            return None
    # grep ends with 1 where nothing matches, which is an answer; what kubectl could not do stands in its stderr.
    failed = done.returncode not in ((0, 1) if "grep" in command else (0,))
    complains = re.search(r"^(error|Error from server)", done.stderr, re.MULTILINE)
    return f"{command}\n{done.returncode}: {done.stderr}" if failed or complains else None


def test_every_read_only_command_answers(testbed: Testbed, environment: dict[str, str]) -> None:
    tried: dict[str, str] = {}
    for check, line in commands():
        if shlex.split(line)[0] == "hubops":
            assert_hubops(line)
        else:
            tried.setdefault(filled(testbed, check, line), check)
    left = {command: check for command, check in tried.items() if re.search(r"<[a-z-]+>", command)}
    assert left == {}, "placeholders that nothing fills"
    answers: list[str] = []

    def run(command: str) -> None:
        if said := trouble(command, environment, testbed.directory):
            answers.append(f"{tried[command]}: {said}")

    concurrently(run, list(tried))
    assert len(tried) > 100
    assert not answers, "\n".join(sorted(answers))


def assert_hubops(line: str) -> None:
    """A command of hubops' own: what it does is tested elsewhere, that it names checks which exist is tested here."""
    _, verb, *words = shlex.split(line)
    if verb in {"check", "explain"}:
        CATALOG.named(word for word in words if not word.startswith("-"))
