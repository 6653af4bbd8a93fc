"""How long a program takes and how much memory at most, from the outside."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Subject:
    """A command that is measured; `allowed` are the exit codes with which it did its work."""

    name: str
    command: Sequence[str]
    allowed: frozenset[int] = frozenset({0})
    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)  # MB

    def run(self, folder: Path, timeout: float) -> None:
        """Run it once. Raises RuntimeError with what it said where it failed, or took longer than *timeout* seconds."""
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            began = time.monotonic()
            process = subprocess.Popen(self.command, stdout=out, stderr=err)
            status, peak = _wait(process, began + timeout)
            took = time.monotonic() - began
        if status not in self.allowed:
            said = (folder / "err").read_text(errors="replace")[-500:]
            raise RuntimeError(f"{self.name}: exit code {status} after {took:.0f} s: {said}")
        self.seconds.append(took)
        self.peaks.append(peak)

    @property
    def time(self) -> float:
        """Median, in seconds."""
        return median(self.seconds)

    @property
    def peak(self) -> float:
        """The most memory of all runs, in MB."""
        return max(self.peaks)


def _wait(process: subprocess.Popen[bytes], give_up: float) -> tuple[int, float]:
    """The exit code and the peak of the resident set in MB.

    Looked up while it runs: what wait4 tells afterwards counts the memory of the process that started it as well.
    """
    peak = 0.0
    while process.poll() is None:
        peak = _high_water(process.pid) or peak
        if time.monotonic() > give_up:
            process.kill()
        time.sleep(0.01)
    return process.returncode, peak


def _high_water(pid: int) -> float | None:
    """The most memory that *pid* has had so far, in MB; None for one that is about to end and has none."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM:")), None)
