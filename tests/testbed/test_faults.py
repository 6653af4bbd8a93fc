"""On the healthy platform hubops finds nothing. Of every fault it finds the object and the cause, and nothing besides.

And once a fault is cleared, nothing is left of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.program import in_process
from tests.testbed import sample
from tests.testbed.bed import Testbed
from tests.testbed.errors import TestbedError
from tests.testbed.faults import FAULTS, Expected, Fault
from tests.testbed.faults.injected import cleared
from tests.testbed.process import poll


def daily(testbed: Testbed) -> dict[str, Any]:
    arguments = ("daily", "--config", testbed.config, "--output", "json")
    done = in_process(*arguments, cwd=testbed.directory, environment=os.environ.copy())
    assert done.code in (0, 1, 2), done.err
    return done.report


def is_about(finding: dict[str, Any], expected: Expected) -> bool:
    ref = finding["ref"]
    there = (finding["check"], ref["kind"], ref.get("namespace"), ref["name"])
    return there == (expected.check, expected.kind, expected.namespace, expected.name or ref["name"])


@pytest.fixture(params=list(FAULTS.values()), ids=list(FAULTS))
def fault(request: pytest.FixtureRequest, testbed: Testbed) -> Iterator[Fault]:
    chosen: Fault = request.param
    yield chosen
    chosen.clear(testbed)


def test_healthy_platform_is_quiet(testbed: Testbed) -> None:
    report = daily(testbed)
    assert report["findings"] == []
    assert report["verdict"] == "ok"
    assert sample.problems(testbed) == []


def test_found_then_gone(testbed: Testbed, fault: Fault) -> None:
    fault.inject(testbed)
    found: list[dict[str, Any]] = []

    def seen() -> bool:
        found[:] = daily(testbed)["findings"]
        return any(is_about(finding, fault.expect) for finding in found)

    try:
        poll(seen, f"{fault.name} found", every=0.5)
    except TestbedError as error:
        raise AssertionError(f"{error}, but {[(each['check'], each['summary']) for each in found]}") from error
    (finding,) = (finding for finding in found if is_about(finding, fault.expect))
    assert fault.expect.cause in json.dumps(finding)
    others = {other["check"]: (other["ref"], other["summary"]) for other in found if other is not finding}
    assert others.keys() <= set(fault.also), others
    cleared(testbed, fault)


def test_names_are_checks_with_variants() -> None:
    for name, fault in FAULTS.items():
        assert name.split("/")[0] == fault.expect.check
        assert fault.expect.check not in fault.also
