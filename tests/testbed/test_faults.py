"""Every fault can be injected and cleared, and then nothing is left of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed import sample
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS, Fault
from tests.testbed.process import poll


@pytest.fixture(params=list(FAULTS.values()), ids=list(FAULTS))
def fault(request: pytest.FixtureRequest, testbed: Testbed) -> Iterator[Fault]:
    chosen: Fault = request.param
    yield chosen
    chosen.clear(testbed)


def test_leaves_no_trace(testbed: Testbed, fault: Fault) -> None:
    fault.inject(testbed)
    fault.clear(testbed)
    left: list[str] = []

    def clean() -> bool:
        left[:] = sample.problems(testbed)
        return not left

    try:
        poll(clean, "healthy again", 20, every=0.5)
    finally:
        assert left == []


def test_names_are_checks_with_variants() -> None:
    for name, fault in FAULTS.items():
        assert name.split("/")[0] == fault.expect.check
        assert fault.expect.check not in fault.also
