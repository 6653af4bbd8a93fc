"""hubops as its users start it: a process of its own, with a kubeconfig and none of this machine's own settings."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hubops.cli import main
from hubops.engine import catalog
from tests.clients.server import Request, Server

T = TypeVar("T")
Report = dict[str, Any]
COMMAND = [sys.executable, "-m", "hubops.cli"]
ROOT = Path(__file__).parents[2]
#: The shipped checks of the daily round.
DAILY = {check.id for check in catalog.load().of_round("daily")}
#: Processes at a time: hubops mostly waits, for servers and for its own start.
AT_ONCE = 4


@dataclass(frozen=True)
class Done:
    """What a run left: its exit code, what it wrote, and how long it took in seconds."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def report(self) -> Report:
        """Standard output, which was `--output json`."""
        report: Report = json.loads(self.out)
        return report

    def check(self, name: str) -> dict[str, Any]:
        """How the check *name* went."""
        (found,) = (check for check in self.report["checks"] if check["id"] == name)
        return dict(found)

    def ids(self, status: str) -> set[str]:
        return {check["id"] for check in self.report["checks"] if check["status"] == status}

    def well(self) -> set[str]:
        """The shipped checks that found nothing, because all is well or there is nothing of what they look at."""
        return (self.ids("passed") | self.ids("skipped")) & DAILY

    def reasons(self) -> str:
        """Why checks are unknown, all in one text."""
        return "\n".join(check["reason"] for check in self.report["checks"] if check["status"] == "unknown")

    def only_says(self, text: str) -> None:
        """Nothing but one sentence on standard error, and *text* in it."""
        assert self.out == ""
        assert self.err.startswith("hubops: ")
        assert self.err.count("\n") == 1 or self.err.endswith("--help'.\n"), self.err
        assert text in self.err


class Program:
    """Runs hubops from the empty folder *home*. Whatever happens, it never ends as a bug or with a trace."""

    def __init__(self, home: Path, kubeconfig: Path | None) -> None:
        self.home = home
        self.kubeconfig = kubeconfig

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if name in os.environ}
        own = {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
        return kept | own | ({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}) | more

    def __call__(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, kubeconfig: Path | None = None
    ) -> Done:
        began = time.monotonic()
        own = {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=self.environment(**own, **(env or {})),
            cwd=self.home,
            timeout=180,
            check=False,
        )
        assert "Traceback (most recent" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert done.returncode in (0, 1, 2, 3, 64, 69, 130), done.stderr
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def here(self, *arguments: str | Path, kubeconfig: Path | None = None) -> Done:
        """A run without a process of its own, for one of many: their starts would cost more than they do."""
        own = {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
        return in_process(*arguments, cwd=self.home, environment=self.environment(**own))

    def json(self, *arguments: str | Path, **options: Any) -> Done:
        """A run whose report is read."""
        return self(*arguments, "--output", "json", **options)

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """A run that goes on beside the test."""
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)], env=self.environment(), cwd=self.home, text=True, **options
        )


def in_process(*arguments: str | Path, cwd: Path, environment: Mapping[str, str]) -> Done:
    """hubops with this environment and no other, called and not started; never two at a time."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
    assert isinstance(ended.value.code, int)
    said, complained = (each.buffer.getvalue().decode() for each in (out, err))
    return Done(ended.value.code, said, complained, time.monotonic() - began)


def together(run: Callable[[T], Done], cases: Iterable[T]) -> list[Done]:
    """What *run* left of each of *cases*, several of them at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, cases))


@contextmanager
def hanging() -> Iterator[Server]:
    """A server that takes every request and answers none."""
    ended = threading.Event()

    def answer(_: Request) -> Iterable[bytes]:
        ended.wait(60)
        return []

    with Server(answer) as server:
        yield server
        ended.set()
