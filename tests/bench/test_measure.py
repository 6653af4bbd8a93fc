from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.measure import Subject


def test_time_and_memory_are_those_of_the_program_alone(tmp_path: Path) -> None:
    ballast = bytearray(300_000_000)
    program = "import time; held = bytearray(80_000_000); time.sleep(0.3)"
    subject = Subject("large", [sys.executable, "-c", program])
    subject.run(tmp_path, 60)
    assert 0.3 <= subject.time < 30
    assert 80 < subject.peak < 150
    del ballast


def test_a_program_that_fails_is_no_measurement(tmp_path: Path) -> None:
    subject = Subject("failing", [sys.executable, "-c", "import sys; sys.exit('cannot')"])
    with pytest.raises(RuntimeError, match=r"failing: exit code 1 .*cannot"):
        subject.run(tmp_path, 60)


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    subject = Subject("endless", [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(RuntimeError, match="exit code -9"):
        subject.run(tmp_path, 0.2)
