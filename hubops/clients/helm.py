"""The helm program that operators have: 3.12 or newer, or 4. Its releases and charts, and what it says when it fails.

hubops waits for workloads itself, so helm is never asked to (`--wait`), and a call is over within seconds; only the
hooks of a chart take longer. What the two majors spell differently does not appear here for that reason.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from hubops.config import KubernetesConfig
from hubops.errors import Permanent, Retryable, SourceError, UsageError
from hubops.model.text import inert, redact

T = TypeVar("T")

#: The states that `helm list` shows when each is asked for; there is no other way that both majors have.
_LISTED = ("deployed", "failed", "pending", "superseded", "uninstalled", "uninstalling")
#: The oldest that the platform's owner names.
OLDEST = (3, 12)
_REVISIONS = "10"  # of a release that are kept
_GRACE = 10.0  # seconds from SIGTERM, on which helm records that it was ended, to SIGKILL
_SAID = 600  # characters of helm's message that are kept
_CHART = re.compile(r"(.+?)-(v?\d+\.\d+.*)")
#: How Go prints a time: 2026-01-31 12:00:00.123456789 +0100 CET.
_UPDATED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})")
_PASSING = re.compile(
    r"connection refused|connection reset|i/o timeout|TLS handshake timeout|context deadline exceeded|\bEOF\b"
    r"|no such host|server misbehaving|\b(429|500|502|503|504)\b|etcdserver: |the server is currently unable"
    r"|failed calling webhook",
    re.IGNORECASE,
)

Status = Literal[
    "unknown", "deployed", "uninstalled", "superseded", "failed", "uninstalling", "pending-install", "pending-upgrade",
    "pending-rollback",
]  # fmt: skip


class Release(msgspec.Struct, frozen=True):
    """The newest revision of a release, as `helm list` shows it; `chart` is the chart's name and version."""

    name: str
    namespace: str
    revision: str
    status: Status
    chart: str
    updated: str = ""

    @property
    def pending(self) -> bool:
        """Whether helm is at work on it, or was ended while it was."""
        return self.status.startswith("pending-") or self.status == "uninstalling"

    def is_of(self, chart: str, version: str) -> bool:
        """Whether it was made from *chart* at *version*."""
        return self.chart == f"{chart}-{version}"

    @property
    def chart_name(self) -> str:
        """The chart without its version: both may have hyphens, but only a version begins with digits and a dot."""
        match = _CHART.fullmatch(self.chart)
        return match[1] if match else self.chart

    def age(self, now: datetime) -> float | None:
        """Seconds from its last change to *now*; None where helm does not say when that was."""
        match = _UPDATED.match(self.updated)
        if not match:
            return None
        return (now - datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S %z")).total_seconds()


class Revision(msgspec.Struct, frozen=True):
    revision: int
    status: Status
    chart: str = ""
    description: str = ""


@dataclass(frozen=True)
class ChartFile:
    """A chart as an archive on this machine."""

    path: Path
    name: str
    version: str


class Helm:
    """helm, for one cluster. Methods may be called from several threads, for one release from one at a time.

    They raise Retryable for what may pass (a connection, a 5xx) and Permanent for everything else, with the last line
    that helm said.
    """

    def __init__(
        self, config: KubernetesConfig, *, program: str = "helm", home: Path, environ: Mapping[str, str] = os.environ
    ) -> None:
        """*home* is a folder for helm's own caches, so that the operator's are left alone. Raises UsageError."""
        found = shutil.which(program, path=environ.get("PATH"))
        if not found:
            raise UsageError(f"{program} is not on PATH; charts are installed with Helm {_version(OLDEST)} or newer")
        self._program = found
        self._target = _target(config)
        folders = {name: str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        self._environment = dict(environ) | {f"HELM_{name}_HOME": path for name, path in folders.items()}
        self._environment["KUBECACHEDIR"] = str(home / "kube")
        self._environment["HELM_MAX_HISTORY"] = _REVISIONS
        self._environment.pop("HELM_NAMESPACE", None)
        self._marks = home / "at-work"
        self._running: set[subprocess.Popen[str]] = set()
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """End every helm that runs, so that it records how far it came, and let none begin."""
        self._interrupted.set()
        running = list(self._running)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in running:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)
            give_up = time.monotonic() + _GRACE
            while any(process in self._running for process in running) and time.monotonic() < give_up:
                time.sleep(0.05)

    def is_at_work(self, release: str, namespace: str) -> bool:
        """Whether a helm that a run of hubops on this machine has started still changes the release: hubops may have
        been killed without it.
        """
        with suppress(BlockingIOError), self._marked(release, namespace):
            return False
        return True

    @contextmanager
    def _marked(self, release: str, namespace: str) -> Iterator[int]:
        """A file that is locked as long as the block, or a helm that was given it, runs. Raises BlockingIOError."""
        self._marks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("\0".join([*self._target, namespace, release]).encode()).hexdigest()[:16]
        file = os.open(self._marks / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
        finally:
            os.close(file)

    def version(self) -> tuple[int, int, int]:
        """Its version. Raises UsageError where it is older than 3.12, or does not say."""
        said = self._run("version", "--template", "{{.Version}}", timeout=20, reads_cluster=False)
        match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said)
        if not match:
            raise UsageError(f"{self._program} does not say which version it is: {inert(said, limit=80)}")
        major, minor, patch = (int(part) for part in match.groups())
        if (major, minor) < OLDEST:
            raise UsageError(f"{self._program} is {major}.{minor}.{patch}; Helm {_version(OLDEST)} or newer is needed")
        return major, minor, patch

    def pull(self, repository: str, name: str, version: str, into: Path, *, timeout: float) -> ChartFile:
        """The chart *name* at *version* from the *repository* (https:// or oci://), as a file in the folder *into*.

        Raises Permanent where the repository has it not or answers something else than a chart, Retryable where it
        does not answer within *timeout* seconds.
        """
        into.mkdir(parents=True, exist_ok=True)
        oci = repository.startswith("oci://")
        chart = [f"{repository.rstrip('/')}/{name}"] if oci else [name, "--repo", repository]
        arguments = [*chart, "--version", version, "--destination", str(into)]
        self._run("pull", *arguments, timeout=timeout, reads_cluster=False)
        for path in (into / f"{name}-{version}.tgz", into / f"{name}-{version.removeprefix('v')}.tgz"):
            if path.is_file():
                return ChartFile(path, name, version)
        raise Permanent(f"{repository} has {name} {version} under another name")

    def crds(self, chart: ChartFile) -> str:
        """The manifests in the chart's folder crds/, which Helm installs once and never upgrades."""
        return self._run("show", "crds", str(chart.path), timeout=60, reads_cluster=False)

    def template(
        self, chart: ChartFile, release: str, namespace: str, values: str, *, kubernetes: str, apis: Sequence[str] = ()
    ) -> str:
        """What the chart renders, without hooks, for a cluster of version *kubernetes* that serves *apis*."""
        arguments = [release, str(chart.path), "--namespace", namespace, "--values", "-"]
        arguments += ["--no-hooks", "--kube-version", kubernetes]
        arguments += [argument for api in apis for argument in ("--api-versions", api)]
        return self._run("template", *arguments, timeout=120, given=values, reads_cluster=False)

    def releases(self, names: Iterable[str] = ()) -> tuple[Release, ...]:
        """The releases of all namespaces in any state, or those with one of *names*."""
        states = [f"--{state}" for state in _LISTED]
        pattern = "|".join(map(re.escape, names))
        arguments = ["--all-namespaces", *states, "--max", "0", "--output", "json"]
        arguments += ["--filter", f"^({pattern})$"] if pattern else []
        return _decoded(self._run("list", *arguments, timeout=60), tuple[Release, ...])

    def values(self, release: str, namespace: str) -> dict[str, Any]:
        """The values that the newest revision was given."""
        said = self._run("get", "values", release, "--namespace", namespace, "--output", "json", timeout=60)
        return _decoded(said, dict[str, Any]) if said.strip() != "null" else {}

    def manifest(self, release: str, namespace: str) -> str:
        """The objects of the newest revision, as YAML, without hooks."""
        return self._run("get", "manifest", release, "--namespace", namespace, timeout=60)

    def history(self, release: str, namespace: str) -> tuple[Revision, ...]:
        """The revisions that are kept, oldest first."""
        said = self._run("history", release, "--namespace", namespace, "--output", "json", timeout=60)
        return _decoded(said, tuple[Revision, ...])

    def upgrade(self, chart: ChartFile, release: str, namespace: str, values: str, *, timeout: float) -> None:
        """Install the release, or upgrade it, within *timeout* seconds; hooks included, workloads not waited for."""
        arguments = [release, str(chart.path), "--values", "-", "--install", "--reset-values"]
        arguments += ["--skip-crds"]  # hubops applies them itself, before: Helm would never upgrade them
        self._change("upgrade", release, namespace, arguments, timeout, values)

    def rollback(self, release: str, namespace: str, revision: int, *, timeout: float) -> None:
        """Make *revision* the newest again."""
        self._change("rollback", release, namespace, [release, str(revision)], timeout)

    def uninstall(self, release: str, namespace: str, *, timeout: float) -> None:
        """Remove the release and its objects, not its CRDs and not the claims of its StatefulSets."""
        self._change("uninstall", release, namespace, [release], timeout)

    def _change(
        self, verb: str, release: str, namespace: str, arguments: list[str], timeout: float, given: str = ""
    ) -> None:
        arguments = [*arguments, "--namespace", namespace, "--timeout", f"{timeout:.0f}s"]
        try:
            with self._marked(release, namespace) as mark:
                self._run(verb, *arguments, timeout=timeout + 2 * _GRACE, given=given, mark=(mark,))
        except BlockingIOError:
            said = f"a helm of a run that was killed is still at work on {namespace}/{release}"
            raise Retryable(f"helm {verb}: {said}") from None

    def _run(
        self, *arguments: str, timeout: float, given: str = "", reads_cluster: bool = True, mark: tuple[int, ...] = ()
    ) -> str:
        if self._interrupted.is_set():
            raise Permanent(f"helm {arguments[0]} was not begun: interrupted")
        process = subprocess.Popen(
            [self._program, *arguments, *(self._target if reads_cluster else ())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self._environment, text=True, encoding="utf-8", errors="replace",
            start_new_session=True,  # ^C reaches hubops alone, which lets helm record how far it came
            pass_fds=mark,
        )  # fmt: skip
        self._running.add(process)
        try:
            if self._interrupted.is_set():  # since it was looked at
                _end(process)
            said, complained = process.communicate(given, timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Retryable(f"helm {arguments[0]} did not end within {timeout:.0f} s") from None
        except BaseException:
            _end(process)
            raise
        finally:
            self._running.discard(process)
        if process.returncode and self._interrupted.is_set():
            raise Permanent(f"helm {arguments[0]} was interrupted")
        if process.returncode:
            raise _failure(arguments[0], complained)
        return said


def _end(process: subprocess.Popen[str]) -> None:
    """End helm with all that it started: first so that it can record that its release failed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_GRACE)
            return


def _failure(verb: str, complained: str) -> SourceError:
    """What helm complained of, as an error: its message is the last that begins with "Error:"."""
    lines = [line for line in complained.splitlines() if line.strip() and not line.startswith("WARNING:")]
    begin = next((index for index in reversed(range(len(lines))) if lines[index].startswith("Error:")), 0)
    said = redact(inert(" ".join(lines[begin:]).removeprefix("Error: ").strip(), limit=_SAID)) or "it said nothing"
    kind = Retryable if _PASSING.search(said) else Permanent
    return kind(f"helm {verb}: {said}")


def _target(config: KubernetesConfig) -> tuple[str, ...]:
    """The flags that make helm ask the cluster that hubops asks, as whom hubops does."""
    flags: list[str] = []
    if config.kubeconfig:
        flags += ["--kubeconfig", config.kubeconfig]
    if config.context:
        flags += ["--kube-context", config.context]
    if config.as_user:
        flags += ["--kube-as-user", config.as_user]
    for group in config.as_group:
        flags += ["--kube-as-group", group]
    return tuple(flags)


def _decoded(said: str, into: type[T]) -> T:
    try:
        return msgspec.json.decode(said, type=into)
    except msgspec.DecodeError as error:
        raise Permanent(f"helm answered something else than it is documented to: {error}") from error


def _version(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
