"""Images without a registry and without a daemon: OCI archives put together from files."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_USERS = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


@dataclass(frozen=True)
class Image:
    """One root file system under all the *names* that it shall be known by."""

    names: tuple[str, ...]
    layer: bytes
    command: tuple[str, ...]
    environment: tuple[str, ...] = ("PATH=/usr/local/bin:/usr/bin:/bin",)
    labels: Mapping[str, str] = field(default_factory=dict)


def layer(files: Mapping[str, bytes], links: Mapping[str, str], directories: Iterable[str] = ()) -> bytes:
    """A tar of executable *files*, symbolic *links* (path to target) and writable *directories*."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in directories:
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()


def busybox(program: Path, applets: Iterable[str], names: tuple[str, ...]) -> Image:
    """A statically linked busybox with a link for each of its *applets*."""
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    root = layer({"bin/busybox": program.read_bytes(), "etc/passwd": _USERS.encode()}, links, ("tmp", "www"))
    return Image(names, root, ("/bin/sleep", "infinity"))


def write(archive: Path, images: Iterable[Image]) -> Path:
    """Write an OCI archive of *images* that `ctr images import` reads."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    manifests = []
    for image in images:
        root = blob(image.layer, _LAYER)
        config = blob(_json(_config(image, root["digest"])), _CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [root]}
        entry = blob(_json(manifest), _MANIFEST)
        manifests += [entry | {"annotations": {"io.containerd.image.name": name}} for name in image.names]
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))
        for digest, content in blobs.items():
            _add(tar, f"blobs/sha256/{digest}", content)
    return archive


def _config(image: Image, digest: str) -> dict[str, Any]:
    return {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Cmd": list(image.command), "Env": list(image.environment), "Labels": dict(image.labels)},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    }


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
