"""Alloy's pipeline with the settings of a site: the real stages and rules, without the reading and the sending."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.stack.logs import Pod, program
from tests.stack.rendered import component


class Sent(NamedTuple):
    labels: dict[str, str]
    line: str


def configuration(site: str) -> str:
    """The text that Helm hands to Alloy: the value, through the template engine, whose one word in it are braces."""
    value: str = component(site, "alloy", "stack-current.yaml").chart_values()["alloy"]["configMap"]["content"]
    text = value.replace("{{`{{`}}", "\0")
    assert "{{" not in text, "Helm would take it for a template"
    return text.replace("\0", "{{")


def through(folder: Path, settings: str, pods: Iterable[Pod]) -> list[Sent]:
    """What Alloy with *settings* would send of the logs of *pods*. Raises ValueError with what it says against them."""
    path = folder / "collector.alloy"
    path.write_text(settings)
    asked = [{"discovered": pod.discovered(), "lines": pod.raw()} for pod in pods]
    said = subprocess.run(
        [program("alloy-pipeline"), path], input="".join(json.dumps(each) for each in asked),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        raise ValueError(said.stderr)
    return [Sent(each["labels"], each["line"]) for each in map(json.loads, said.stdout.splitlines())]
