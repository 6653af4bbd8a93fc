"""A command in a container of a pod, to its end: what it printed, bounded, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from hubops.clients.kube.access import Access
from hubops.clients.kube.channels import Channels
from hubops.errors import Permanent, Retryable
from hubops.model.text import inert

_STDOUT, _STDERR, _STATUS = 1, 2, 3
_KEPT = 2**16  # bytes of each output
_ENDLESS = 2**24  # bytes of both, after which nobody reads on


@dataclass(frozen=True)
class Executed:
    """The beginning of what a command printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct, frozen=True):
    """How the kubelet says that a command has ended."""

    status: str = ""
    message: str = ""
    details: _Details | None = None


def executed(
    access: Access, namespace: str, pod: str, command: Sequence[str], container: str | None, timeout: float
) -> Executed:
    """The ended *command*; nothing is sent to it.

    Raises Retryable where it has not ended after *timeout* seconds (then it may go on) or the connection broke, and
    Permanent where it could not be begun: no such container or program, no right.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
    params = [("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    params += [("container", container)] if container else []
    output = {_STDOUT: b"", _STDERR: b"", _STATUS: b""}
    size = 0
    until = time.monotonic() + timeout
    with Channels.opened(access, path, params, timeout, "create pods/exec") as channels:
        try:
            for channel, data in channels.received(until):
                size += len(data)
                if size > _ENDLESS:
                    raise Permanent(f"it printed more than {_ENDLESS >> 20} MiB")
                if channel in output:
                    output[channel] = (output[channel] + data)[:_KEPT]
                if channel == _STATUS:
                    break
        except TimeoutError:
            raise Retryable(f"it had not ended after {timeout:.0f} s") from None
    text = {channel: content.decode("utf-8", "replace") for channel, content in output.items()}
    return Executed(_exit_code(text[_STATUS]), text[_STDOUT], text[_STDERR])


def _exit_code(said: str) -> int:
    try:
        status = msgspec.json.decode(said, type=_Status)
    except msgspec.DecodeError:
        raise Retryable("the connection ended before the command did") from None
    if status.status == "Success":
        return 0
    for cause in status.details.causes if status.details else ():
        if cause.reason == "ExitCode" and cause.message.isdigit():
            return int(cause.message)
    # What matters stands at the end: 'exec: "psql": executable file not found in $PATH'.
    raise Permanent(f"it could not be begun: {inert(status.message[-200:])}")
