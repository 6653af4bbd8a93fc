"""The entry point: help, exit codes and the error boundary, as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hubops.cli import VERBS


def hubops(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubops.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def test_help_names_every_verb_and_exit_code() -> None:
    shown = hubops("--help").stdout
    assert all(f"\n  {name} " in shown for name in VERBS)
    assert all(f"\n    {code} " in shown for code in (0, 1, 2, 3, 64, 69, 70, 75, 130))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb: str) -> None:
    done = hubops(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    """What makes --help slow is what it imports; the time itself is measured by the bench."""
    code = (
        "import sys; from hubops.cli import _run; _run(['--help']); "
        "print(sorted({'kubernetes', 'requests', 'rich', 'google.protobuf', 'yaml', 'cel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.endswith("[]\n"), done.stdout[-300:]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dialy",), "No such command 'dialy'"),
        (("daily", "--colour"), "No such option"),
        (("daily", "--output", "jsn"), "json"),
        (("daily", "--deadline", "soon"), "is not a duration"),
        (("check",), "Missing argument"),
        (("check", "pod-crash-lopping"), "pod-crash-looping"),
        (("explain", "nothing"), "nothing"),
        (("daily", "--as-group", "sre"), "--as-group needs --as"),
        (("daily", "--snapshot", "missing.gz"), "missing.gz"),
        (("daily", "--config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_wrong_usage_is_one_sentence_and_64(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = hubops(*arguments, cwd=tmp_path)
    assert done.returncode == 64, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_cluster_at_all_is_69(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {}}]\n"
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    done = hubops("daily", "--kubeconfig", str(kubeconfig), cwd=tmp_path)
    assert done.returncode == 69, done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
