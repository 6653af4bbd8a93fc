"""One step of a game day for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hubops.model.gameday import GameDay, Scenario
from hubops.model.text import inert
from hubops.report import Options
from hubops.report.page import Page
from hubops.report.protocol.gameday import stopwatch
from hubops.report.runbook import Code, fill_command, parse

_LABELS = 13


def write(day: GameDay, scenario: Scenario, runbooks: Mapping[str, str], now: datetime, options: Options) -> str:
    """The open step of *day*, with the stopwatch; commands have the names of *day* in them."""
    step = scenario.steps[len(day.steps)]
    page = Page(options)
    lost = f", loss + {stopwatch((now - day.lost_at).total_seconds())}" if day.lost_at else ""
    number = f"Step {len(day.steps) + 1} of {len(scenario.steps)}"
    page.blank()
    page.add((f"{number}: {step.title}", "strong"), (f"  {step.phase}{lost}", "quiet"))
    if step.inject:
        page.add(step.inject, label=("Game master", "warning"), column=_LABELS)
    if step.find_out:
        page.add(step.find_out, label=("Team", "info"), column=_LABELS)
    commands = [fill_command(command, day.names) for command in step.commands]
    _show(page, commands)
    if step.runbook:
        page.add(f"hubops runbook {step.runbook}, {step.section}:", label=("Runbook", "strong"), column=_LABELS)
        _show(page, _commands(runbooks.get(step.runbook, ""), step.section, day.names))
    return page.text()


def _show(page: Page, commands: list[str]) -> None:
    for command in commands:
        for line in command.strip("\n").split("\n"):
            page.literal(inert(line))


def _commands(text: str, section: str, names: Mapping[str, str]) -> list[str]:
    """The commands of one section of a runbook."""
    found = []
    for each in parse(text).sections if text else ():
        if each.heading == section:
            found += [fill_command(block.text, names) for block in each.blocks if isinstance(block, Code)]
    return found


def overview(scenarios: Mapping[str, Scenario], options: Options) -> str:
    """The scenarios that there are."""
    page = Page(options)
    for name, each in scenarios.items():
        page.add((name, "strong"), f": {each.title}")
        page.add(each.about, indent=4)
        page.blank()
    return page.text()


def ended(day: GameDay, options: Options) -> str:
    """What a game day came to, in a line each."""
    page = Page(options)
    page.blank()
    for name, took in (
        ("to detect", day.detect_s), ("to decide", day.decide_s), ("to restore", day.restore_s), ("in all", day.rto_s),
    ):  # fmt: skip
        page.add(stopwatch(took) if took is not None else "not measured", label=name, column=_LABELS)
    return page.text()
