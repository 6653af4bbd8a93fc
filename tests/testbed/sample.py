"""The healthy platform (stub)."""
from __future__ import annotations
from collections.abc import Callable
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from tests.testbed.bed import Testbed
def apply(bed: Testbed, say: Callable[[str], None]) -> None:
    pass
