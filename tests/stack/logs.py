"""The logging part of the stack on one machine: the real Loki and the real promtail with the settings of a site.

The stack pins Loki 2.9 and promtail 2.8. What runs here is Loki 3 and promtail as its module still holds it: what they
call otherwise is translated in `for_loki_3`, and nowhere else.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
import yaml

from tests.stack.rendered import component
from tests.testbed import build
from tests.testbed.process import State, Supervisor, free_port, myself

Settings = dict[str, Any]
#: A line is (seconds since the epoch, text).
Line = tuple[float, str]

PROMTAIL = """\
server: {log_level: warn, http_listen_port: 3101}
clients: {{- tpl (toYaml .Values.config.clients) . | nindent 2 }}
positions: {{- tpl (toYaml .Values.config.positions) . | nindent 2 }}
scrape_configs: {{- tpl .Values.config.snippets.scrapeConfigs . | nindent 2 }}
limits_config: {{- tpl .Values.config.snippets.extraLimitsConfig . | nindent 2 }}
"""


@cache
def program(name: str) -> Path:
    return build.programs(families=(name,))[name]


@cache
def helm(name: str, site: str, template: str) -> str:
    """What the real Helm makes of *template* with the values of the component *name*, as a chart's template would."""
    with TemporaryDirectory() as folder:
        chart = Path(folder)
        (chart / "templates").mkdir()
        (chart / "Chart.yaml").write_text("{apiVersion: v2, name: shown, version: 0.0.1}")
        (chart / "values.yaml").write_text(yaml.safe_dump(component(site, name).chart_values()))
        (chart / "templates" / "shown.yaml").write_text(template)
        argv = [str(program("helm")), "template", "shown", folder]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def loki_settings(site: str) -> Settings:
    """Loki's configuration as the chart loki-distributed 0.78 assembles it (templates/configmap.yaml)."""
    merged = "mergeOverwrite (tpl .Values.loki.config . | fromYaml) .Values.loki.structuredConfig"
    return dict(yaml.safe_load(helm("loki", site, f"{{{{ tpl ({merged} | toYaml) . }}}}")))


def for_loki_3(settings: Settings) -> Settings:
    """The same for Loki 3: the compactor's store follows from the schema there, only that of its requests is named."""
    compactor = settings["compactor"]
    compactor["delete_request_store"] = compactor.pop("shared_store")
    return settings


def refusal(folder: Path, settings: Settings) -> str:
    """What the real Loki says against *settings*; nothing where it takes them."""
    path = folder / "verified.yaml"
    path.write_text(yaml.safe_dump(settings))
    said = subprocess.run(
        [program("loki"), f"-config.file={path}", "-verify-config", "-config.expand-env=true"],
        capture_output=True, text=True, check=False, env={"STORAGE_ACCOUNT_KEY": "a2V5"},
    )  # fmt: skip
    return said.stderr if said.returncode else ""


def alone(settings: Settings, folder: Path, port: int) -> Settings:
    """*settings* for one process with its store in *folder*: what deletes, and what is limited, is as it was."""
    del settings["memberlist"], settings["chunk_store_config"]
    del settings["query_range"]["results_cache"], settings["runtime_config"], settings["storage_config"]["aws"]
    address = "127.0.0.1"
    settings["server"] |= {
        "http_listen_address": address, "http_listen_port": port,
        "grpc_listen_address": address, "grpc_listen_port": free_port(), "log_level": "warn",
    }  # fmt: skip
    settings["query_range"]["cache_results"] = False
    # Both would look for the scheduler every ten seconds only.
    settings["frontend"] = {"scheduler_dns_lookup_period": "100ms"}
    settings["frontend_worker"] = {"dns_lookup_duration": "100ms"}
    settings["common"] |= {
        "path_prefix": str(folder), "replication_factor": 1, "instance_addr": address,
        "ring": {"kvstore": {"store": "inmemory"}, "instance_addr": address},
        "compactor_address": f"http://{address}:{port}",
    }  # fmt: skip
    settings["schema_config"]["configs"][0]["object_store"] = "filesystem"
    shipper = {"active_index_directory": str(folder / "index"), "cache_location": str(folder / "cache")}
    settings["storage_config"] |= {"filesystem": {"directory": str(folder / "chunks")}, "tsdb_shipper": shipper}
    settings["compactor"] |= {"working_directory": str(folder / "compactor"), "delete_request_store": "filesystem"}
    settings["ingester"] |= {"lifecycler": {"min_ready_duration": "0s", "final_sleep": "0s"}}
    settings["ingester"]["wal"]["dir"] = str(folder / "wal")
    return settings


@dataclass
class Server:
    """One program of `run` that answers at `url`."""

    run: Supervisor
    name: str
    url: str

    def ready(self, path: str) -> bool:
        try:
            return requests.get(f"{self.url}{path}", timeout=2, proxies={"http": ""}).ok
        except requests.RequestException:
            return False

    def start(self, argv: Iterable[str], path: str) -> None:
        self.run.start(self.name, list(argv))
        self.run.wait_ready(self.name, lambda: self.ready(path))

    def get(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}{path}", params=parameters, timeout=10, proxies={"http": ""})
        assert answer.ok, answer.text
        return answer.json()

    def metric(self, name: str) -> float:
        """The sum of the metric *name* over all of its labels."""
        text = requests.get(f"{self.url}/metrics", timeout=10, proxies={"http": ""}).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


class Loki(Server):
    def __init__(self, folder: Path, change: Callable[[Settings], Settings], site: str = "aws") -> None:
        folder.mkdir()
        port = free_port()
        super().__init__(Supervisor(folder, State(owner=myself())), "loki", f"http://127.0.0.1:{port}")
        self._chunks = folder / "chunks" / "fake"  # the one tenant's
        (folder / "loki.yaml").write_text(yaml.safe_dump(change(alone(for_loki_3(loki_settings(site)), folder, port))))
        self._argv = (str(program("loki")), f"-config.file={folder / 'loki.yaml'}")
        self.start(self._argv, "/ready")

    def again(self) -> None:
        """End it in order and start it: what it had in memory is in the store then."""
        self.run.stop(self.name)
        self.start(self._argv, "/ready")

    def chunks(self) -> set[Path]:
        """The chunks in the store."""
        return {path for path in self._chunks.rglob("*") if path.is_file()}

    def push(self, labels: dict[str, str], lines: Iterable[Line]) -> None:
        values = [[str(int(at * 1e9)), text] for at, text in lines]
        body = {"streams": [{"stream": labels, "values": values}]}
        answer = requests.post(f"{self.url}/loki/api/v1/push", json=body, timeout=10, proxies={"http": ""})
        assert answer.ok, answer.text

    def query(self, logql: str, since: float = 3600) -> list[tuple[dict[str, str], str]]:
        """The labels and text of every line that *logql* finds in the last *since* seconds, oldest first."""
        start, end = f"{time.time() - since:.0f}", f"{time.time() + 60:.0f}"
        answer = self.get(
            "/loki/api/v1/query_range", query=logql, start=start, end=end, limit="5000", direction="forward"
        )
        streams = answer["data"]["result"]
        lines = [(value[0], each["stream"], value[1]) for each in streams for value in each["values"]]
        return [(labels, text) for _, labels, text in sorted(lines, key=lambda line: int(line[0]))]


def promtail_settings(site: str) -> Settings:
    """promtail's configuration as the chart promtail 6.15 assembles it (`config.file` of its values)."""
    return dict(yaml.safe_load(helm("promtail", site, PROMTAIL)))


@dataclass(frozen=True)
class Pod:
    """A pod as discovery shows it, and the lines of its container as the runtime writes them, the newest last."""

    namespace: str
    name: str
    labels: dict[str, str]
    lines: tuple[str, ...]
    controller: str = ""
    container: str = "main"

    @property
    def uid(self) -> str:
        return f"uid-{self.name}"

    def discovered(self) -> dict[str, str]:
        label = "__meta_kubernetes_pod_label_"
        return {
            "__meta_kubernetes_namespace": self.namespace,
            "__meta_kubernetes_pod_name": self.name,
            "__meta_kubernetes_pod_uid": self.uid,
            "__meta_kubernetes_pod_container_name": self.container,
            "__meta_kubernetes_pod_controller_name": self.controller,
            "__meta_kubernetes_pod_node_name": "node-1",
            **{label + re.sub(r"[^A-Za-z0-9_]", "_", name): value for name, value in self.labels.items()},
        }

    def raw(self) -> list[str]:
        """The log as containerd keeps it. Lines that begin with `P ` are what it had to split."""
        began = time.time() - 60
        raw = []
        for number, line in enumerate(self.lines):
            at = began + number / 1000
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e9):09d}Z"
            flag, text = ("P", line[2:]) if line.startswith("P ") else ("F", line)
            raw.append(f"{stamp} stdout {flag} {text}")
        return raw

    def write(self, pods: Path) -> None:
        """The log where the node has it."""
        folder = pods / f"{self.namespace}_{self.name}_{self.uid}" / self.container
        folder.mkdir(parents=True)
        (folder / "0.log").write_text("".join(f"{line}\n" for line in self.raw()))


class Promtail(Server):
    """The real promtail with the settings of *site*, reading the logs of *pods* instead of asking an API server."""

    def __init__(
        self, folder: Path, site: str, loki: Loki, pods: Iterable[Pod], change: Callable[[Settings], Settings]
    ) -> None:
        pods = tuple(pods)
        for pod in pods:
            pod.write(folder / "pods")
        port = free_port()
        super().__init__(Supervisor(folder, State(owner=myself())), "promtail", f"http://127.0.0.1:{port}")
        settings = change(promtail_settings(site))
        settings["server"] |= {"http_listen_address": "127.0.0.1", "http_listen_port": port, "grpc_listen_port": 0}
        settings["clients"][0] |= {"url": f"{loki.url}/loki/api/v1/push", "batchwait": "200ms"}
        settings["positions"]["filename"] = str(folder / "positions.yaml")
        [scraped] = settings["scrape_configs"]
        assert scraped.pop("kubernetes_sd_configs") == [{"role": "pod"}]
        scraped["static_configs"] = [{"targets": ["localhost"], "labels": pod.discovered()} for pod in pods]
        path = folder / "promtail.yaml"
        path.write_text(yaml.safe_dump(settings).replace("/var/log/pods", str(folder / "pods")))
        self.start([str(program("promtail")), f"-config.file={path}"], "/ready")
