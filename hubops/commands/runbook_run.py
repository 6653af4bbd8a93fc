"""hubops runbook --run: the read-only steps of a runbook, executed one after the other."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from hubops.clients import shell
from hubops.clients.kube.kubeconfig import Kubeconfig
from hubops.commands.flow import rendering
from hubops.commands.options import Options
from hubops.config import KubernetesConfig
from hubops.deliver import files, terminal
from hubops.deliver.files import Output
from hubops.deliver.progress import Progress
from hubops.errors import Exit, UsageError
from hubops.model.step import Done, Step
from hubops.report.runbook import parse
from hubops.report.runbook_steps import plan, write_answer, write_document, write_plan

#: What a run can be written as.
FORMATS = ("rich", "markdown")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is to be run. `about` names the object in the document; each step gets `timeout` seconds."""

    text: str
    known: Mapping[str, str]
    about: str
    timeout: float
    agreed: bool


def run_steps(run: Run, options: Options) -> Exit:
    """Show the steps, ask, run them and deliver what they answered; returns the exit code.

    OK where every step answered; UNKNOWN where one could not be run, failed or was ended; INTERRUPTED by ^C.
    """
    outputs = files.parse_outputs(options.outputs, FORMATS)
    kubernetes = options.config().kubernetes
    where = _where(kubernetes)
    runbook = parse(run.text)
    steps = plan(runbook, run.known)
    live = _Live(steps, to_stderr=Output("markdown") in outputs)
    if not any(not step.missing for step in steps):
        names = ", ".join(dict.fromkeys(f"<{name}>" for step in steps for name in step.missing))
        raise UsageError(f"no step can be run: there is no value for {names}; give --for and --set" if names else
                         "this runbook has no read-only step")  # fmt: skip
    live.write(write_plan(runbook.title, where, steps, live.options))
    if not run.agreed:
        _ask(sum(not step.missing for step in steps))
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="hubops-") as folder:
        done, interrupted = _execute(steps, live, environment(options, kubernetes, Path(folder)), run.timeout)
    document = write_document(runbook.title, f"{run.about}, {where}", began, done)
    for output in outputs:
        if output.format == "markdown":
            files.write(output.path, document) if output.path else terminal.write(document)
    if interrupted:
        return Exit.INTERRUPTED
    return Exit.OK if all(item.answer and not item.answer.failed for item in done) else Exit.UNKNOWN


class _Live:
    """What is seen while it runs: on standard output, or beside a document that goes there."""

    def __init__(self, steps: Sequence[Step], *, to_stderr: bool) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._steps = len(steps)
        self.options = rendering({}, self._stream)

    def write(self, text: str) -> None:
        terminal.write(f"{text}\n", self._stream)

    def show(self, done: Done) -> None:
        self.write(write_answer(done, self._steps, self.options))


def _ask(number: int) -> None:
    if not sys.stdin.isatty():
        raise UsageError("--run asks before it runs anything, and there is no terminal to ask on; --yes agrees")
    click.confirm(f"Run {'this step' if number == 1 else f'these {number} steps'}?", abort=True, err=True)


def _execute(
    steps: Sequence[Step], live: _Live, environment: Mapping[str, str], timeout: float
) -> tuple[list[Done], bool]:
    """Every step with its answer, and whether somebody ended the run."""
    done: list[Done] = []
    interrupted = False
    for step in steps:
        if step.missing or interrupted:
            done.append(Done(step=step))
        else:
            with Progress() as told:
                told(f"step {step.number} of {len(steps)}, up to {timeout:g} s; ^C ends it")
                answer = shell.run(step.command, environment, timeout=timeout)
            done.append(Done(step=step, answer=answer))
            live.show(done[-1])
            interrupted = answer.ended == "interrupt" and not _go_on(last=step is steps[-1])
            continue
        live.show(done[-1])
    return done, interrupted


def _go_on(*, last: bool) -> bool:
    """Whether the run goes on after a step that somebody ended."""
    if last or not sys.stdin.isatty():
        return False
    try:
        return click.confirm("Go on with the next step?", default=True, err=True)
    except (KeyboardInterrupt, click.Abort):
        return False


def _where(kubernetes: KubernetesConfig) -> str:
    """The cluster that the steps will look at. Raises ConfigError where the kubeconfig does not have the context."""
    found = Kubeconfig.find(kubernetes.kubeconfig, os.environ)
    return f"context {found.context(kubernetes.context)}" if found else "the cluster of this pod"


def environment(options: Options, kubernetes: KubernetesConfig, folder: Path) -> dict[str, str]:
    """What makes kubectl and hubops look at the same cluster as this run, with nothing changed on disk.

    kubectl takes the current context from the first file of KUBECONFIG that names one: a file in *folder* that names
    nothing else goes before the others. Raises UsageError for an impersonation, which no environment can tell kubectl.
    """
    if kubernetes.as_user:
        raise UsageError("--run cannot impersonate: the steps are kubectl's, and would run as yourself")
    given = dict(os.environ)
    paths = kubernetes.kubeconfig or given.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    if kubernetes.kubeconfig:
        paths = str(Path(kubernetes.kubeconfig).expanduser())
    if kubernetes.context:
        chosen = {"apiVersion": "v1", "kind": "Config", "current-context": kubernetes.context}
        first = folder / "context"
        first.write_text(json.dumps({**chosen, "contexts": [], "clusters": [], "users": []}))
        paths = f"{first}{os.pathsep}{paths}"
    if kubernetes.kubeconfig or kubernetes.context:
        given["KUBECONFIG"] = paths
    if kubernetes.proxy:
        given |= {"HTTPS_PROXY": kubernetes.proxy, "HTTP_PROXY": kubernetes.proxy}
    # What a step calls as hubops is this one, wherever it is installed.
    given["PATH"] = os.pathsep.join([given.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    return given | _flags(options) | {"NO_COLOR": "1", "TERM": "dumb"}


def _flags(options: Options) -> dict[str, str]:
    """The flags of this run as the variables that hubops reads."""
    flags = {
        "HUBOPS_CONFIG": options.config_file and str(options.config_file),
        "HUBOPS_CHECKS": os.pathsep.join(map(str, options.check_folders)),
        "HUBOPS_KUBERNETES__CONTEXT": options.context,
        "HUBOPS_KUBERNETES__KUBECONFIG": options.kubeconfig,
        "HUBOPS_PROMETHEUS__URL": options.prometheus_url,
        "HUBOPS_ALERTMANAGER__URL": options.alertmanager_url,
        "HUBOPS_DEADLINE": options.deadline and f"{options.deadline.total_seconds():g}s",
        "HUBOPS_LOKI__URL": options.loki_url,
    }
    return {name: value for name, value in flags.items() if value}
