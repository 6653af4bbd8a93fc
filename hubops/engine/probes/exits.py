"""Why a container ended, in the words of someone who has to fix it."""

from __future__ import annotations

import re

from hubops.engine.probes.evidence import bounded
from hubops.model.kube.core import Container, ContainerStateTerminated

#: Linux' numbers; the machine that reads a snapshot may number its own signals differently.
SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
    24: "SIGXCPU",
    31: "SIGSYS",
}
_MEANING = {
    4: "illegal instruction, as with an image for another CPU",
    6: "aborted itself, as after a failed assertion or allocation",
    7: "bus error",
    9: "killed from outside",
    11: "segmentation fault",
    15: "asked to stop",
}
#: What runc, crun and the container runtimes wrap around the reason why a process could not be started.
_START_FAILURE = (
    re.compile(r"lifecycle hook .* failed - error: (.+)$"),
    re.compile(r'(exec: "(?:[^"\\]|\\.)*": .+)$'),
    re.compile(r"((?:executable file|no such file|permission denied|not a directory).*)$", re.IGNORECASE),
    re.compile(r"unable to start container process: (.+)$"),
    re.compile(r"OCI runtime create failed: (?:runc create failed: )?(.+)$"),
    re.compile(r"rpc error: code = \w+ desc = (.+)$"),
)


def start_failure(message: str) -> str:
    """The reason at the end of a runtime's message why a container could not be created or started."""
    text = " ".join(message.split())
    for pattern in _START_FAILURE:
        if match := pattern.search(text):
            text = match.group(1)
            break
    return bounded(text.removesuffix(": unknown"), 160)


def signal_of(state: ContainerStateTerminated) -> int:
    """The signal that ended the process, 0 for none; a shell reports it as 128 plus its number."""
    return state.signal or (state.exit_code - 128 if state.exit_code - 128 in SIGNALS else 0)


def explain_exit(state: ContainerStateTerminated) -> str:
    """How the process ended, to follow "container app": "exits with code 1", "ends by SIGSEGV (code 139, …)"."""
    if state.reason in {"ContainerCannotRun", "StartError"}:
        return f"cannot start: {start_failure(state.message)}"
    if number := signal_of(state):
        meaning = f", {_MEANING[number]}" if number in _MEANING else ""
        return f"ends by {SIGNALS.get(number, f'signal {number}')} (code {state.exit_code}{meaning})"
    return _plain_exit(state.exit_code)


def _plain_exit(code: int) -> str:
    match code:
        case 0:
            return "finishes with code 0 though it should keep running"
        case 126:
            return "exits with code 126: its command is not executable"
        case 127:
            return "exits with code 127: its command was not found"
        case 255:
            return "exits with code 255, as after exit(-1)"
        case _:
            return f"exits with code {code}"


def explain_oom(spec: Container) -> str:
    """That a container was killed for memory, and at which limit."""
    limit = spec.resources.limits.get("memory")
    if limit:
        return f"is killed for memory at its limit of {limit}"
    return "is killed for memory without a limit of its own: its pod or node ran out"
