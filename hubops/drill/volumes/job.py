"""The Job that looks at a restored volume, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubops.config.backup import VolumeDrillConfig
from hubops.model.text import inert, redact

Manifest = dict[str, Any]

DATA, DEVICE = "/data", "/dev/data"
_RESULT = "/dev/termination-log"  # the kubelet keeps 4096 bytes of it
#: What is not in the message of a Job whose tools are not as expected, or were killed, is not proven.
_ERRORS = """\
3>&1 | awk '{ n++ } /Permission denied/ { if (d++) next } ++k <= 3 { print substr($0, 1, 200) }
  END { print n + 0 > "/tmp/errors"; print d + 0 > "/tmp/denied" }' > /tmp/first"""
#: Every file is read once; names and sums are summed in the order of the names. With busybox's tools alone.
_READ_FILES = f"""\
cd {DATA} || exit 90
find . -xdev -type f -print0 2>/dev/null | tr -dc '\\000' | wc -c > /tmp/files
find . -xdev -type f -exec stat -c %s {{}} + 2>/dev/null \\
  | awk '{{ sum += $1 }} END {{ printf "%.0f\\n", sum }}' > /tmp/bytes
{{ find . -xdev -type f -print0 2>&3 | sort -z | xargs -0 -r sha256sum 2>&3 \\
  | awk '{{ print }} END {{ print NR > "/tmp/read" }}' | sha256sum > /tmp/sum; }} {_ERRORS}
"""
_READ_DEVICE = f"""\
echo 1 > /tmp/files; mkfifo /tmp/pipe; wc -c < /tmp/pipe > /tmp/bytes &
{{ cat {DEVICE} 2>&3 | tee /tmp/pipe | sha256sum > /tmp/sum; }} {_ERRORS}
wait
awk '{{ print ($1 > 0) }}' /tmp/bytes > /tmp/read
"""
_COUNTS = ("files", "bytes", "read", "errors", "denied")
_TELL = f"""\
{{ for each in {" ".join(_COUNTS)}; do echo "$each=$(head -n 1 /tmp/$each | tr -d ' ')"; done
  echo "sha256=$(cut -c 1-64 /tmp/sum)"; sed 's/^/error=/' /tmp/first; }} | tee {_RESULT}
"""


@dataclass(frozen=True)
class Read:
    """What a Job has read: all that is there, or not."""

    files: int
    bytes: int
    read: int  # files
    sha256: str
    problems: int  # files and folders that could not be read
    denied: int  # those of them that the Job's user may not read: no fault of the volume
    first: tuple[str, ...]  # of them, in the words of what tried
    complete: bool


def script(block: bool) -> str:
    """The shell script that reads everything and tells what it was."""
    return (_READ_DEVICE if block else _READ_FILES) + _TELL


def result(message: str) -> Read | None:
    """What the script has told; None where that is not its message."""
    lines = [line.partition("=") for line in message.splitlines()]
    told = {key: value for key, _, value in lines}
    try:
        files, size, read, problems, denied = (int(told[key]) for key in _COUNTS)
    except (KeyError, ValueError):
        return None
    first = tuple(inert(redact(value), limit=200) for key, _, value in lines if key == "error")
    sha256 = told.get("sha256", "")
    complete = problems == 0 and read >= files and len(sha256) == 64
    return Read(files, size, read, sha256, problems, denied, first, complete)


def job(
    name: str, namespace: str, labels: Mapping[str, str], claim: str, settings: VolumeDrillConfig, *, block: bool,
    seconds: int,
) -> Manifest:  # fmt: skip
    """The Job: as Pod Security's `restricted` wants it, without a token, at most once, and for so many *seconds*."""
    command: Sequence[str] = settings.command or ("sh", "-c", script(block))
    container: Manifest = {
        "name": "look",
        "image": settings.image,
        "command": list(command),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    if block:
        container["volumeDevices"] = [{"name": "data", "devicePath": DEVICE}]
    else:
        container["volumeMounts"].append({"name": "data", "mountPath": DATA, "readOnly": True})
        container["workingDir"] = DATA
    pod: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": settings.run_as,
            "runAsGroup": settings.run_as,
            "fsGroup": settings.run_as,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"namespace": namespace, "name": name, "labels": dict(labels)},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(seconds, 1),
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }
