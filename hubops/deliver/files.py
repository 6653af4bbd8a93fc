"""Files: which outputs were asked for, and writing each so that nobody ever reads half of one."""

from __future__ import annotations

import difflib
import os
import secrets
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from hubops.errors import UsageError


@dataclass(frozen=True)
class Output:
    """One thing to write: a format, and its file. `path` is None for standard output."""

    format: str
    path: Path | None = None


def parse_output(text: str, formats: Collection[str]) -> Output:
    """FORMAT or FORMAT=- for standard output, FORMAT=FILE for a file.

    Raises UsageError for a format that is not one of *formats*, and for a file whose folder is not there.
    """
    name, equals, target = text.partition("=")
    if name not in formats:
        raise UsageError(f"--output {text}: unknown format {name!r}{_suggestion(name, equals, formats)}")
    if equals and not target:
        raise UsageError(f"--output {text}: a file name is missing after '='")
    if target in ("", "-"):
        return Output(name)
    path = Path(target).expanduser()
    if path.is_dir():
        raise UsageError(f"--output {text}: {path} is a folder")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--output {text}: there is no folder {path.parent}")
    return Output(name, path)


def _suggestion(name: str, equals: str, formats: Collection[str]) -> str:
    if close := difflib.get_close_matches(name.lower(), formats, n=1):
        return f"; did you mean {close[0]}?"
    endings = {"md": "markdown", "txt": "plain"}
    ending = Path(name).suffix.removeprefix(".").lower()
    meant = endings.get(ending, ending)
    if not equals and meant in formats:
        return f"; to write that file: {meant}={name}"
    return f"; formats are {', '.join(formats)}"


def parse_outputs(texts: Iterable[str], formats: Collection[str], default: str = "rich") -> tuple[Output, ...]:
    """All outputs of one run, *default* to standard output where none is asked for.

    Raises UsageError as parse_output does, and for two outputs that would go to the same place.
    """
    outputs = tuple(parse_output(text, formats) for text in texts) or (Output(default),)
    taken: dict[str, Output] = {}
    for output in outputs:
        place = os.path.realpath(output.path) if output.path else "standard output"
        if place in taken:
            first, second = taken[place].format, output.format
            raise UsageError(
                f"--output {first} and --output {second} both go to {place}; give one a file: {second}=FILE"
            )
        taken[place] = output
    return outputs


def write(path: Path, text: str) -> None:
    """Write *text* to *path* at once: a reader sees the old file or the new one, and a failure leaves the old one.

    Links are followed and the mode of an existing file is kept. A device or pipe is written to as it is. Raises
    UsageError with the file's name where it cannot be written.
    """
    try:
        if (path.exists() and not path.is_file()) or path.is_relative_to("/dev"):
            with path.open("w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            _replace(Path(os.path.realpath(path)), text)
    except BrokenPipeError:
        return  # the reader of a pipe has gone, as in `json=>(head)`
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _replace(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if target.exists():
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
