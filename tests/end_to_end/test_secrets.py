"""A canary in every place where a secret may stand: it is in no output, no snapshot and no message."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.server import Server, reply
from tests.end_to_end.program import Program
from tests.testbed.api import Object
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS
from tests.testbed.faults.injected import injected
from tests.testbed.faults.pods import BrokenPods
from tests.testbed.telemetry import stream

CANARY = "cAnArY7f3d9e"
FORMATS = ("rich", "plain", "json", "markdown")
APP = "tweeter"
CHECK = """id: any-pod
title: Any pod
rounds: [daily]
severity: info
kind: Pod
cel: object.spec.containers.all(c, has(c.image))
summary: "{name} runs"
"""


@dataclasses.dataclass(frozen=True)
class LoudPods(BrokenPods):
    """Pods that crash, with the canary in their environment and annotations."""

    @property
    def workload(self) -> Object:
        made = super().workload
        template = made["spec"]["template"]
        template["spec"]["containers"][0]["env"] = [{"name": "DATABASE_PASSWORD", "value": CANARY}]
        template["spec"]["containers"][0]["args"] = ["--token", CANARY]
        for meta in (made["metadata"], template["metadata"]):
            meta.setdefault("annotations", {})["example.com/secret"] = CANARY
        return made


@pytest.fixture
def canary(testbed: Testbed) -> Iterator[LoudPods]:
    crash = FAULTS["pod-crash-looping"]
    assert isinstance(crash, BrokenPods)
    fields = {field.name: getattr(crash, field.name) for field in dataclasses.fields(crash)}
    lines = (
        f"level=info msg=connecting url=postgres://shop:{CANARY}@db/shop",
        f'level=error msg="cannot connect" password={CANARY}',
        f'{{"level":"error","authorization":"Bearer {CANARY}"}}',
    )
    expect = dataclasses.replace(crash.expect, name=APP)
    fault = LoudPods(**{**fields, "expect": expect, "log": lines})
    meta = {"namespace": "shop", "name": APP, "annotations": {"example.com/secret": CANARY}}
    encoded = base64.b64encode(CANARY.encode()).decode()
    others: list[Object] = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"password": encoded}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"password": CANARY}},
    ]
    for obj in others:
        testbed.api.apply(obj)
    with injected(testbed, fault):
        testbed.stack.log([(stream("shop", APP, f"{APP}-0", "worker-1"), [(time.time(), line) for line in lines])])
        yield fault
    for obj in others:
        testbed.api.delete(obj)


def test_no_canary_anywhere(hubops: Program, canary: LoudPods, tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "any-pod.yaml").write_text(CHECK)
    files = [flag for name in FORMATS for flag in ("--output", f"{name}={name}.out")]
    closed = f"http://hubops:{CANARY}@127.0.0.1:1"
    with Server(reply(401, "Unauthorized")) as server:
        url = server.url.replace("//", f"//hubops:{CANARY}@")
        runs = [
            hubops("daily", "--checks", checks, *files, "--output", "json"),
            hubops("snapshot", "save", "canary.gz", "--checks", checks),
            hubops("daily", "--checks", checks, "--snapshot", "canary.gz"),
            hubops("check", "target-down", "--prometheus-url", url),
            hubops("check", "target-down", "--prometheus-url", f"{url}/?token={CANARY}"),
            hubops("snapshot", "save", "refused.gz", "--prometheus-url", url, "--loki-url", closed),
        ]
    assert runs[0].code == 2
    found = next(finding for finding in runs[0].report["findings"] if finding["ref"]["name"] == APP)
    logs = [evidence["text"] for evidence in found["evidence"] if evidence["kind"] == "log"]
    assert any("cannot connect" in line and "[redacted]" in line for line in logs)
    texts = {f"run {number}": done.out + done.err for number, done in enumerate(runs)}
    texts |= {name: (hubops.home / f"{name}.out").read_text() for name in FORMATS}
    texts |= {name: gzip.decompress((hubops.home / name).read_bytes()).decode() for name in ("canary.gz", "refused.gz")}
    assert APP in texts["canary.gz"]
    for name, text in texts.items():
        assert CANARY not in text, name
        assert base64.b64encode(CANARY.encode()).decode() not in text, name
