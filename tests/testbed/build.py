"""Finds or builds the programs of the testbed.

A program is taken from $KUBEBUILDER_ASSETS or PATH when its version fits, else built from a pinned Go module and kept
under the cache directory by a hash of everything that the result depends on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tests.testbed.errors import TestbedError

MODULES = Path(__file__).parent / "programs"
KUBERNETES = "v1.36.3"
_KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_COMPONENT = "k8s.io/component-base/version"
_KUBERNETES_FLAGS = (
    f"-s -w -X {_COMPONENT}.gitVersion={KUBERNETES} -X {_COMPONENT}.gitMajor=1 -X {_COMPONENT}.gitMinor=36"
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Family:
    """Programs that are built together from one Go module; `programs` maps a name to what `go build` calls it."""

    packages: tuple[str, ...]
    programs: dict[str, str]
    fits: str
    ldflags: str = "-s -w"
    version_args: tuple[str, ...] = ("--version",)
    module: str = ""  # the folder of its go.mod, where it is not the family's name


@dataclass(frozen=True)
class DebianProgram:
    package: str
    fits: str = field(default=r"version (2\.(3[3-9]|[4-9]\d)|3\.)")
    version_args: tuple[str, ...] = ("--version",)
    parts: dict[str, str] = field(default_factory=dict)  # further packages that it needs, by a file of each


FAMILIES: dict[str, Family] = {
    "etcd": Family(("go.etcd.io/etcd/server/v3",), {"etcd": "server"}, fits=r"etcd Version: 3\.[6-9]\."),
    "etcd-tools": Family(
        tuple(f"go.etcd.io/etcd/{name}/v3" for name in ("etcdctl", "etcdutl")),
        {"etcdctl": "etcdctl", "etcdutl": "etcdutl"},
        fits=r"etcd(ctl|utl) version: 3\.[6-9]\.",
        version_args=("version",),
    ),
    # A store that speaks S3, over a folder.
    "versitygw": Family(
        ("github.com/versity/versitygw/cmd/versitygw",),
        {"versitygw": "versitygw"},
        fits=r"Version  : v?1\.",
        ldflags="-s -w -X main.Version=v1.8.0",
    ),
    "kubernetes": Family(
        tuple(f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES_PROGRAMS),
        {name: name for name in _KUBERNETES_PROGRAMS},
        fits=r"Kubernetes v1\.36\.",
        ldflags=_KUBERNETES_FLAGS,
    ),
    # Apart from the servers: most machines have one that fits.
    "kubectl": Family(
        ("k8s.io/kubernetes/cmd/kubectl",),
        {"kubectl": "kubectl"},
        fits=r"Client Version: v1\.(2[89]|[3-9]\d)\.",
        ldflags=_KUBERNETES_FLAGS,
        version_args=("version", "--client"),
        module="kubernetes",
    ),
    "kwok": Family(("sigs.k8s.io/kwok/cmd/kwok",), {"kwok": "kwok"}, fits=r"v?0\.8\."),
    "kube-state-metrics": Family(
        ("k8s.io/kube-state-metrics/v2",),
        {"kube-state-metrics": "kube-state-metrics"},
        fits=r"v?2\.1[89]\.",
        ldflags="-s -w -X github.com/prometheus/common/version.Version=v2.18.0",
        version_args=("version",),
    ),
    "helm": Family(
        ("helm.sh/helm/v3/cmd/helm",),
        {"helm": "helm"},
        fits=r"v3\.(1[2-9]|2\d)\.",
        ldflags="-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
        version_args=("version", "--short"),
    ),
    "helm4": Family(
        ("helm.sh/helm/v4/cmd/helm",),
        {"helm4": "helm"},
        fits=r"v4\.",
        ldflags="-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1",
        version_args=("version", "--short"),
    ),
    "loki": Family(
        ("github.com/grafana/loki/v3/cmd/loki",),
        {"loki": "loki"},
        fits=r"version v?3\.",
        ldflags="-s -w -X github.com/grafana/loki/v3/pkg/util/build.Version=3.7.8",
        version_args=("-version",),
    ),
    "promtail": Family(
        (".",),  # our own main.go around its packages
        {"promtail": "promtail"},
        fits=r"promtail, version v?(2\.[89]|3)\.",
        version_args=("-version",),
    ),
    # Our own main.go around Alloy's pipeline; what it leaves out, and why, stands there.
    "alloy-pipeline": Family(
        (".",), {"alloy-pipeline": "testbed"}, fits=r"alloy-pipeline, version v1\.", version_args=("-version",)
    ),
    # The versions that kube-prometheus-stack 56 installs: what they take decides, not what newer ones would.
    "alertmanager": Family(
        tuple(f"github.com/prometheus/alertmanager/cmd/{name}" for name in ("alertmanager", "amtool")),
        {"alertmanager": "alertmanager", "amtool": "amtool"},
        fits=r"version 0\.26\.",
        ldflags="-s -w -X github.com/prometheus/common/version.Version=0.26.0",
    ),
    "prometheus-operator": Family(
        ("github.com/prometheus-operator/prometheus-operator/cmd/operator",),
        {"prometheus-operator": "operator"},
        fits=r"prometheus-operator, version 0\.71\.",
        ldflags="-s -w -X github.com/prometheus/common/version.Version=0.71.2",
    ),
    # What NetworkPolicies let through, without a cluster: a second opinion.
    "cyclonus": Family((".",), {"cyclonus": "cyclonus"}, fits=r"cyclonus 0\.5\."),
    # What Gatekeeper decides, without a cluster.
    "gatekeeper": Family(
        ("github.com/open-policy-agent/gatekeeper/v3/cmd/gator",),
        {"gator": "gator"},
        fits=r"gator version v3\.(1[5-9]|2\d)\.",
        ldflags="-s -w -X github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version=v3.23.1",
    ),
    # What Istio thinks of its objects, without a cluster. Go knows no tag of its releases: a commit of its master.
    "istio": Family(
        ("istio.io/istio/istioctl/cmd/istioctl",),
        {"istioctl": "istioctl"},
        fits=r"client version: 1\.(2\d|3\d)",
        ldflags="-s -w -X istio.io/istio/pkg/version.buildVersion=1.31-20260827",
        version_args=("version", "--remote=false"),
    ),
}

# Only for a real node (tests/testbed/node): the newest kubelet that takes cgroup v1 and Debian's containerd.
NODE_KUBERNETES = "v1.34.4"
OPTIONAL: dict[str, Family] = {
    "node": Family(
        ("k8s.io/kubernetes/cmd/kubelet", "k8s.io/kubernetes/cmd/kube-proxy"),
        {"kubelet": "kubelet", "kube-proxy": "kube-proxy"},
        fits=r"Kubernetes v1\.34\.",
        ldflags=f"-s -w -X {_COMPONENT}.gitVersion={NODE_KUBERNETES} "
        f"-X {_COMPONENT}.gitMajor=1 -X {_COMPONENT}.gitMinor=34",
    ),
    # Only for volumes that are provisioned and snapshots of them (tests/testbed/csi.py).
    "csi-snapshotter": Family(
        tuple(
            f"github.com/kubernetes-csi/external-snapshotter/v8/cmd/{name}"
            for name in ("snapshot-controller", "csi-snapshotter")
        ),
        {"snapshot-controller": "snapshot-controller", "csi-snapshotter": "csi-snapshotter"},
        fits=r"r v8\.",
        ldflags="-s -w -X main.version=v8.7.0",
        module="csi",
    ),
    "csi-provisioner": Family(
        ("github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner",),
        {"csi-provisioner": "csi-provisioner"},
        fits=r"r v6\.",
        ldflags="-s -w -X main.version=v6.4.0",
        module="csi",
    ),
    # Only for backups by Velero (tests/testbed/velero.py): its server and the plugin that speaks S3.
    "velero": Family(
        ("github.com/vmware-tanzu/velero/cmd/velero",),
        {"velero": "velero"},
        fits=r"Version: v1\.1[5-9]\.",
        ldflags="-s -w -X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v1.18.3",
        version_args=("version", "--client-only"),
    ),
    "velero-plugin-for-aws": Family(
        ("github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws",),
        {"velero-plugin-for-aws": "velero-plugin-for-aws"},
        fits=r"v1\.1[0-9]\.",
    ),
    # Our own: that of kubernetes-csi for folders is in no module that can be had.
    "csi-driver": Family((".",), {"csi-driver": "csi"}, fits=r"csi-driver 1\.", module="csi"),
}
CSI = ("csi-snapshotter", "csi-provisioner", "csi-driver")
VELERO = ("velero", "velero-plugin-for-aws")

DEBIAN: dict[str, DebianProgram] = {
    "mariadbd": DebianProgram(
        "mariadb-server-core", fits=r"Ver 1[01]\.", parts={"/usr/bin/mariadb": "mariadb-client-core"}
    ),
    # With the server, which Debian keeps off PATH: /usr/lib/postgresql/<version>/bin.
    "psql": DebianProgram(
        "postgresql", fits=r"PostgreSQL\) 1[3-9]\.", parts={"/usr/share/doc/postgresql/copyright": "postgresql"}
    ),
    "prometheus": DebianProgram("prometheus"),
    "promtool": DebianProgram("prometheus"),
    "prometheus-alertmanager": DebianProgram("prometheus-alertmanager", fits=r"version 0\.2[3-9]\."),
    "nginx": DebianProgram(
        "nginx",
        fits=r"nginx/1\.2\d\.",
        version_args=("-v",),
        parts={
            "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so": "libnginx-mod-http-modsecurity",
            "/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so": "libnginx-mod-http-headers-more-filter",
            "/usr/share/modsecurity-crs/owasp-crs.load": "modsecurity-crs",
        },
    ),
    "jq": DebianProgram("jq", fits=r"jq-1\."),
    # What pages look like.
    "chromium": DebianProgram("chromium", fits=r"Chromium 1[1-9]\d\."),
}

CONTROL_PLANE = ("etcd", "kubernetes")


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hubops" / "testbed"


@lru_cache
def _go_version() -> str:
    return _run(["go", "env", "GOVERSION"]).strip()


def _run(argv: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestbedError(f"{' '.join(argv[:3])} … failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _fitting(program: str, version_args: Iterable[str], fits: str) -> Path | None:
    """The program on $KUBEBUILDER_ASSETS or PATH, when the version that it prints fits."""
    search = os.pathsep.join(filter(None, [os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH")]))
    found = shutil.which(program, path=search)
    if not found:
        return None
    said = subprocess.run([found, *version_args], capture_output=True, text=True, check=False)
    return Path(found) if re.search(fits, said.stdout + said.stderr) else None


def _cached(name: str, family: Family) -> Path:
    digest = hashlib.sha256()
    folder = MODULES / (family.module or name)
    for file in ("go.mod", "go.sum", *sorted(each.name for each in folder.glob("*.go"))):
        digest.update((folder / file).read_bytes())
    digest.update(repr((family.packages, family.programs, family.ldflags, _go_version())).encode())
    return cache_home() / f"{name}-{digest.hexdigest()[:16]}" / "bin"


def _build(name: str, family: Family, target: Path, say: Say) -> None:
    """Build into a temporary directory and rename it, so that a killed build never looks finished."""
    say(f"building {', '.join(family.programs)} …")
    began = time.monotonic()
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent.parent))
    try:
        (scratch / "bin").mkdir()
        # Compiled without what debuggers need, which -s and -w leave out of the programs anyway: a tenth less work.
        flags = ["-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", family.ldflags]
        _run(
            ["go", "build", *flags, "-o", f"{scratch / 'bin'}/", *family.packages],
            cwd=MODULES / (family.module or name),
        )
        for program, built_as in family.programs.items():
            (scratch / "bin" / built_as).rename(scratch / "bin" / program)
        if not target.parent.exists():
            scratch.chmod(0o755)
            scratch.rename(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say(f"built {name} in {time.monotonic() - began:.0f} s")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process at a time makes what *name* is: who comes meanwhile waits, and finds it done."""
    cache_home().mkdir(parents=True, exist_ok=True)
    with (cache_home() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _family_programs(name: str, say: Say) -> dict[str, Path]:
    family = (FAMILIES | OPTIONAL)[name]
    there = {program: _fitting(program, family.version_args, family.fits) for program in family.programs}
    fitting = {program: path for program, path in there.items() if path}
    if len(fitting) == len(family.programs):
        return fitting
    if not shutil.which("go"):
        raise TestbedError(f"{', '.join(family.programs)}: no fitting version on PATH, and no Go to build it with")
    target = _cached(name, family)
    if not target.is_dir():
        with _alone(name):
            if not target.is_dir():
                _build(name, family, target, say)
    return {program: target / program for program in family.programs}


def _debian_program(name: str) -> Path | None:
    program = DEBIAN[name]
    complete = all(Path(file).exists() for file in program.parts)
    return _fitting(name, program.version_args, program.fits) if complete else None


def debian_programs(say: Say, names: Iterable[str] = tuple(DEBIAN)) -> dict[str, Path]:
    """The named programs of Debian, installed when missing; raises TestbedError where that is not possible."""
    wanted = tuple(names)
    missing = [DEBIAN[name] for name in wanted if _debian_program(name) is None]
    if missing:
        with _alone("debian"):
            install(sorted({package for each in missing for package in (each.package, *each.parts.values())}), say)
    found = {name: _debian_program(name) for name in wanted}
    fitting = {name: path for name, path in found.items() if path}
    if len(fitting) < len(found):
        raise TestbedError(f"no fitting version of {', '.join(sorted(found.keys() - fitting.keys()))} on PATH")
    return fitting


def install(packages: list[str], say: Say) -> None:
    """Install Debian packages; without root or apt-get, raise with the command that would."""
    command = f"apt-get install --no-install-recommends -y {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise TestbedError(f"not installed: {', '.join(packages)} (as root: {command})")
    say(f"installing {', '.join(packages)} …")
    _run(["apt-get", "update", "-q"])
    _run(command.split())


def programs(say: Say = print, families: Iterable[str] = tuple(FAMILIES)) -> dict[str, Path]:
    """Every program of the given families by name, made when missing; Debian's too when all are asked for."""
    wanted = tuple(families)
    paths: dict[str, Path] = {}
    # Two at a time: while one is linked or waits for its modules, the other is compiled.
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda name: _family_programs(name, say), wanted):
            paths |= found
    if len(wanted) == len(FAMILIES):
        paths |= debian_programs(say)
    return paths


def search_path(*families: str) -> str:
    """A PATH on which the programs of these families are found before any others."""
    folders = [str(path.parent) for path in programs(families=families).values()]
    return os.pathsep.join([*dict.fromkeys(folders), os.environ.get("PATH", os.defpath)])
