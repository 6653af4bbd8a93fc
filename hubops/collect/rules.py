"""Prometheus' rule groups: evidence "rules"."""

from __future__ import annotations

import msgspec

from hubops.clients.prometheus import Prometheus
from hubops.collect.part import Part
from hubops.errors import SourceError

EVIDENCE = "rules"


def read_rules(prometheus: Prometheus, part: Part) -> Part:
    """*part* with the rules; where the server does not give them, with the reason why they are unread."""
    try:
        found = prometheus.rules()
    except SourceError as error:
        return msgspec.structs.replace(part, unread={**part.unread, EVIDENCE: str(error)})
    return msgspec.structs.replace(part, rules=found, read=(*part.read, EVIDENCE))
