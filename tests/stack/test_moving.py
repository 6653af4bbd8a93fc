"""docs/moving-to-current.md: it names what there is, and what it says to hubops is understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from hubops import content
from hubops.cli import hubops
from hubops.stack.load import load
from tests.stack.rendered import STACKS

TEXT = (Path(__file__).parents[2] / "docs" / "moving-to-current.md").read_text(encoding="utf-8")
PINNED, CURRENT = STACKS


def commands() -> list[list[str]]:
    """The calls of hubops in blocks of shell and between backticks, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    inline = [each for each in re.findall(r"`(hubops [^`]+)`", TEXT) if not re.search(r"[A-Z]{4}", each)]
    found = [shlex.split(line, comments=True) for line in (*lines, *inline) if line.startswith("hubops ")]
    return [list(until_shell(words)) for words in found]


def until_shell(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in {">", "|", "&&"}:
            return
        yield word


def stack_of(words: list[str]) -> str:
    return words[words.index("--stack") + 1] if "--stack" in words else PINNED


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_hubops_understands(words: list[str]) -> None:
    command: click.Command = hubops
    context = click.Context(command)
    rest = words[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found, rest[0]
        command, context, rest = found, click.Context(found, parent=context), rest[1:]
    command.make_parser(context).parse_args(list(rest))  # raises for what it does not know
    stack = load(content.folder("deploy") / stack_of(words))
    assert {name for flag, name in pairwise(rest) if flag == "--only"} <= stack.components.keys()


def test_every_component_of_another_version_is_moved() -> None:
    pinned, current = (load(content.folder("deploy") / name).components for name in STACKS)
    moved = {
        name
        for words in commands()
        if {"upgrade", "apply"} & set(words) and stack_of(words) == CURRENT
        for flag, name in pairwise(words)
        if flag == "--only"
    }
    for name, component in current.items():
        if component.chart:
            assert name in moved
            assert component.chart.version in TEXT
            before = pinned[name].chart if name in pinned else pinned["promtail"].chart
            assert before
            assert before.version in TEXT
