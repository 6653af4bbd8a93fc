"""The exceptions that cross the rooms of hubops.

    HubopsError                     one clear sentence for the operator; `exit_code` says how the process ends
    ├── UsageError                  64  a flag or argument that cannot be used
    ├── ConfigError                 64  hubops.yaml, a check file or an environment variable that cannot be used
    ├── SnapshotError               64  a snapshot file that is damaged, truncated, foreign or from the future
    ├── Locked                      75  another run that changes the cluster is at work
    ├── ClusterUnreachable          69  the API server did not answer, or refused the credentials
    ├── StepFailed                  2   a step of an installation did not come to its end; the next run goes on from it
    └── SourceError                     one source could not be read (becomes *unknown*, never the end of a run)
        ├── Retryable                   may work when tried again: connection lost, 429, 5xx
        └── Permanent                   will not work when tried again: 401, 403, 404, a bad query

Third-party exceptions are translated into these where they enter, in hubops.clients. Callers decide by type and
never by the text of a message.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of the public contract (`hubops --help` lists them)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3
    USAGE = 64
    UNREACHABLE = 69
    BUG = 70
    LOCKED = 75
    INTERRUPTED = 130


class HubopsError(Exception):
    """Something an operator can act on; its text is one sentence without a traceback."""

    exit_code: Exit = Exit.BUG


class UsageError(HubopsError):
    """A flag or an argument that cannot be used."""

    exit_code = Exit.USAGE


class ConfigError(HubopsError):
    """A configuration or check file that cannot be used; the text names the file and the key."""

    exit_code = Exit.USAGE


class SnapshotError(HubopsError):
    """A snapshot file that cannot be trusted: damaged, truncated, foreign, or written by a newer hubops."""

    exit_code = Exit.USAGE


class Locked(HubopsError):
    """Another run holds the lock, and is alive."""

    exit_code = Exit.LOCKED


class StepFailed(HubopsError):
    """A step that changes a cluster did not come to its end. Nothing else was damaged; the next run goes on from it.

    `details` are lines about what stood in its way: events, logs, the runbook.
    """

    exit_code = Exit.CRITICAL

    def __init__(self, message: str, *, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details


class ClusterUnreachable(HubopsError):
    """The API server did not answer, or refused the credentials."""

    exit_code = Exit.UNREACHABLE


class SourceError(HubopsError):
    """One source could not be read. The run goes on; the checks that need the source become unknown."""

    exit_code = Exit.UNKNOWN


class Retryable(SourceError):
    """May work when tried again: a lost connection, a timeout, 429 or 5xx.

    `retry_after` is the pause in seconds that the server asked for, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(SourceError):
    """Will not work when tried again: refused, not served, or a query the server cannot read.

    `status` is the HTTP status where there was one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
