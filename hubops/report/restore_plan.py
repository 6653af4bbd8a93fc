"""A restore plan as Markdown that reads well on a terminal, too."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hubops.model.restore_plan import Plan, Step

_WIDTH = 100


def text(plan: Plan) -> str:
    """*plan* with its commands on lines of their own, as they are to be pasted."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield f"# {plan.title}"
    yield ""
    for fact in plan.facts:
        yield from textwrap.wrap(fact, _WIDTH, initial_indent="- ", subsequent_indent="  ")
    for number, step in enumerate(plan.steps, 1):
        yield ""
        yield from _step(number, step)
    yield ""
    yield "## The way back"
    yield ""
    yield from textwrap.wrap(plan.back, _WIDTH)


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"## {number}. {step.title}"
    yield ""
    yield f"On: {step.on}"
    yield ""
    if step.why:
        yield from textwrap.wrap(step.why, _WIDTH)
        yield ""
    for command in step.commands:
        yield from (f"    {line}" for line in command.splitlines())
    yield ""
    yield from textwrap.wrap(step.check, _WIDTH, initial_indent="Check: ", subsequent_indent="       ")
