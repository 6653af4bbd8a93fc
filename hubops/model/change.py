"""What is different between one round and the next."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from hubops.model.check import Severity
from hubops.model.finding import Ref

#: blind and sees are about checks: they can no longer look, or can again.
What = Literal["new", "gone", "changed", "blind", "sees"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. `ref` and `severity` are None where it is about checks and not about an object."""

    at: datetime
    what: What
    checks: tuple[str, ...]
    text: str
    severity: Severity | None = None
    ref: Ref | None = None
