"""Instant queries and rules, of Prometheus and of what speaks its API: Thanos, Mimir, VictoriaMetrics.

prometheus-api-client is not used for them: its `custom_query` returns only `data.result`, so it hides the warnings by
which Thanos says that an answer is partial (a false OK), the type of the result and the type of an error; it can reach
nothing through the API server's service proxy, and it keeps retrying without regard to a deadline.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from hubops.clients.answer import Envelope, Result, enveloped, refusal, samples
from hubops.clients.http import Response, Transport
from hubops.clients.retry import Deadline, OutOfTime, retrying
from hubops.clients.rules import groups
from hubops.errors import Permanent, Retryable, SourceError
from hubops.model.alerting import RuleGroup
from hubops.model.snapshot import Sample
from hubops.model.text import inert

T = TypeVar("T")

_SERVER = "Prometheus"
#: How Prometheus begins the notes of its engine about a query; all other warnings say that data is missing.
_ANNOTATIONS = ("PromQL warning", "PromQL info")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The series of a query. `partial` says what was missing from them, None for a complete answer."""

    samples: tuple[Sample, ...]
    partial: str | None = None
    notes: tuple[str, ...] = ()


class ScrapeTarget(msgspec.Struct, frozen=True, rename="camel"):
    """Something that is scraped; `scrape_pool` is the job of the configuration that found it."""

    scrape_pool: str
    scrape_url: str = ""
    health: str = "unknown"  # up, down, unknown (not scraped yet)
    last_error: str = ""


class _Targets(msgspec.Struct, frozen=True, rename="camel"):
    active_targets: tuple[ScrapeTarget, ...] = ()


class _Pools(msgspec.Struct, frozen=True, rename="camel"):
    scrape_pools: tuple[str, ...] | None = None


class Prometheus:
    """One server; every call is tried again within the deadline and raises Retryable or Permanent when it fails."""

    def __init__(self, transport: Transport, *, timeout: float, deadline: Deadline) -> None:
        self._transport = transport
        self._timeout = timeout
        self._deadline = deadline

    def query(self, promql: str, at: datetime) -> Answer:
        """The answer at the moment *at*. An error names the query."""
        try:
            return retrying(
                lambda left: self._query(promql, at, left),
                timeout=self._timeout,
                deadline=self._deadline,
                patience=self._timeout,
            )
        except OutOfTime:
            raise
        except Permanent as error:
            raise Permanent(f"{error} (query: {inert(promql, limit=200)})", status=error.status) from error

    def rules(self) -> tuple[RuleGroup, ...]:
        """All groups of rules, in the order of the server. Thanos, Mimir and VictoriaMetrics may have no such path."""

        def ask(timeout: float) -> tuple[RuleGroup, ...]:
            # The alerts of a rule are asked of Alertmanager; a server that does not know the parameter ignores it.
            response = self._transport.get("/api/v1/rules", {"exclude_alerts": "true"}, timeout)
            if response.status != 200:
                raise _refusal(response)
            return groups(enveloped(response, _SERVER).data)

        return retrying(ask, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)

    def scrape_pools(self) -> frozenset[str]:
        """The jobs of the configuration that is loaded, with targets or without. Prometheus alone has this."""
        return frozenset(self._get("/api/v1/scrape_pools", {}, _Pools).scrape_pools or ())

    def targets(self) -> tuple[ScrapeTarget, ...]:
        """What is scraped. Prometheus alone has this."""
        return self._get("/api/v1/targets", {"state": "active"}, _Targets).active_targets

    def _get(self, path: str, asked: dict[str, str], into: type[T]) -> T:
        def ask(timeout: float) -> T:
            response = self._transport.get(path, asked, timeout)
            if response.status != 200:
                raise _refusal(response)
            try:
                return msgspec.json.decode(enveloped(response, _SERVER).data, type=into)
            except msgspec.DecodeError as error:
                raise Permanent(f"{_SERVER} answered {path} with what hubops does not know") from error

        return retrying(ask, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)

    def clock_offset(self) -> timedelta:
        """How far the server's clock is ahead of this machine's; negative when it is behind."""

        def ask(timeout: float) -> timedelta:
            before = datetime.now(UTC)
            answer = self._query("time()", None, timeout)
            midway = before + (datetime.now(UTC) - before) / 2
            if not answer.samples:
                raise Permanent(f"{_SERVER} answered nothing to time(): is this its API?")
            return answer.samples[0].at - midway

        return retrying(ask, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)

    def _query(self, promql: str, at: datetime | None, timeout: float) -> Answer:
        # The server is told to give up when hubops does: a query that nobody waits for is only load.
        asked = {"query": promql, "timeout": f"{math.ceil(timeout)}s"}
        if at is not None:
            asked["time"] = f"{at.timestamp():.3f}"
        response = self._transport.get("/api/v1/query", asked, timeout)
        if response.status != 200:
            raise _refusal(response)
        envelope = enveloped(response, _SERVER)
        result = _result(envelope)
        warnings = envelope.warnings or ()
        missing = [text for text in warnings if not text.startswith(_ANNOTATIONS)]
        if envelope.is_partial:
            missing.append("some of its storage nodes did not answer")
        return Answer(
            samples=samples(result, _SERVER),
            partial=inert("; ".join(missing), limit=300) if missing else None,
            notes=tuple(inert(text, limit=300) for text in warnings if text not in missing),
        )


def _result(envelope: Envelope) -> Result:
    try:
        return msgspec.json.decode(envelope.data, type=Result)
    except msgspec.DecodeError as error:
        raise Permanent(f"{_SERVER} answered JSON without a result") from error


def _refusal(response: Response) -> SourceError:
    """The error of a query; one that took too long there would take too long again."""
    error = refusal(response, _SERVER)
    if isinstance(error, Retryable):
        try:
            envelope = msgspec.json.decode(response.body, type=Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return error
        if envelope.error_type == "timeout":
            return Permanent(f"{_SERVER} gave the query up: {inert(envelope.error, limit=300)}", status=response.status)
    return error
