"""Stands in for everything that Prometheus scrapes: serves, for each target, the samples that a JSON file describes.

A sample is a value at the time the file was written and how much it grows a second, so that the history written at
the start and what is scraped later are one line. A target without a file answers 503.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    name: str
    labels: dict[str, str]
    value: float
    rate: float = 0.0

    def at(self, seconds: float) -> float:
        """The value *seconds* after the file was written (before it, when negative)."""
        return self.value + self.rate * seconds

    def line(self, seconds: float) -> str:
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels.items())
        return f"{self.name}{{{labels}}} {self.at(seconds)!r}"


def write(file: Path, samples: list[Sample], at: float) -> None:
    scratch = file.with_suffix(".new")
    scratch.write_text(json.dumps({"at": at, "samples": [asdict(sample) for sample in samples]}))
    scratch.rename(file)


def read(file: Path) -> tuple[float, list[Sample]]:
    raw = json.loads(file.read_text())
    return raw["at"], [Sample(**sample) for sample in raw["samples"]]


def render(file: Path) -> str:
    at, samples = read(file)
    return "\n".join(sample.line(time.time() - at) for sample in samples) + "\n"


class Handler(BaseHTTPRequestHandler):
    directory: Path

    def do_GET(self) -> None:
        try:
            status, body = 200, render(self.directory / f"{Path(self.path).name}.json")
        except FileNotFoundError:
            status, body = 503, "down\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are too many to log."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("directory", type=Path)
    asked = parser.parse_args()
    Handler.directory = asked.directory
    ThreadingHTTPServer((asked.address, asked.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
