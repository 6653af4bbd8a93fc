"""Faults for a while: a test sees them, and the next one nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.testbed import sample
from tests.testbed.bed import Testbed
from tests.testbed.errors import TestbedError
from tests.testbed.faults.base import Fault
from tests.testbed.process import poll


@contextmanager
def injected(bed: Testbed, *faults: Fault) -> Iterator[None]:
    """The faults are there within the block, and after it nothing is left of them."""
    try:
        for fault in faults:
            fault.inject(bed)
        yield
    finally:
        cleared(bed, *faults)


def cleared(bed: Testbed, *faults: Fault) -> None:
    """Clear *faults* until nothing that comes late is left either.

    The scheduler and the controllers write some events only after what these are about has gone.
    """
    left: list[str] = []

    def clean() -> bool:
        for fault in faults:
            fault.clear(bed)
        left[:] = sample.problems(bed)
        return not left

    try:
        poll(clean, "healthy again", every=0.5)
    except TestbedError as error:
        raise TestbedError(f"{error}: {left}") from error
