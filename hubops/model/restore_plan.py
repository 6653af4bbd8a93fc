"""What is to be done on the day of a restore, step by step. Nobody but the reader does it."""

from __future__ import annotations

import msgspec

SCHEMA = "hubops.restore-plan/v1"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `on` says where its commands are run, `check` what has to be seen before the next step."""

    title: str
    on: str
    commands: tuple[str, ...]
    check: str
    why: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`facts` are what is to be known before the first step: of when the backup is, and what is lost by it."""

    schema: str = SCHEMA
    title: str
    facts: tuple[str, ...]
    steps: tuple[Step, ...]
    back: str  # how to return to what was there before
