"""Loki: numbers from logs (instant queries), the last lines of a stream, and which labels there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from hubops.clients.answer import Result, enveloped, refusal, samples
from hubops.clients.http import Transport
from hubops.clients.retry import Deadline, OutOfTime, retrying
from hubops.errors import Permanent
from hubops.model.snapshot import LogLine, Sample
from hubops.model.text import inert

T = TypeVar("T")

_SERVER = "Loki"


class _Stream(msgspec.Struct, frozen=True):
    #: [nanoseconds, line], and since Loki 2.9 perhaps the line's structured metadata.
    values: tuple[tuple[Any, ...], ...] = ()


class Loki:
    """One server; every call is tried again within the deadline and raises Retryable or Permanent when it fails."""

    def __init__(self, transport: Transport, *, timeout: float, deadline: Deadline) -> None:
        self._transport = transport
        self._timeout = timeout
        self._deadline = deadline

    def query(self, logql: str, at: datetime) -> tuple[Sample, ...]:
        """The series of a metric query at the moment *at*. An error names the query."""
        with _naming(logql):
            data = self._get("/loki/api/v1/query", {"query": logql, "time": _nanoseconds(at)})
            return samples(_as(data, Result), _SERVER)

    def lines(self, logql: str, start: datetime, end: datetime, limit: int) -> tuple[LogLine, ...]:
        """The last *limit* lines from *start* to before *end*, oldest first, of all streams that *logql* selects."""
        asked = {
            "query": logql,
            "start": _nanoseconds(start),
            "end": _nanoseconds(end),
            "limit": str(limit),
            "direction": "backward",
        }
        with _naming(logql):
            data = _as(self._get("/loki/api/v1/query_range", asked), Result)
            if data.result_type != "streams":
                raise Permanent(f"{_SERVER}: the query yields {inert(data.result_type)}, not log lines")
            return _lines(data)[-limit:]

    def labels(self, start: datetime, end: datetime) -> frozenset[str]:
        """The names of the labels that streams had in this time."""
        asked = {"start": _nanoseconds(start), "end": _nanoseconds(end)}
        data = self._get("/loki/api/v1/labels", asked)
        return frozenset() if bytes(data) == b"null" else frozenset(_as(data, tuple[str, ...]))

    def _get(self, path: str, asked: Mapping[str, str]) -> msgspec.Raw:
        """The data of a successful answer."""

        def attempt(timeout: float) -> msgspec.Raw:
            response = self._transport.get(path, asked, timeout)
            if response.status != 200:
                raise refusal(response, _SERVER)
            return enveloped(response, _SERVER).data

        return retrying(attempt, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)


@contextmanager
def _naming(query: str) -> Iterator[None]:
    try:
        yield
    except OutOfTime:
        raise
    except Permanent as error:
        raise Permanent(f"{error} (query: {inert(query, limit=200)})", status=error.status) from error


def _as(data: msgspec.Raw, into: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.DecodeError as error:
        raise Permanent(f"{_SERVER} answered JSON without a result") from error


def _lines(data: Result) -> tuple[LogLine, ...]:
    streams = _as(data.result, tuple[_Stream, ...])
    try:
        # The server lists the newest first; turning that around keeps the order of lines of the same nanosecond.
        entries = [(int(value[0]), str(value[1])) for stream in streams for value in reversed(stream.values)]
        entries.sort(key=itemgetter(0))
        return tuple(LogLine(text, datetime.fromtimestamp(at / 1e9, UTC)) for at, text in entries)
    except (ValueError, TypeError, IndexError, OverflowError, OSError) as error:
        raise Permanent(f"{_SERVER} answered streams that hubops cannot read") from error


def _nanoseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1e6) * 1000)


def selector(labels: Mapping[str, str]) -> str:
    """A LogQL stream selector of exact matches, with its values quoted."""
    quoted = (f'{name}="{_escape(value)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
