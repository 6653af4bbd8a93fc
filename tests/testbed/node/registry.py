"""A registry that answers as registries do when something is wrong: what it says depends on the repository's name.

missing/*    404, the tag does not exist
private/*    401 with a challenge, and the token endpoint refuses
denied/*     403
limited/*    429 with Retry-After
broken/*     500
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS: dict[str, tuple[int, str, str]] = {
    "missing": (404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "private": (401, "UNAUTHORIZED", "authentication required"),
    "denied": (403, "DENIED", "requested access to the resource is denied"),
    "limited": (429, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit."),
    "broken": (500, "UNKNOWN", "internal error"),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["v2"]:
            self._answer(200, {})
        elif parts == ["token"]:
            self._answer(401, _error("UNAUTHORIZED", "incorrect username or password"))
        else:
            kind = parts[1] if parts[0] == "v2" and len(parts) > 1 else "missing"
            status, code, message = ANSWERS.get(kind, ANSWERS["missing"])
            self._answer(status, _error(code, message))

    do_HEAD = do_GET

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            realm = f"http://{self.headers['Host']}/token"
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="registry"')
        if status == 429:
            self.send_header("Retry-After", "3600")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _error(code: str, message: str) -> object:
    return {"errors": [{"code": code, "message": message}]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    asked = parser.parse_args()
    ThreadingHTTPServer((asked.address, asked.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
