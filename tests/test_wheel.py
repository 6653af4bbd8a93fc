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
    """A fresh environment that holds the wheel; its dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    site = next((folder / "venv" / "lib").glob("python3*/site-packages"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    outer = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    # After the wheel's own folder, so that only what the wheel lacks comes from there; the editable hook is not read.
    (site / "dependencies.pth").write_text(f"{outer}\n")
    return folder / "venv" / "bin" / "python"


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "hubops.cli", *arguments], capture_output=True, text=True, cwd=cwd, timeout=60, check=False
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
        [str(installed), "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True
    ).stdout
    assert str(ROOT) not in where
    listed = run(installed, "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "pod-crash-looping" in listed.stdout
    shown = run(installed, "runbook", "pod-crash-looping", "--for", "Deployment/shop/cart", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "shop" in shown.stdout
