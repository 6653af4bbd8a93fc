"""Alertmanager with the stack's configuration: asked of amtool, and run with a receiver that stands for the outside."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import threading
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.stack.rendered import rendered
from tests.testbed import build
from tests.testbed.errors import TestbedError
from tests.testbed.process import State, Supervisor, free_port, myself

Settings = dict[str, Any]
MOUNTED = "/etc/alertmanager/secrets"


@functools.cache
def program(name: str) -> str:
    return str(build.programs(families=("alertmanager",))[name])


def values(site: str) -> Settings:
    found: Settings = rendered(site)["monitoring"].chart_values()["alertmanager"]
    return found


def write(folder: Path, site: str, config: Settings | None = None) -> Path:
    """alertmanager.yaml and its templates in *folder*, as the chart puts them into a Secret; *config* instead of it."""
    for name, text in values(site)["templateFiles"].items():
        (folder / name).write_text(text, encoding="utf-8")
    file = folder / "alertmanager.yaml"
    config = {**(config or values(site)["config"]), "templates": [str(folder / "*.tmpl")]}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


def amtool(*words: str | Path) -> tuple[bool, str]:
    """Whether amtool is content, and what it says."""
    done = subprocess.run([program("amtool"), *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def receiver(file: Path, labels: Mapping[str, str]) -> str:
    """The receivers that an alert with *labels* is sent to, as amtool names them."""
    given = [f"{name}={value}" for name, value in labels.items()]
    fine, said = amtool("config", "routes", "test", f"--config.file={file}", *given)
    if not fine:
        raise TestbedError(said)
    return said.strip()


class Outside:
    """Slack, PagerDuty and the dead man's switch in one: it keeps what it is sent, by the path that it was sent to."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Settings]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, json.loads(body)))
                answer = b'{"status": "success"}'
                self.send_response(202 if "pagerduty" in self.path else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def slack(self, channel: str) -> list[Settings]:
        """What was written into *channel*: the attachments."""
        return [
            body["attachments"][0] for path, body in self.received if path == "/slack" and body["channel"] == channel
        ]

    def of(self, path: str) -> list[Settings]:
        return [body for where, body in self.received if where == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Running:
    """Alertmanager with the configuration of *site*, hurried, and with what it sends going to `outside`.

    E-mail is left out: where it goes is amtool's to say.
    """

    def __init__(self, folder: Path, site: str) -> None:
        self.outside = Outside()
        self._supervisor = Supervisor(folder, State(owner=myself()))
        try:
            self._start(folder, site)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path, site: str) -> None:
        file = write(folder, site, _hurried(values(site)["config"], folder, self.outside.url))
        self.url = f"http://127.0.0.1:{free_port()}"
        argv = [program("alertmanager"), f"--config.file={file}", f"--storage.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}", "--cluster.listen-address=",
                f"--web.external-url={values(site)['alertmanagerSpec']['externalUrl']}"]  # fmt: skip
        self._supervisor.start("alertmanager", argv)
        self._supervisor.wait_ready("alertmanager", self._ready)

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).ok
        except requests.RequestException:
            return False

    def post(self, alerts: Iterable[Settings]) -> None:
        answer = requests.post(f"{self.url}/api/v2/alerts", json=list(alerts), timeout=10)
        answer.raise_for_status()

    def inhibited(self) -> set[str]:
        """The annotation `what` of the alerts that another holds back."""
        alerts = requests.get(f"{self.url}/api/v2/alerts", timeout=10).json()
        return {each["annotations"]["what"] for each in alerts if each["status"]["inhibitedBy"]}

    def stop(self) -> None:
        self._supervisor.end()
        self.outside.stop()


def _hurried(config: Settings, folder: Path, outside: str) -> Settings:
    """*config* that waits for a second at most, with the files of its Secrets in *folder*."""
    config = copy.deepcopy(config)
    config["global"]["pagerduty_url"] = f"{outside}/pagerduty"
    for each in config["receivers"]:
        each.pop("email_configs", None)
    text = json.dumps(config).replace('"15s"', '"1s"').replace('"1m"', '"1s"').replace(MOUNTED, str(folder / "secrets"))
    for path in set(_paths(json.loads(text))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{outside}/{path.parent.name.removeprefix('alertmanager-')}", encoding="utf-8")
    hurried: Settings = json.loads(text)
    return hurried


def _paths(settings: Any) -> Iterable[Path]:
    """Every file that *settings* name."""
    if isinstance(settings, dict):
        yield from (Path(value) for key, value in settings.items() if key.endswith("_file"))
        settings = list(settings.values())
    for value in settings if isinstance(settings, list) else ():
        yield from _paths(value)


def secrets_of(config: Settings) -> set[str]:
    """The names of the Secrets whose files *config* names."""
    return {path.relative_to(MOUNTED).parts[0] for path in _paths(config)}
