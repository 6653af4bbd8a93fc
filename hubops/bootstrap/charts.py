"""The charts of a stack as files: fetched once from their repositories, kept by repository, name and version."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import yaml

from hubops.clients.helm import ChartFile, Helm
from hubops.errors import Permanent, Retryable
from hubops.model.text import inert
from hubops.stack.structure import Chart

#: Seconds that a repository gets for its index and the archive; that of prometheus-community is over 10 MB.
TIMEOUT = 120.0


class Charts:
    """*repositories* are URLs by name, *folder* is where the archives are kept."""

    def __init__(self, helm: Helm, repositories: Mapping[str, str], folder: Path, *, timeout: float = TIMEOUT) -> None:
        self._helm = helm
        self._repositories = repositories
        self._folder = folder
        self._timeout = timeout
        self._locks: dict[Path, threading.Lock] = {}
        self._guard = threading.Lock()
        self._silent: dict[str, Retryable] = {}  # by URL; not asked again for the next chart

    def fetch(self, chart: Chart) -> ChartFile:
        """The archive of *chart*. Raises Retryable and Permanent with the repository's URL and what it answered."""
        url = self._repositories[chart.repository]
        kept = self._folder / hashlib.sha256(url.encode()).hexdigest()[:12] / f"{chart.name}-{chart.version}.tgz"
        with self._guard:
            lock = self._locks.setdefault(kept, threading.Lock())
        with lock:
            if not kept.is_file():
                self._pull(url, chart, kept)
        return ChartFile(kept, chart.name, chart.version)

    def _pull(self, url: str, chart: Chart, kept: Path) -> None:
        """Fetch beside its place and move it there once it was looked at, so that a killed run leaves no half of it."""
        if error := self._silent.get(url):
            raise error
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".pull-") as scratch:
            try:
                found = self._helm.pull(url, chart.name, chart.version, Path(scratch), timeout=self._timeout)
                _look(found, chart, url)
            except Retryable as error:
                self._silent[url] = Retryable(f"{url}: {error}")
                raise self._silent[url] from error
            except Permanent as error:
                raise Permanent(f"chart {chart.name} {chart.version} of {url}: {error}") from error
            found.path.replace(kept)


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where charts, and helm's own caches, are kept: $XDG_CACHE_HOME/hubops/charts."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hubops" / "charts"


def _look(found: ChartFile, chart: Chart, url: str) -> None:
    """Raises Permanent where the archive is not of *chart*."""
    try:
        with tarfile.open(found.path) as archive:
            member = archive.extractfile(f"{chart.name}/Chart.yaml")
            about = yaml.safe_load(member.read()) if member else None
    except (tarfile.TarError, KeyError, OSError, EOFError, yaml.YAMLError) as error:
        raise Permanent(f"what {url} gave is no chart: {inert(str(error), limit=120)}") from error
    if not isinstance(about, dict) or (about.get("name"), about.get("version")) != (chart.name, chart.version):
        given = f"{about.get('name')} {about.get('version')}" if isinstance(about, dict) else "something else"
        raise Permanent(f"{url} gave {inert(given, limit=80)} instead")
