"""The steps of a runbook that change nothing: as they will be run, and with what they answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from hubops.model.step import Answer, Done, Step
from hubops.model.text import inert, redact
from hubops.report import Options, words
from hubops.report.clean import uncoloured
from hubops.report.markdown import code, fence, prose
from hubops.report.page import Page, Part
from hubops.report.runbook import PLACEHOLDERS, Runbook, fill_command
from hubops.report.shell import states

#: Characters of one line of an answer.
LINE = 2000
#: What is for a person to fill in: <name>, <number>, <the old value>. To a shell it would be a redirection.
_BLANK = re.compile(r"<([a-z][a-z0-9 _-]*)>")


def plan(runbook: Runbook, known: Mapping[str, str]) -> tuple[Step, ...]:
    """Every step of *runbook* that is marked as read-only, filled in from *known* (see runbook.values), in order.

    What is shown of a step is what is run: a name that cannot be shown as it is, is not put into a command.
    """
    harmless = {name: value for name, value in known.items() if inert(value) == value}
    chosen = ((heading, step) for heading, step in runbook.steps if step.read_only)
    return tuple(
        _step(number, heading, _dedented(fill_command(step.text, harmless)))
        for number, (heading, step) in enumerate(chosen, start=1)
    )


def _step(number: int, heading: str, command: str) -> Step:
    context = list(states(command))
    blanks = ((match[1], context[match.start()]) for match in _BLANK.finditer(command))
    missing = (name for name, state in blanks if state == "plain" or (name in PLACEHOLDERS and state != "comment"))
    return Step(number=number, heading=heading, command=command, missing=tuple(dict.fromkeys(missing)))


def _dedented(text: str) -> str:
    """*text* without the margin of the list item that it stands in, and with no line break around it."""
    lines = text.strip("\n").split("\n")
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def write_plan(title: str, where: str, steps: Sequence[Step], options: Options) -> str:
    """What will be run, before anybody has agreed to it. *where* names the cluster."""
    page = Page(options)
    ready = sum(not step.missing for step in steps)
    page.add((inert(title), "strong"))
    page.add(f"{words.plural(ready, 'read-only step')} can be run in {inert(where)}:")
    for step in steps:
        page.blank()
        _head(page, step)
        _command(page, step)
        if step.missing:
            page.add((_why_not(step), "warning"), indent=4)
    return page.text()


def write_answer(done: Done, steps: int, options: Options) -> str:
    """One step with its answer, of *steps* in all."""
    page = Page(options)
    _head(page, done.step, steps)
    _command(page, done.step)
    if done.answer is None:
        page.add((_why_not(done.step), "warning"), indent=4)
        return page.text()
    for line in lines(done.answer.text):
        page.verbatim(line)
    failed = done.answer.failed
    page.add((ending(done.answer), "warning" if failed else "quiet"), indent=4)
    return page.text()


def _head(page: Page, step: Step, steps: int = 0) -> None:
    of: Part = (f" of {steps}" if steps else "", "quiet")
    page.add((f"Step {step.number}", "strong"), of, (f"  {step.heading}", "quiet"))


def _command(page: Page, step: Step) -> None:
    for line in step.command.split("\n"):
        page.literal(inert(line))


def _why_not(step: Step) -> str:
    if not step.missing:
        return "Not run: the run was ended before."
    given = " ".join(f"--set {name}=…" for name in step.missing if re.fullmatch(r"[a-z][a-z0-9_]*", name))
    blanks = ", ".join(f"<{name}>" for name in step.missing)
    return f"Not run: it has no value for {blanks}" + (f"; give it with {given}" if given else "; run it by hand.")


def ending(answer: Answer) -> str:
    """How it ended: exit code 0, after 0.4 s."""
    how = {"itself": f"exit code {answer.code}", "timeout": "ENDED: out of time", "interrupt": "ENDED by ^C"}
    failed = "FAILED: " if answer.failed and answer.ended == "itself" else ""
    return f"{failed}{how[answer.ended]}, after {answer.seconds:.1f} s"


def lines(text: str) -> list[str]:
    """The lines of an answer: inert, with credentials redacted, without colours."""
    found = redact(uncoloured(text)).rstrip().splitlines()
    return [inert(line.expandtabs(), limit=LINE).rstrip() for line in found]


def write_document(title: str, about: str, at: datetime, done: Iterable[Done]) -> str:
    """The steps and their answers as Markdown, for the channel of an incident. *about* says of what and where."""
    parts = [f"# {prose(inert(title))}", f"{prose(inert(about))}, {at:%Y-%m-%d %H:%M:%S} UTC."]
    for item in done:
        parts += _documented(item)
    return "\n\n".join(parts) + "\n"


def _documented(item: Done) -> Iterator[str]:
    yield f"## {item.step.number}. {prose(inert(item.step.heading))}"
    yield fence((inert(line) for line in item.step.command.split("\n")), "bash")
    if item.answer is None:
        said = _why_not(item.step)
        yield f"{code(said)}"
        return
    answered = lines(item.answer.text)
    yield fence(answered) if answered else "It wrote nothing."
    yield f"{ending(item.answer).capitalize() if not item.answer.failed else ending(item.answer)}."
