"""--watch: the round again and again, with what is new, gone or changed. Nothing is kept on disk."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hubops.commands.flow import Round, deliver, rendering
from hubops.deliver import terminal
from hubops.engine.changes import Memory, compare
from hubops.errors import ClusterUnreachable, Exit, HubopsError, UsageError
from hubops.model.change import Change
from hubops.model.report import Report
from hubops.report.watch import failed_line, lines, screen

#: Seconds between two rounds, at least: the cluster has other work than to be looked at.
LEAST = 5.0
#: Changes that are kept in mind.
_KEPT = 100


def watch(prepared: Round, interval: float) -> Exit:
    """Run *prepared* until ^C; returns the exit code of the last round, INTERRUPTED where there was none.

    A cluster that cannot be reached for a while ends nothing. Raises UsageError for what cannot be watched, and in the
    first round whatever else ends a round.
    """
    _verify(prepared, interval)
    watched = _Watched(prepared, interval)
    prepared.name_problems()
    try:
        while True:
            watched.look()
            time.sleep(interval)
    except KeyboardInterrupt:
        return watched.code


def _verify(prepared: Round, interval: float) -> None:
    if interval < LEAST:
        raise UsageError(f"--watch: {LEAST:g}s is the shortest interval")
    if prepared.options.snapshot_file:
        raise UsageError("--watch looks at a cluster that changes, and --snapshot is one moment")
    for output in prepared.outputs:
        if output.path is None and output.format not in ("rich", "plain"):
            raise UsageError(f"--watch shows its rounds on standard output; give {output.format} a file")


@dataclass
class _Watched:
    """What has been seen so far."""

    prepared: Round
    interval: float
    number: int = 0
    code: Exit = Exit.INTERRUPTED
    memory: Memory | None = None
    report: Report | None = None
    changes: list[Change] = field(default_factory=list)

    def look(self) -> None:
        """One round, and what it shows."""
        self.number += 1
        try:
            report, self.code = self.prepared.run()
        except HubopsError as error:
            if self.memory is None and not isinstance(error, ClusterUnreachable):
                raise
            self.code = error.exit_code
            self._failed(str(error))
            return
        first = self.memory is None
        found, self.memory = compare(self.memory, report)
        self.report = report
        self.changes = [*self.changes, *found][-_KEPT:]
        deliver(report, [output for output in self.prepared.outputs if output.path], self.prepared.runbooks)
        if self._drawn:
            self._draw("")
        else:
            terminal.send(lines(report, self.number, found, first=first))

    @property
    def _drawn(self) -> bool:
        """Whether the terminal shows the last round alone, rather than one after the other."""
        shown = {output.format for output in self.prepared.outputs if output.path is None}
        return "plain" not in shown and terminal.redraws()

    def _failed(self, reason: str) -> None:
        if self._drawn:
            before = f"; below is what was seen at {self.report.taken_at:%H:%M:%S}" if self.report else ""
            self._draw(f"; NOT READ: {reason}{before}")
        else:
            terminal.send(failed_line(datetime.now(UTC), self.number, reason))

    def _draw(self, remark: str) -> None:
        status = f"{self.prepared.name} every {self.interval:g} s, round {self.number}, ^C ends{remark}"
        options = rendering(self.prepared.runbooks)
        if self.number == 1:
            terminal.send("\n" * terminal.height())  # what stood there before stays above
        terminal.redraw(screen(self.report, status, self.changes, options, terminal.height() - 2))
