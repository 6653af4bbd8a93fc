"""Kubernetes' own protobuf schema: the generated.proto files of two Go modules, read into messages and fields."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The version that the schema is generated from: the newest that the tests know.
CURRENT = "v0.36.3"
#: Where the kinds of hubops.model.kube live, by API group and version.
PACKAGES = {
    "v1": "k8s.io.api.core.v1",
    "apps/v1": "k8s.io.api.apps.v1",
    "batch/v1": "k8s.io.api.batch.v1",
    "storage.k8s.io/v1": "k8s.io.api.storage.v1",
    "discovery.k8s.io/v1": "k8s.io.api.discovery.v1",
    "admissionregistration.k8s.io/v1": "k8s.io.api.admissionregistration.v1",
    "policy/v1": "k8s.io.api.policy.v1",
    "autoscaling/v2": "k8s.io.api.autoscaling.v2",
    "networking.k8s.io/v1": "k8s.io.api.networking.v1",
    "rbac.authorization.k8s.io/v1": "k8s.io.api.rbac.v1",
    "coordination.k8s.io/v1": "k8s.io.api.coordination.v1",
    "scheduling.k8s.io/v1": "k8s.io.api.scheduling.v1",
    "certificates.k8s.io/v1": "k8s.io.api.certificates.v1",
}
_SHARED = ("pkg/api/resource", "pkg/apis/meta/v1", "pkg/runtime", "pkg/util/intstr")

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PACKAGE = re.compile(r"^package ([\w.]+);", re.MULTILINE)
_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^ *(?:(optional|repeated) ([\w.]+)|map<string, ([\w.]+)>) (\w+) = (\d+);", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """One field; `type` is a scalar or the full name of a message, of a map's values where `label` is "map"."""

    name: str
    number: int
    label: str  # optional, repeated, map
    type: str


Message = Mapping[str, Field]


@functools.cache
def messages(version: str = CURRENT) -> Mapping[str, Message]:
    """The messages of k8s.io/api and k8s.io/apimachinery at *version*, by full name."""
    api, machinery = _module("k8s.io/api", version), _module("k8s.io/apimachinery", version)
    folders = [api / package.removeprefix("k8s.io.api.").replace(".", "/") for package in PACKAGES.values()]
    folders += [machinery / folder for folder in _SHARED]
    found: dict[str, Message] = {}
    for folder in folders:
        found |= parse((folder / "generated.proto").read_text())
    return found


def parse(text: str) -> dict[str, Message]:
    """The messages of one generated.proto. Raises ValueError for a line that is neither message nor field."""
    text = _COMMENT.sub("", text)
    package = _PACKAGE.search(text)
    if package is None:
        raise ValueError("no package")
    found: dict[str, Message] = {}
    for name, body in _MESSAGE.findall(text):
        if rest := _FIELD.sub("", body).strip():
            raise ValueError(f"{name}: not understood: {rest}")
        fields = [
            Field(name, int(number), label or "map", _absolute(scalar or value, package[1]))
            for label, scalar, value, name, number in _FIELD.findall(body)
        ]
        found[f"{package[1]}.{name}"] = {field.name: field for field in fields}
    return found


def _absolute(name: str, package: str) -> str:
    """Messages of the same package are written without it; their names begin in upper case, scalars' do not."""
    return f"{package}.{name}" if name[0].isupper() else name.lstrip(".")


@functools.cache
def _module(path: str, version: str) -> Path:
    """The folder of a Go module, downloaded into Go's module cache when it is not there."""
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("Kubernetes' schema comes from its Go modules: install Go")
    with tempfile.TemporaryDirectory() as empty:  # outside any module, so that no go.mod has a say
        done = subprocess.run(
            [go, "mod", "download", "-json", f"{path}@{version}"],
            cwd=empty,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"go mod download {path}@{version}: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])
