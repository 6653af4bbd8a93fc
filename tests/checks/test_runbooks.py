"""Every runbook is complete, its commands exist, and its read-only steps change nothing."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hubops.model.finding import Finding
from hubops.report.runbook import PLACEHOLDERS, SECTIONS, Code, fill_command, next_command, parse, values
from hubops.report.shell import PLACEHOLDER, logical_lines
from tests.checks.test_checks import CATALOG, CHECKS, HERE, files, judge
from tests.testbed import build

FOLDER = HERE.parents[1] / "runbooks"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[!_]*.md"))}

#: Runbooks about what no check judges: those of alerts, which tests/stack/test_rules.py holds to their alerts, and
#: those of worse days, to which other runbooks lead.
OF_ALERTS = set(TEXTS) - {check.id for check in CATALOG.checks}
#: What the runbook of an alert is filled in with: `hubops runbook <id> --for <ref>`.
OF_REFS = {"kind", "namespace", "name"}

#: What a read-only step may consist of: the first words of a command without its flags.
READS = {
    "kubectl": {"get", "describe", "logs", "top", "events", "explain", "version", "rollout history", "rollout status"},
    "hubops": {
        "check", "daily", "weekly", "monthly", "list", "explain", "runbook", "restore plan",
        "backup status", "backup etcd list", "backup volumes list", "backup volumes show", "drill status",
        "backup velero list", "backup velero show", "backup velero coverage", "backup velero schedule list",
    },
    "grep": {""},
}  # fmt: skip
#: What a command that reads an object from its input gets.
_OBJECT = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}'


@cache
def findings(name: str) -> tuple[Finding, ...]:
    """What the fixtures of the check lead to."""
    paths = [path for path in files("fires*") if path.parent.name == name]
    return tuple(finding for path in paths for finding in judge(path, [CHECKS[name]])[1].findings)


def commands(text: str) -> Iterator[tuple[str, Code]]:
    """Every command of a step, on one line, with the step that it stands in."""
    for _, step in parse(text).steps:
        for line in logical_lines(step.text):
            yield line, step


def placeholders(text: str) -> set[str]:
    return {match[1] for match in PLACEHOLDER.finditer(text) if match[1] in PLACEHOLDERS}


def test_every_runbook_belongs_to_a_check_or_to_an_alert_or_to_another_runbook() -> None:
    rules = (HERE.parents[1] / "deploy" / "monitoring" / "rules").glob("*.yaml")
    told = {name for file in rules for name in re.findall(r">>([a-z-]+)\.md", file.read_text(encoding="utf-8"))}
    assert {check.id for check in CATALOG.checks} <= set(TEXTS)
    led = {name for own, text in TEXTS.items() for name in re.findall(r"hubops runbook ([a-z-]+)", text) if name != own}
    assert led <= set(TEXTS)
    assert told | led >= OF_ALERTS


@pytest.mark.parametrize("name", TEXTS)
def test_the_runbook_has_the_title_of_its_check_and_all_sections(name: str) -> None:
    runbook = parse(TEXTS[name])
    assert name in OF_ALERTS or runbook.title == CATALOG.get(name).title
    assert tuple(section.heading for section in runbook.sections) == SECTIONS
    for section in runbook.sections:
        written = " ".join(block if isinstance(block, str) else block.text for block in section.blocks)
        assert len(written) > 80, f"{section.heading} is hollow"
    with_steps = {heading for heading, _ in runbook.steps}
    assert {"Diagnosis", "Mitigation", "Verify"} <= with_steps


@pytest.mark.parametrize("name", CHECKS)
def test_every_finding_has_a_next_command_which_is_the_first_step_of_the_diagnosis(name: str) -> None:
    diagnosis = next(step for heading, step in parse(TEXTS[name]).steps if heading == "Diagnosis")
    assert diagnosis.read_only
    first = next(logical_lines(diagnosis.text))
    assert findings(name)
    for finding in findings(name):
        filled = next_command(finding, TEXTS[name])
        assert filled is not None
        assert "<" not in filled
        # What was killed for memory may be a node: there is no pod to ask, and the first step about nodes it is.
        if "pod" in finding.details or name != "pod-oom-killed":
            assert filled == fill_command(first, values(finding.ref, finding.details)), finding


@pytest.mark.parametrize("name", CHECKS)
def test_every_name_in_it_is_known_to_some_finding(name: str) -> None:
    known = {key for finding in findings(name) for key in values(finding.ref, finding.details)}
    assert placeholders(TEXTS[name]) <= known


@pytest.mark.parametrize("name", sorted(OF_ALERTS))
def test_the_runbook_of_an_alert_needs_no_more_than_its_object(name: str) -> None:
    assert placeholders(TEXTS[name]) <= OF_REFS


@pytest.mark.parametrize("name", TEXTS)
def test_read_only_steps_only_read_and_the_others_do_more(name: str) -> None:
    for _, step in parse(TEXTS[name]).steps:
        lines = list(logical_lines(step.text))
        only_reads = bool(lines) and all(_reads(line) for line in lines)
        assert only_reads or not step.read_only, step.text
        assert step.read_only or not only_reads, f"could be marked read-only: {step.text}"


def _reads(line: str) -> bool:
    parts = re.split(r"(?<!\\)\|(?![^']*'(?:[^']*'[^']*')*[^']*$)", line)
    return ">" not in re.sub(r"'[^']*'|<[^<>]*>", "", line) and all(_reads_alone(part) for part in parts)


def _reads_alone(command: str) -> bool:
    program, *words = shlex.split(command)
    plain = " ".join(_without_flags(words))
    return any(plain.startswith(verb) for verb in READS.get(program, ()))


def _without_flags(words: list[str]) -> Iterator[str]:
    """*words* without flags; -n and -o take the next word."""
    skip = False
    for word in words:
        if not word.startswith("-") and not skip:
            yield word
        skip = word in {"-n", "-o", "-l", "-c"}


@pytest.mark.parametrize("name", TEXTS)
def test_commands_are_shell(name: str) -> None:
    for _, step in parse(TEXTS[name]).steps:
        done = subprocess.run(["bash", "-n"], input=_concrete(step.text), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + step.text


def _concrete(command: str) -> str:
    """*command* with every name filled in, those in {braces} and those in <angles>."""
    filled = PLACEHOLDER.sub(lambda match: "x" if match[1] in PLACEHOLDERS else match[0], command)
    return re.sub(r"<[a-z][^<>\n]*>", "1", filled)


def _kind_of(command: str) -> tuple[str, ...]:
    """The verb of a command and its flags, without their values: what kubectl judges before it connects."""
    words = shlex.split(command.partition(" -- ")[0])
    verbs = list(_without_flags(words[1:]))[:2]
    return (*verbs, *sorted({word.partition("=")[0] for word in words if word.startswith("-")}))


@pytest.fixture(scope="module")
def kubectl() -> str:
    return str(build.programs(families=("kubectl",))["kubectl"])


def test_kubectl_knows_every_command_and_flag(tmp_path: Path, kubectl: str) -> None:
    """Asked of the real kubectl, with a server that is not there: it judges its arguments before it connects."""
    lines = {_concrete(line) for text in TEXTS.values() for line, _ in commands(text)}
    asked = [part.strip() for line in lines for part in line.split(" | ") if part.strip().startswith("kubectl ")]
    distinct = {_kind_of(command): command for command in sorted(asked)}
    assert len(distinct) > 40
    (tmp_path / "x.yaml").write_text(_OBJECT, encoding="utf-8")
    for command in distinct.values():
        words = shlex.split(re.sub(r" > \S+$", "", command))
        server = ["--server=http://127.0.0.1:1", "--request-timeout=1s", f"--cache-dir={tmp_path}"]
        done = subprocess.run(
            [kubectl, *server, *words[1:]],
            capture_output=True, text=True, check=False, input=_OBJECT, cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")},
        )  # fmt: skip
        local = done.returncode == 0 and "--dry-run=client" in command
        # A file that only the reader has is asked for once the flags were understood.
        local |= bool(re.search(r'the path "[^"]+" does not exist|Cannot read file', done.stderr))
        assert local or "127.0.0.1:1" in done.stderr, f"{command}\n{done.stderr}"


def test_kubectl_can_read_every_output_template(kubectl: str) -> None:
    """Templates are only read when there is something to print: here a ConfigMap that lacks all fields they ask for."""
    outputs = [
        word
        for text in TEXTS.values()
        for line, _ in commands(text)
        for word in shlex.split(_concrete(line))
        if word.startswith(("jsonpath=", "custom-columns="))
    ]
    paths = {path for output in outputs for path in _paths(output)}
    assert len(paths) > 20
    for path in sorted(paths):
        made = [kubectl, "create", "configmap", "x", "--dry-run=client", "-o", f"jsonpath={path}"]
        done = subprocess.run(made, capture_output=True, text=True, check=False)
        assert done.returncode == 0, path + done.stderr


def _paths(output: str) -> list[str]:
    """The JSONPath templates of an output; a column holds one without its braces."""
    kind, _, template = output.partition("=")
    if kind == "jsonpath":
        return [template]
    return [f"{{{column.partition(':')[2]}}}" for column in template.split(",")]
