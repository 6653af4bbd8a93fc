"""What is being done for one component: until when, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubops.bootstrap.gate import Verdict, awaited
from hubops.clients.retry import Deadline


@dataclass(frozen=True)
class Step:
    deadline: Deadline
    say: Callable[[str], None]

    def until(self, ask: Callable[[], Verdict], *, every: float = 2.0) -> Verdict:
        """The verdict of *ask* once it is no longer "waiting". Raises StepFailed when time is over."""
        return awaited(ask, self.deadline, self.say, every=every)
