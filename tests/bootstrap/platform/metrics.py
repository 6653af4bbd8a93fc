"""The testbed's Prometheus and Alertmanager with what the real Prometheus operator makes of the platform's objects.

What Prometheus would discover is replaced by targets that the testbed has: there is nothing to scrape in pods on paper.
"""

from __future__ import annotations

import base64
import gzip
import threading
import time
import traceback
from pathlib import Path
from typing import Any, cast

import requests
import yaml

from tests.bootstrap.platform.operators import runs, runs_everywhere
from tests.stack.operated import program
from tests.testbed.api import Object
from tests.testbed.bed import Testbed
from tests.testbed.process import free_port
from tests.testbed.source import Sample
from tests.testbed.telemetry import size_in_bytes, stream, volume_samples

NAME, NAMESPACE = "kube-prometheus-stack", "monitoring"
OPERATOR = "prometheus-operator"
COLLECTORS = ("promtail", "alloy")
AGAIN = 20.0  # seconds between lines of pods


class Monitoring:
    """The operator, once the platform runs it, and the loop that hands its work on; until `stop`. *chat* is a URL."""

    def __init__(self, bed: Testbed, chat: str) -> None:
        self._bed, self._chat = bed, chat
        self._before = {name: (bed.directory / f"{name}.yaml").read_text() for name in ("prometheus", "alertmanager")}
        self._known: dict[str, str] = {}
        self._runs = False
        self._collected = -AGAIN
        self._stop = threading.Event()
        self.trouble: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _operator(self) -> None:
        """Run the operator as long as its Deployment has a pod; it ends with this thread at the latest."""
        wanted = runs(self._bed.api, NAMESPACE, f"{NAME}-operator")
        if wanted and not self._runs:
            self._start()
        elif self._runs and not wanted:
            self._bed.supervisor.stop(OPERATOR)
        self._runs = wanted

    def _start(self) -> None:
        certificate, key = cast("tuple[str, str]", self._bed.api.session.cert)
        trust = [f"-ca-file={self._bed.authority}", f"-cert-file={certificate}", f"-key-file={key}"]
        argv = [program(), f"-apiserver={self._bed.server}", *trust, f"-web.listen-address=127.0.0.1:{free_port()}"]
        self._bed.supervisor.start(OPERATOR, argv)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            try:
                self._operator()
                self._prometheus()
                self._alertmanager()
                self._kubelet()
                self._collect()
            except Exception:  # noqa: BLE001 (whatever it is, the fixture tells it)
                self.trouble.append(traceback.format_exc())

    def _made(self, name: str) -> dict[str, str]:
        secret = self._bed.api.get("Secret", NAMESPACE, name) or {"data": {}}
        files = {key: base64.b64decode(value) for key, value in secret["data"].items()}
        return {
            key.removesuffix(".gz"): (gzip.decompress(v) if key.endswith(".gz") else v).decode()
            for key, v in files.items()
        }

    def _prometheus(self) -> None:
        made = self._made(f"prometheus-{NAME}-prometheus").get("prometheus.yaml")
        before = yaml.safe_load(self._before["prometheus"])
        jobs = [self._job(each) for each in yaml.load(made, Loader=yaml.CSafeLoader)["scrape_configs"]] if made else []
        rules = self._rules() if made else {}
        before["scrape_configs"] += jobs
        for name, text in rules.items():
            self._write(f"rules/{name}", text)
        gone = [each for each in (self._bed.directory / "rules").glob("made-*.yaml") if each.name not in rules]
        for each in gone:
            each.unlink()
        self._write("prometheus.yaml", yaml.safe_dump(before), self._bed.stack.urls.prometheus, "".join(rules.values()))

    def _rules(self) -> dict[str, str]:
        maps = self._bed.api.list("ConfigMap", NAMESPACE)
        return {
            f"made-{file}": text
            for each in maps
            if "rulefiles" in each["metadata"]["name"]
            for file, text in each["data"].items()
        }

    def _job(self, made: Object) -> Object:
        """The job of this name, whose one target is up."""
        monitor = [*made["job_name"].split("/"), "", ""][2]
        urls, path = self._bed.stack.urls, "/metrics"
        own = {f"{NAME}-prometheus": urls.prometheus, f"{NAME}-alertmanager": urls.alertmanager}
        address = own.get(monitor, "").removeprefix("http://")
        if not address:
            address = (self._bed.directory / "source.address").read_text()
            path = "/kubelet" if monitor == f"{NAME}-kubelet" else "/alive"
        labels = {"namespace": NAMESPACE, "service": monitor, "job": monitor.removeprefix(f"{NAME}-")}
        targets = [{"targets": [address], "labels": labels}]
        if address == own.get(f"{NAME}-alertmanager", "").removeprefix("http://"):  # that of the testbed stands alone
            source = (self._bed.directory / "source.address").read_text()
            targets.append({"targets": [source], "labels": {**labels, "__metrics_path__": "/cluster"}})
        return {"job_name": made["job_name"], "metrics_path": path, "static_configs": targets}

    def _kubelet(self) -> None:
        """What kubelets say of the volumes: a third of each is used."""
        claims = self._bed.api.list("PersistentVolumeClaim")
        samples = [
            sample
            for each in claims
            for sample in volume_samples(
                each["metadata"]["namespace"], each["metadata"]["name"],
                size_in_bytes(each["spec"]["resources"]["requests"]["storage"]), 0.33,
            )
        ]  # fmt: skip
        self._bed.stack.expose("kubelet", samples)
        self._bed.stack.expose("cluster", [Sample("alertmanager_cluster_members", {}, 1.0)])

    def _collect(self) -> None:
        """What the log collector sends: a line of a pod of each node."""
        if time.monotonic() - self._collected < AGAIN or not any(
            runs_everywhere(self._bed.api, "logging", n) for n in COLLECTORS
        ):
            return
        self._collected = time.monotonic()
        pods = self._bed.api.list("Pod")
        of_node = {each["spec"]["nodeName"]: each for each in pods if "nodeName" in each["spec"]}
        self._bed.stack.log((_labels(pod), [(time.time(), "level=info msg=ready")]) for pod in of_node.values())

    def _alertmanager(self) -> None:
        made = self._made(f"alertmanager-{NAME}-alertmanager-generated")
        if "alertmanager.yaml" not in made:
            return
        config = yaml.safe_load(made["alertmanager.yaml"])
        folder: Path = self._bed.directory
        (folder / "chat").write_text(self._chat)
        config["global"]["slack_api_url_file"] = str(folder / "chat")
        config["templates"] = [str(folder / "*.tmpl")]
        for name, text in made.items():
            if name.endswith(".tmpl"):
                (folder / name).write_text(text)
        self._write("alertmanager.yaml", yaml.safe_dump(config), self._bed.stack.urls.alertmanager)

    def _write(self, name: str, text: str, reload: str = "", also: Any = "") -> None:
        if self._known.get(name) == text + also:
            return
        file = self._bed.directory / name
        file.write_text(text)
        if reload:
            answer = requests.post(f"{reload}/-/reload", timeout=30)
            assert answer.ok, answer.text
        self._known[name] = text + also


def _labels(pod: Object) -> dict[str, str]:
    """Those that the log collector gives to the lines of *pod*."""
    metadata, spec = pod["metadata"], pod["spec"]
    return stream(metadata["namespace"], spec["containers"][0]["name"], metadata["name"], spec["nodeName"])
