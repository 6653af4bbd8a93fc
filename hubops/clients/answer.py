"""Reading the answers of Prometheus, Alertmanager and Loki: what a refusal means, and the envelope that two share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from hubops.clients.http import Response
from hubops.errors import Permanent, Retryable, SourceError
from hubops.model.snapshot import Sample
from hubops.model.text import inert, redact

T = TypeVar("T")

#: May pass by itself: overload, a restart, a proxy without its server.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MEANING = {
    401: "it asks for credentials, or refuses the ones it got",
    403: "it does not allow this to the user hubops runs as",
    404: "nothing answers at this path; is the url complete?",
    429: "it is asked too much",
}

_NO_TENANT = "it keeps the data of several tenants apart; configure tenant"


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """What Prometheus and Loki put around every answer."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error_type: str = ""
    error: str = ""
    warnings: tuple[str, ...] | None = None
    is_partial: bool = False  # VictoriaMetrics


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """The data of a query: how `result` is to be read depends on `result_type`."""

    result_type: str
    result: msgspec.Raw


class Series(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None  # None: a native histogram


def body_as(response: Response, into: type[T], server: str) -> T:
    """The body of a successful *response* as *into*.

    Raises Retryable for a JSON document that ends early, Permanent for anything else that is not *server*'s answer.
    """
    try:
        return msgspec.json.decode(response.body, type=into)
    except msgspec.ValidationError as error:
        raise Permanent(f"{server} answered JSON that hubops does not know: {inert(str(error), limit=200)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _ends_early(response):
            raise Retryable(f"{server} answered an incomplete JSON document") from error
        raise Permanent(f"{server} answered {_kind_of(response)} instead of JSON; is this its API?") from error


def enveloped(response: Response, server: str) -> Envelope:
    """The envelope of a *response* with status 200. Raises as `body_as`, and Permanent where it says no success."""
    envelope = body_as(response, Envelope, server)
    if envelope.status != "success":
        raise Permanent(f"{server}: {inert(envelope.error or 'no success and no reason', limit=300)}")
    return envelope


def refusal(response: Response, server: str) -> SourceError:
    """A *response* with an error status, as Retryable or Permanent, in the server's own words."""
    said = _said(response.body)
    meaning = _NO_TENANT if "no org id" in said else _MEANING.get(response.status, "")
    text = f"{server} answered {response.status}" + "".join(f": {part}" for part in (meaning, said) if part)
    if response.status in _PASSING:
        return Retryable(text, retry_after=_retry_after(response))
    return Permanent(text, status=response.status)


def samples(result: Result, server: str) -> tuple[Sample, ...]:
    """The series of an instant answer; a scalar is one series without labels.

    Raises Permanent for ranges, strings, log lines and native histograms, none of which is one number per series.
    """
    if result.result_type == "vector":
        return tuple(_sample(series, server) for series in _raw(result, list[Series], server))
    if result.result_type == "scalar":
        return (_sample(Series(value=_raw(result, tuple[float, str], server)), server),)
    raise Permanent(f"{server}: the query yields {inert(result.result_type)}, not one number per series")


def _raw(result: Result, into: type[T], server: str) -> T:
    try:
        return msgspec.json.decode(result.result, type=into)
    except msgspec.DecodeError as error:
        raise Permanent(f"{server} answered a {result.result_type} that hubops cannot read") from error


def _sample(series: Series, server: str) -> Sample:
    if series.value is None:
        raise Permanent(f"{server}: the query yields histograms, not one number per series")
    seconds, number = series.value
    try:
        float(number)
        return Sample(series.metric, number, datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise Permanent(f"{server} answered a value that is no number: {inert(number, limit=40)}") from error


def _ends_early(response: Response) -> bool:
    text = response.body.strip()
    return text[:1] in (b"{", b"[") and text[-1:] not in (b"}", b"]")


def _kind_of(response: Response) -> str:
    if not response.body.strip():
        return "nothing"
    if title := _title(response.body):
        return f"a web page ({title})"
    if response.body.lstrip()[:1] == b"<":
        return "a web page"
    return f"{inert(response.body[:60].decode('utf-8', 'replace'))!r}"


def _title(body: bytes) -> str:
    match = _TITLE.search(body[:4096].decode("utf-8", "replace"))
    return inert(" ".join(match.group(1).split()), limit=80) if match else ""


def _said(body: bytes) -> str:
    """What an error answer says, in one line: its JSON message, the title of its web page, or its text."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if isinstance(document, dict):
        document = document.get("error") or document.get("message")
    if isinstance(document, str):
        text = document
    elif body.lstrip()[:1] == b"<":
        text = _title(body)
    else:
        text = body[:1000].decode("utf-8", "replace")
    return redact(inert(text.strip(), limit=300))


def _retry_after(response: Response) -> float | None:
    """Seconds, from a Retry-After header that holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0) if value else None
    except (ValueError, TypeError):
        return None
