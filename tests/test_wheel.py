"""The built wheel in an empty folder, as a user gets it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what it depends on, and nothing that only the tests need."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return python


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "hubops.cli", *arguments], capture_output=True, text=True, cwd=cwd, timeout=180, check=False
    )


def test_the_demo_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "demo", "--output", "json=report.json", "--output", "plain", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "critical"
    assert report["counts"]["unknown"] == 0
    assert {finding["check"] for finding in report["findings"]} >= {"pod-crash-looping", "node-not-ready"}


def test_the_wheel_is_what_runs_and_carries_its_content(installed: Path, tmp_path: Path) -> None:
    code = "import hubops; print(hubops.__file__)"
    where = subprocess.run(
        [str(installed), "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=180, check=True
    ).stdout
    assert str(ROOT) not in where
    listed = run(installed, "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "pod-crash-looping" in listed.stdout
    shown = run(installed, "runbook", "pod-crash-looping", "--for", "Deployment/shop/cart", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "shop" in shown.stdout
    played = run(installed, "drill", "gameday", cwd=tmp_path)
    assert "lost-namespace: " in played.stdout, played.stderr


def test_every_module_finds_what_it_imports(installed: Path, tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, hubops
for module in pkgutil.walk_packages(hubops.__path__, "hubops."):
    importlib.import_module(module.name)
"""
    done = subprocess.run(
        [str(installed), "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
