"""What the API server means by an answer that is not a success."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hubops.clients import answer
from hubops.clients.http import Response
from hubops.clients.kube.envelope import MAGIC, status_message
from hubops.clients.kube.errors import Denied, Expired, Immutable, PlainHttp, Unauthorized
from hubops.errors import Permanent, SourceError
from hubops.model.text import inert

SERVER = "the API server"
#: The verb of what may not be impersonated is "impersonate", or "impersonate-on:user-info:list" (KEP-5284).
_FORBIDDEN = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>[\w:-]+) resource "(?P<resource>[^"]*)"')
#: How server-side apply refuses a field that the kind does not have, or one of another type.
_WRONG_FIELD = b"failed to create typed patch object"
#: How it says that an admission webhook refused an object (the JSON of its Status has the quotes escaped).
_DENIED = re.compile(rb'admission webhook \\"([^"\\]+)\\" denied the request')
#: How validation says of a field that it is what it is for as long as the object lives; there is no reason code for it.
_IMMUTABLE = re.compile(
    r"immutable|updates? to .{1,400} (?:is|are) forbidden|may not (?:be )?changed?\b|cannot change roleRef",
    re.IGNORECASE,
)
#: How Go's net/http answers on a port that speaks TLS.
_PLAIN_HTTP = b"Client sent an HTTP request to an HTTPS server"


class _Cause(msgspec.Struct, frozen=True):
    field: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct, frozen=True):
    message: str
    details: _Details | None = None


def refusal(response: Response, wanted: str) -> SourceError:
    """*response* as an error, where *wanted* says what was asked for: "list pods"."""
    response = _readable(response)
    status = response.status
    if 300 <= status < 400:
        target = inert(response.headers.get("Location", "elsewhere"), limit=100)
        return Permanent(f"{SERVER} redirects to {target}; is the kubeconfig's server complete?", status=status)
    if status == 400 and response.body.startswith(_PLAIN_HTTP):
        return PlainHttp("it speaks TLS there; is the url https:// rather than http://?", status=status)
    if status == 401:
        return Unauthorized(f"{SERVER} refused the credentials (401); has the token expired?", status=status)
    if 400 <= status < 500 and (denied := _DENIED.search(response.body)):
        return _denied(response, denied[1])
    if status == 403:
        return Permanent(_forbidden(response, wanted), status=status)
    if status == 410:
        return Expired(f"{SERVER} no longer has the rest of this list (410)", status=status)
    error = answer.refusal(response, SERVER)
    if _WRONG_FIELD in response.body:  # answered with 500, but no other attempt will be taken
        return Permanent(str(error), status=422)
    if status == 422 and (fields := _immutable(response)):
        return Immutable(str(error), fields=fields, status=status)
    return error


def _forbidden(response: Response, wanted: str) -> str:
    found = _FORBIDDEN.search(response.body.decode("utf-8", "replace").replace('\\"', '"'))
    if found is None:
        return str(answer.refusal(response, f"{SERVER}, asked to {wanted},"))
    user = inert(found["user"], limit=120)
    anonymous = ": no credentials were sent" if user == "system:anonymous" else ""
    wanted = wanted if wanted.startswith(f"{found['verb']} ") else f"{found['verb']} {inert(found['resource'])}"
    return f"user {user} may not {wanted} (403){anonymous}"


def _denied(response: Response, webhook: bytes) -> Denied:
    """A refusal of *webhook* in its own words: the status that it chose says nothing about the rights of the user."""
    try:
        said = msgspec.json.decode(response.body, type=_Status).message
    except msgspec.DecodeError:
        said = str(answer.refusal(response, SERVER))
    name = inert(webhook.decode("utf-8", "replace"), limit=120)
    return Denied(inert(said, limit=600), webhook=name, status=response.status)


def _immutable(response: Response) -> tuple[str, ...]:
    """The fields that an invalid object wants to change and that nobody can; none where anything else is wrong too."""
    try:
        details = msgspec.json.decode(response.body, type=_Status).details
    except msgspec.DecodeError:
        return ()
    causes = details.causes if details else ()
    if not all(_IMMUTABLE.search(each.message) for each in causes):
        return ()
    return tuple(dict.fromkeys(inert(each.field, limit=100) for each in causes))


def _readable(response: Response) -> Response:
    """*response* with JSON where it was protobuf, as errors are when protobuf was asked for."""
    if not response.body.startswith(MAGIC):
        return response
    said: dict[str, Any] = {"message": status_message(response.body)}
    return Response(response.status, response.headers, msgspec.json.encode(said))
