"""What every part of the configuration is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
WholePercent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class Duration(timedelta):
    """A timedelta that configuration writes as "90s", "15m" or "7d"."""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configuration: an unknown key is an error, not a silent default."""
