"""A step of a runbook that changes nothing, and what it answered."""

from __future__ import annotations

from typing import Literal

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is shell with the names of the finding filled in; `missing` are those for which there is no value."""

    number: int
    heading: str
    command: str
    missing: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command wrote, its standard error among it, and how it ended.

    `complained` is whether it wrote to standard error. `code` is None for one that did not end by itself.
    """

    text: str
    code: int | None
    complained: bool = False
    ended: Literal["itself", "timeout", "interrupt"] = "itself"
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it did not answer.

        A code alone is an answer: grep found nothing, `hubops check` found something. An error says what is wrong.
        """
        return self.code is None or (self.code != 0 and self.complained)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A step with its answer; None where it was not run."""

    step: Step
    answer: Answer | None = None
