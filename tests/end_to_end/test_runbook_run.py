"""hubops runbook --run with the real kubectl: what it runs, what it asks, what it leaves."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.program import COMMAND, Done, Program
from tests.testbed import build
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

BOOK = """# Mine

## Diagnosis

```bash read-only
kubectl config current-context
kubectl -n {namespace} get {kind}/{name} -o name
```

```bash
touch changed
```

## Verify

```bash read-only
kubectl -n {namespace} logs {pod}
```

```bash read-only
hubops list
```
"""
CHECK = "id: mine\ntitle: Mine\nrounds: [daily]\nseverity: info\nkind: Pod\ncel: 'false'\nsummary: x\n"
TARGET = ("runbook", "mine", "--for", "Namespace/shop/shop", "--run")


class Runbooks:
    """hubops with a runbook of the test, and kubectl on its PATH."""

    def __init__(self, program: Program, folder: Path, kubectl: Path) -> None:
        self.program, self.folder = program, folder
        self.path = f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}"
        self.write(BOOK)

    def write(self, text: str) -> None:
        (self.folder / "mine.yaml").write_text(CHECK)
        (self.folder / "mine.md").write_text(text)

    def __call__(self, *arguments: str | Path) -> Done:
        return self.program(*TARGET, "--checks", self.folder, *arguments, env={"PATH": self.path})

    @contextmanager
    def at_a_terminal(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """hubops with a terminal to type at; gives the process and the other end of the terminal."""
        keyboard, terminal = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *TARGET, "--checks", str(self.folder), *arguments],
            env=self.program.environment(PATH=self.path), cwd=self.program.home,
            stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.close(terminal)
        try:
            yield process, keyboard
        finally:
            process.kill()
            process.communicate()
            os.close(keyboard)


@pytest.fixture
def run(hubops: Program, tmp_path: Path) -> Runbooks:
    folder = tmp_path / "checks"
    folder.mkdir()
    return Runbooks(hubops, folder, build.programs(lambda _: None, ("kubectl",))["kubectl"])


def test_only_what_reads_is_run_and_what_lacks_a_name_is_not(run: Runbooks, tmp_path: Path) -> None:
    document = tmp_path / "incident.md"
    done = run("--yes", "--output", f"markdown={document}", "--output", "rich")
    assert done.code == 3
    assert "2 read-only steps can be run in context testbed:" in done.out
    assert "testbed\n    namespace/shop\n    exit code 0, after" in done.out
    assert "Not run: it has no value for <pod>; give it with --set pod=…" in done.out
    assert "pod-crash-looping" in done.out
    assert "touch" not in done.out
    assert not (run.program.home / "changed").exists()
    text = document.read_text()
    assert "```text\ntestbed\nnamespace/shop\n```\n\nExit code 0, after" in text
    assert "Namespace shop/shop, context testbed, 20" in text


def test_a_step_that_fails_is_shown_with_its_code(run: Runbooks) -> None:
    run.write("# Mine\n\n## Verify\n\n```bash read-only\nkubectl get pod no-such-pod\n```\n")
    done = run("--yes")
    assert done.code == 3
    assert 'pods "no-such-pod" not found' in done.out
    assert "FAILED: exit code 1" in done.out


def test_the_document_on_standard_output_is_nothing_else(run: Runbooks) -> None:
    run.write("# Mine\n\n## Verify\n\n```bash read-only\necho {namespace}; grep nothing /dev/null\n```\n")
    done = run("--yes", "--output", "markdown")
    assert done.code == 0
    assert done.out.startswith("# Mine\n")
    assert "```text\nshop\n```\n\nExit code 1" in done.out
    assert "1 read-only step can be run" in done.err


def test_the_steps_look_at_the_cluster_that_was_named(run: Runbooks, testbed: Testbed, tmp_path: Path) -> None:
    """The context of the flag, in the file of the flag, for kubectl and for hubops."""
    config = json.loads(testbed.kubeconfig.read_text())
    other = {**config["contexts"][0], "name": "123"}
    path = tmp_path / "two"
    path.write_text(json.dumps({**config, "contexts": [*config["contexts"], other]}))
    run.write(
        "# Mine\n\n## Verify\n\n```bash read-only\nkubectl config current-context\n"
        "kubectl get namespace {namespace} -o name\nhubops check node-not-ready --output plain\n```\n"
    )
    before = path.read_text()
    done = run("--yes", "--kubeconfig", path, "--context", "123")
    assert done.code == 0, done.out
    assert "in context 123:" in done.out
    assert "    123\n    namespace/shop\n" in done.out
    assert "CLUSTER   123" in done.out
    assert path.read_text() == before
    done = run("--yes", "--context", "staging")
    assert done.code == 64
    done.only_says("no context 'staging'; known: testbed")


def test_what_cannot_be_run_is_wrong_usage(run: Runbooks) -> None:
    wrong = {
        (): "--run asks before it runs anything, and there is no terminal to ask on; --yes agrees",
        ("--yes", "--as", "bob"): "--run cannot impersonate",
        ("--yes", "--output", "json"): "unknown format 'json'",
    }
    for flags, said in wrong.items():
        done = run(*flags)
        assert (done.code, said in done.err) == (64, True), done.err
        assert "exit code" not in done.out
    run.write("# Mine\n\n## Verify\n\n```bash read-only\nkubectl logs {pod}\n```\n")
    done = run("--yes")
    assert done.code == 64
    done.only_says("no step can be run: there is no value for <pod>; give --for and --set")
    run.write("# Mine\n\n## Verify\n\n```bash\nkubectl delete pod x\n```\n")
    done = run("--yes")
    assert done.code == 64
    done.only_says("this runbook has no read-only step")


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 3), (b"\n", 130)])
def test_a_terminal_is_asked(run: Runbooks, typed: bytes, code: int) -> None:
    with run.at_a_terminal() as (process, keyboard):
        os.write(keyboard, typed)
        out, err = process.communicate(timeout=180)
    assert b"Run these 2 steps? [y/N]" in err
    assert process.returncode == code
    assert (b"exit code 0" in out) == (code == 3)


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 3), (b"n\n", 130)])
def test_an_interrupt_ends_one_step(run: Runbooks, typed: bytes, code: int) -> None:
    run.write(
        "# Mine\n\n## Verify\n\n```bash read-only\ntouch begun; sleep 60\n```\n\n```bash read-only\necho second\n```\n"
    )
    document = run.program.home / "incident.md"
    with run.at_a_terminal("--yes", "--output", f"markdown={document}") as (process, keyboard):
        poll((run.program.home / "begun").exists, "the step runs")
        process.send_signal(signal.SIGINT)
        os.write(keyboard, typed)
        process.communicate(timeout=180)
    assert process.returncode == code
    text = document.read_text()
    assert "ENDED by ^C, after" in text
    assert ("```text\nsecond\n```" in text) == (code == 3)
    assert ("Not run: the run was ended before." in text) == (code == 130)


def test_a_step_that_takes_too_long_is_ended(run: Runbooks) -> None:
    run.write("# Mine\n\n## Verify\n\n```bash read-only\necho begun; sleep 60\n```\n")
    done = run("--yes", "--timeout", "1s")
    assert done.code == 3
    assert "    begun\n    ENDED: out of time, after 1." in done.out
