"""The servers that a drill starts on what was restored: etcd, and the API server on it. Both on loopback alone, both
for the drill's own client certificate alone.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from hubops.clients.retry import Deadline
from hubops.drill.etcd.certificates import Certificates
from hubops.drill.etcd.scratch import Program, Scratch
from hubops.errors import Permanent, UsageError
from hubops.model.text import inert

_ADDRESS = "127.0.0.1"
#: Ports are free when they are looked for, and may be taken when they are used.
_ATTEMPTS = 3
_TAKEN = "address already in use"
_VERSION_TIMEOUT = 20.0  # seconds
#: Nothing but reads is asked of the API server; what it does by itself must reach nobody.
_ADMISSION = (
    "MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "MutatingAdmissionPolicy", "ValidatingAdmissionPolicy",
    "ResourceQuota", "LimitRanger",
)  # fmt: skip


def find(program: str) -> Path:
    """Where *program* is on PATH. Raises UsageError where it is not."""
    found = shutil.which(program)
    if found is None:
        raise UsageError(f"{program} is not on PATH; a drill restores into one of its own")
    return Path(found).absolute()


def version(program: Path) -> str:
    """The version that *program* says it has, as it writes it. Raises Permanent where it says none."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Permanent(f"{program} --version failed: {inert(str(error), limit=200)}") from error
    first = next(iter(said.splitlines()), "")
    return inert(first.removeprefix("etcd Version:").removeprefix("Kubernetes").strip(), limit=60) or "unknown"


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((_ADDRESS, 0))
        return int(probe.getsockname()[1])


def start_etcd(
    place: Scratch, program: Path, data: Path, certificates: Certificates, *, quota: int,
    answers: Callable[[str], bool], deadline: Deadline, port: Callable[[], int] = free_port,
) -> str:  # fmt: skip
    """Start etcd on the folder *data*; returns its URL once it *answers*. Raises Permanent where it does not come up.

    *quota* is how large, in bytes, its database may become.
    """

    def attempt() -> tuple[Program, str]:
        url, peer = f"https://{_ADDRESS}:{port()}", f"https://{_ADDRESS}:{port()}"
        tls = {
            "cert-file": certificates.server, "key-file": certificates.server_key,
            "trusted-ca-file": certificates.ca, "client-cert-auth": "true",
        }  # fmt: skip
        flags = {
            "data-dir": data, "quota-backend-bytes": quota, "logger": "zap", "log-level": "warn",
            "listen-client-urls": url, "advertise-client-urls": url, "listen-peer-urls": peer,
            **tls, **{f"peer-{name}": value for name, value in tls.items()},
        }  # fmt: skip
        return place.start([str(program), *_flags(flags)]), url

    return _up(attempt, answers, deadline)


def start_api_server(
    place: Scratch, program: Path, etcd: str, certificates: Certificates, *, prefix: str,
    encryption_config: str | None, ready: Callable[[Path], Callable[[], bool]], deadline: Deadline,
    port: Callable[[], int] = free_port,
) -> Path:  # fmt: skip
    """Start kube-apiserver on the etcd at the URL *etcd*; returns a kubeconfig for it once it is *ready*.

    Raises Permanent where it does not come up.
    """
    blocked = _blocked(place.folder)
    kubeconfig = place.folder / "kubeconfig"

    def attempt() -> tuple[Program, str]:
        number = port()
        flags: dict[str, object] = {
            "etcd-servers": etcd, "etcd-cafile": certificates.ca, "etcd-prefix": prefix,
            "etcd-certfile": certificates.client, "etcd-keyfile": certificates.client_key,
            "bind-address": _ADDRESS, "advertise-address": _ADDRESS, "secure-port": number,
            "tls-cert-file": certificates.server, "tls-private-key-file": certificates.server_key,
            "client-ca-file": certificates.ca, "authorization-mode": "RBAC", "anonymous-auth": "false",
            "service-account-issuer": "https://drill.invalid", "service-account-key-file": certificates.accounts_key,
            "service-account-signing-key-file": certificates.accounts_key, "service-cluster-ip-range": "10.96.0.0/12",
            "endpoint-reconciler-type": "none", "disable-admission-plugins": ",".join(_ADMISSION),
            "egress-selector-config-file": blocked, "profiling": "false",
        }  # fmt: skip
        if encryption_config:
            flags["encryption-provider-config"] = Path(encryption_config).absolute()
        url = f"https://{_ADDRESS}:{number}"
        _write_kubeconfig(kubeconfig, url, certificates)
        return place.start([str(program), *_flags(flags)]), url

    def answers(_: str) -> bool:
        return ready(kubeconfig)()

    _up(attempt, answers, deadline)
    return kubeconfig


def _up(attempt: Callable[[], tuple[Program, str]], answers: Callable[[str], bool], deadline: Deadline) -> str:
    """The URL of what *attempt* started, once it answers; with other ports where another program was faster."""
    for left in reversed(range(_ATTEMPTS)):
        program, url = attempt()
        try:
            program.wait_until(lambda url=url: answers(url), deadline)  # type: ignore[misc]
            return url
        except Permanent:
            if program.running or not left or _TAKEN not in program.log.read_text(errors="replace"):
                raise
    raise AssertionError


def _flags(flags: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _blocked(folder: Path) -> Path:
    """An egress configuration that leads all that the API server would ask of the cluster (webhooks, aggregated APIs,
    nodes) to a socket that nobody serves: the real ones may be reachable from here.
    """
    nobody = {"proxyProtocol": "GRPC", "transport": {"uds": {"udsName": str(folder / "nobody.sock")}}}
    document = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": name, "connection": nobody} for name in ("cluster", "controlplane")],
    }
    path = folder / "egress.json"
    path.write_text(json.dumps(document))
    return path


def _write_kubeconfig(path: Path, server: str, certificates: Certificates) -> None:
    user = {"client-certificate": str(certificates.client), "client-key": str(certificates.client_key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "drill", "cluster": {"server": server, "certificate-authority": str(certificates.ca)}}],
        "users": [{"name": "drill", "user": user}],
        "contexts": [{"name": "drill", "context": {"cluster": "drill", "user": "drill"}}],
        "current-context": "drill",
    }
    path.write_text(json.dumps(document))
