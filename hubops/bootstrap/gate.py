"""What proves that a component works, and how long it is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hubops.bootstrap.target import Target
from hubops.clients.retry import Deadline
from hubops.errors import SourceError, StepFailed
from hubops.stack.render import Rendered
from hubops.stack.site import Site

_SOON = 0.1  # seconds until something is asked for the second time


@dataclass(frozen=True)
class Verdict:
    """What a gate saw. "untried": it cannot be tried here, for the reason in `words`; that is said, and no failure."""

    state: Literal["passed", "waiting", "untried"]
    words: str


@dataclass(frozen=True)
class Installed:
    """What a gate is about: one component of a site, on a cluster."""

    target: Target
    site: Site
    rendered: Rendered


Gate = Callable[[Installed], Verdict]


def passed(words: str) -> Verdict:
    return Verdict("passed", words)


def waiting(words: str) -> Verdict:
    return Verdict("waiting", words)


def untried(words: str) -> Verdict:
    return Verdict("untried", words)


def awaited(
    ask: Callable[[], Verdict], deadline: Deadline, say: Callable[[str], None], *, every: float = 2.0
) -> Verdict:
    """The verdict of *ask* once it is no longer "waiting"; *say* is told what is waited for whenever that changes.

    What cannot be read at the moment is waited for too. It is asked again soon at first, then *every* so many seconds.
    Raises StepFailed with the last words when time is over.
    """
    said, pause = "", _SOON
    while True:
        try:
            verdict = ask()
        except SourceError as error:
            verdict = waiting(str(error))
        if verdict.state != "waiting":
            return verdict
        if verdict.words != said:
            say(verdict.words)
            said = verdict.words
        deadline.pause(pause)
        pause = min(pause * 1.5, every)
        if not deadline.remaining():
            ended = "interrupted" if deadline.cancelled else f"after {deadline.seconds:.0f} s"
            raise StepFailed(f"{said} ({ended})")
