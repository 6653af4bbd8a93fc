"""What was restored of a backup beside the objects as they were when it was taken, field by field.

Pure: both sides are read before. What servers set, what Velero changes in every restore, what controllers make anew and
what the drill changed on purpose (`Intended`) are no differences; an intended change that was not made is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from hubops.drill.velero.intended import Intended
from hubops.drill.velero.objects import Key, Object
from hubops.model.backup import Difference


@dataclass
class Comparison:
    """What was compared: objects by kind, and how they differ. `not_compared` counts objects by the reason why not."""

    compared: Counter[str] = field(default_factory=Counter)
    not_compared: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)


def compare(
    original: Mapping[Key, Object], restored: Mapping[Key, Object], mapping: Mapping[str, str], intended: Intended
) -> Comparison:
    """Every object of *original* (as in the backup's tarball) beside the one of *restored*, and what was added.

    The keys of both have the original namespaces; *mapping* leads from these to the scratch namespaces.
    """
    raise NotImplementedError
