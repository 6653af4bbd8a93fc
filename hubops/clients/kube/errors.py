"""What the rooms of this client tell one another about a request; all of them are errors of hubops to the rest."""

from __future__ import annotations

from hubops.errors import Permanent, Retryable


class NoConnection(Retryable):
    """There was no answer at all; another attempt may get one."""


class Expired(Permanent):
    """The continue token of a list is too old: the list has to be read from its beginning."""


class NotServed(Permanent):
    """The cluster has no such kind."""


class Unauthorized(Permanent):
    """The server refused the credentials."""


class PlainHttp(Permanent):
    """The port speaks TLS, and was asked without."""


class WebhookSilent(Permanent):
    """A webhook that the object has to pass did not answer; asking again at once would not help, waiting may."""


class Denied(Permanent):
    """An admission webhook of this name looked at the object and refused it."""

    def __init__(self, message: str, *, webhook: str, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.webhook = webhook


class Conflict(Permanent):
    """Somebody else owns a field with another value, or has changed the object in the meantime."""


class Immutable(Permanent):
    """The object has another value in one of these `fields`, which is never changed in an object that is there."""

    def __init__(self, message: str, *, fields: tuple[str, ...], status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.fields = fields


class AlreadyExists(Permanent):
    """There is an object of that name."""
