"""Text of whoever can write to the cluster, through the real servers into every format: visible, and inert."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len

from tests.end_to_end.program import Done, Program
from tests.testbed.api import Object
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS, Fault
from tests.testbed.faults.injected import cleared
from tests.testbed.faults.pods import BrokenPods, Event, crash_loop

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://evil.example\x07link\x9b2J \u202egnp.exe\u2066 "
    "zero\u200bwidth \U000e0041 [bold red]markup[/bold red] [/nope] :bomb: <script>alert(1)</script> "
    "<img src=x onerror=alert(1)> [link](http://evil.example) ![i](http://evil.example/i) `code` ``` ~~~ | pipe | "
    "**bold** $(touch pwned) `touch pwned`\r\nFORGED ✔ OK no findings\n# FORGED heading\n\n- FORGED\u2028FORGED "
    "z" + "\u0300" * 40 + " end"
)
LONG = HOSTILE + "x" * 20_000
#: What terminals, browsers and readers act on: controls, formats, surrogates, private and unassigned characters.
ACTIVE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
FORMATS = ("rich", "plain", "json", "markdown")
APP = "vandal"


def status(pod: Object) -> Object:
    made = crash_loop(1, "Error", 14)(pod)
    (container,) = made["containerStatuses"]
    container["state"]["waiting"]["message"] = LONG
    container["lastState"]["terminated"]["message"] = HOSTILE
    return made


def events(pod: Object) -> list[Event]:
    return [("BackOff", HOSTILE, 7), ("Unhealthy\x1b[2J", LONG, 3)]


def pods() -> Fault:
    """Pods whose status, events, image and log lines are hostile."""
    crash = FAULTS["pod-crash-looping"]
    assert isinstance(crash, BrokenPods)
    expect = dataclasses.replace(crash.expect, name=APP)
    image = "registry.example.com/\x1b[31m<b>[red]$(touch pwned)\u202e:1"
    return dataclasses.replace(crash, expect=expect, image=image, status=status, events=events, log=(HOSTILE, LONG))


@pytest.fixture(scope="module")
def reports(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What hubops wrote in each format, and "color" for a terminal, of a cluster with hostile text everywhere."""
    claim = FAULTS["pvc-pending/no-class"]
    broken = pods()
    rule = {
        "alert": "Hostile",
        "expr": "vector(1)",
        "labels": {"severity": "critical", "namespace": "shop", "text": HOSTILE, "service": "[red]\x1b[31m"},
        "annotations": {"summary": HOSTILE, "description": LONG, "runbook_url": "javascript:alert(1)"},
    }
    program = Program(tmp_path_factory.mktemp("hostile"), testbed.kubeconfig)
    try:
        broken.inject(testbed)
        claim.inject(testbed)
        found = testbed.api.get("PersistentVolumeClaim", claim.expect.namespace, claim.expect.name) or {}
        testbed.api.event(found, "ProvisioningFailed", HOSTILE, "persistentvolume-controller", 5)
        testbed.stack.rules("hostile", [rule])
        testbed.stack.wait_firing("Hostile")
        done = run(program)
        assert done.code == 2
        colored = program("daily", "--output", "rich", env={"FORCE_COLOR": "1"})
        yield {name: (program.home / name).read_text() for name in FORMATS} | {"color": colored.out, "err": done.err}
        assert [path.name for path in program.home.iterdir() if path.name not in FORMATS] == []
    finally:
        testbed.stack.rules("hostile", None)
        testbed.stack.wait_firing("Hostile", False)
        cleared(testbed, broken, claim)


def run(program: Program) -> Done:
    return program("daily", *(flag for name in FORMATS for flag in ("--output", f"{name}={name}")))


def active(text: str) -> set[str]:
    return {repr(character) for character in text if unicodedata.category(character) in ACTIVE and character != "\n"}


def findings(reports: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(reports["json"])["findings"]
    return found


def test_it_was_there(reports: dict[str, str]) -> None:
    """Each source's text came through, so that the other tests say something."""
    by_check = {finding["check"]: json.dumps(finding) for finding in findings(reports)}
    assert reports["err"] == ""
    for check in ("pod-crash-looping", "critical-alert-firing", "pvc-pending"):
        assert "[bold red]markup[/bold red]" in by_check[check], check
        assert "alert(1)" in by_check[check], check
    crash = next(finding for finding in findings(reports) if finding["ref"]["name"] == APP)
    assert {"log", "object"} <= {evidence["kind"] for evidence in crash["evidence"]}
    claim = next(finding for finding in findings(reports) if finding["check"] == "pvc-pending")
    assert any("alert(1)" in evidence["text"] for evidence in claim["evidence"] if evidence["kind"] == "event")


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_acts(reports: dict[str, str], name: str) -> None:
    assert active(reports[name]) == set()
    assert not [line for line in reports[name].splitlines() if line.lstrip(" #->*|").startswith("FORGED")]
    assert "\u0300" * 6 not in reports[name]
    assert max(len(line) for line in reports[name].splitlines()) < 10_000


def test_json_is_inert_when_it_is_read(reports: dict[str, str]) -> None:
    def texts(value: object) -> Iterator[str]:
        match value:
            case str():
                yield value
            case dict():
                for key, item in value.items():
                    yield from texts(key)
                    yield from texts(item)
            case list():
                for item in value:
                    yield from texts(item)

    for text in texts(json.loads(reports["json"])):
        assert active(text) == set()
        assert "\n" not in text
        assert len(text) <= 4000


def test_the_terminal_keeps_its_width_and_its_colours(reports: dict[str, str]) -> None:
    assert "[bold red]markup[/bold red]" in " ".join(reports["rich"].split())
    assert [line for line in reports["rich"].splitlines() if cell_len(line) > 80] == []
    assert active(re.sub(r"\x1b\[[0-9;]*m", "", reports["color"])) == set()
    assert "\x1b[31mred" not in reports["color"]


def test_markdown_renders_no_html_link_or_image(reports: dict[str, str]) -> None:
    pending = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").parse(reports["markdown"])
    seen: set[str] = set()
    while pending:
        token = pending.pop()
        seen.add(token.type)
        pending.extend(token.children or ())
        if token.type == "inline" and token.content.startswith("FORGED"):
            raise AssertionError(token.content)
    assert not seen & {"html_inline", "html_block", "link_open", "image"}
    assert {"table_open", "fence", "code_inline"} <= seen


def test_commands_run_nothing_else(reports: dict[str, str]) -> None:
    """What is offered to be pasted into a shell has no substitution of the cluster's making in it."""
    commands = reports["plain"].split("\nNEXT\n")[1].split("\nSOURCES\n")[0]
    assert APP in commands
    for line in commands.splitlines():
        unquoted = re.sub(r"'[^']*'", "", line)
        assert "$(" not in unquoted, line
        assert "`" not in unquoted, line
