"""Tarballs as Velero writes them (pkg/backup/item_backupper.go, getFileForArchive), and as nobody should."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Object = dict[str, Any]


def tarball(
    path: Path, items: Iterable[tuple[str, Object]], *, version: str = "1.1.0", odd: Iterable[tarfile.TarInfo] = ()
) -> Path:
    """A tarball of *items*, each with its resource ("deployments.apps"); *odd* are further entries, without content."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "metadata/version", f"{version}\n".encode())
        for resource, item in items:
            metadata = item["metadata"]
            space = f"namespaces/{metadata['namespace']}" if "namespace" in metadata else "cluster"
            number = item["apiVersion"].rpartition("/")[2]
            for folder in ("", f"{number}-preferredversion/"):
                _add(tar, f"resources/{resource}/{folder}{space}/{metadata['name']}.json", json.dumps(item).encode())
        for entry in odd:
            tar.addfile(entry)
    return path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))
