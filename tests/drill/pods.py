"""Pods of drills end as on a node, where there is none: what a Job would run is run here, on the folder of its volume.

For what a real node cannot be made to do in time; tests/drill/test_volumes_on_a_node.py has the real one.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hubops.backup.volumes.snapshots import DRILL
from hubops.drill.volumes.scratch import NAME
from tests.testbed.csi import Csi
from tests.testbed.errors import TestbedError


class Pods:
    """`seen` are the pods that ran, by their namespaces. `held` is set to let none begin."""

    def __init__(self, csi: Csi) -> None:
        self.csi = csi
        self.seen: dict[str, dict[str, Any]] = {}
        self.failed: list[BaseException] = []
        self.held = threading.Event()
        self._over = threading.Event()

    def follow(self) -> None:
        while not self._over.wait(0.2):
            try:
                if not self.held.is_set():
                    for pod in self.csi.bed.api.list("Pod", labelSelector=DRILL):
                        if pod["status"].get("phase") == "Pending" and pod["metadata"]["namespace"] not in self.seen:
                            self._run(pod)
            except TestbedError as error:  # its namespace went away in the meantime
                self.failed.append(error)

    def end(self) -> None:
        self._over.set()

    def _run(self, pod: dict[str, Any]) -> None:
        namespace, [container] = pod["metadata"]["namespace"], pod["spec"]["containers"]
        volume = self.csi.files(namespace, NAME)
        self.seen[namespace] = pod
        with tempfile.TemporaryDirectory() as scratch:
            places = {"/dev/termination-log": f"{scratch}/message", "/dev/data": f"{volume}/device",
                      "/data": str(volume), "/tmp/": f"{scratch}/"}  # fmt: skip
            command = [moved(word, places) for word in container["command"]]
            done = subprocess.run(command, cwd=volume, capture_output=True, text=True, check=False)
            message = Path(f"{scratch}/message")
            said = message.read_text() if message.exists() else (done.stdout + done.stderr if done.returncode else "")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        terminated = {"exitCode": done.returncode, "message": said, "startedAt": now, "finishedAt": now}
        status = {"name": "look", "image": container["image"], "imageID": "", "ready": False, "restartCount": 0,
                  "state": {"terminated": terminated}}  # fmt: skip
        phase = "Failed" if done.returncode else "Succeeded"
        self.csi.bed.api.set_status(
            {"apiVersion": "v1", "kind": "Pod", **pod}, {"phase": phase, "containerStatuses": [status]}
        )


@contextmanager
def pods_end(csi: Csi) -> Iterator[Pods]:
    """While this lasts, pods of drills run."""
    pods = Pods(csi)
    thread = threading.Thread(target=pods.follow, name="pods", daemon=True)
    thread.start()
    try:
        yield pods
    finally:
        pods.end()
        thread.join()


def moved(word: str, places: Mapping[str, str]) -> str:
    """*word* with the paths of the container where they are here; each is replaced once."""
    for number, path in enumerate(places):
        word = word.replace(path, f"\0{number}\0")
    for number, here in enumerate(places.values()):
        word = word.replace(f"\0{number}\0", here)
    return word
