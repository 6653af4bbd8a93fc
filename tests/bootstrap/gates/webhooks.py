"""Admission webhooks that really answer: a TLS server that the API server asks, and what it is asked about."""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.testbed.bed import Testbed
from tests.testbed.pki import Authority

Manifest = dict[str, Any]
#: What a webhook makes of an object: the `response` of its AdmissionReview without the uid.
Judge = Callable[[Manifest], Manifest]
ADMIT: Manifest = {"allowed": True}


def deny(message: str) -> Manifest:
    return {"allowed": False, "status": {"code": 403, "message": message}}


def patch(*operations: Manifest) -> Manifest:
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


class Webhooks:
    """One server for all webhooks of a test; `configure` makes the API server ask it."""

    def __init__(self, bed: Testbed, folder: Path) -> None:
        # This end of the pair of interfaces whose other end is the testbed's.
        address = str(ipaddress.ip_address(bed.address) - 1) if bed.in_cluster else "127.0.0.1"
        authority = Authority(folder / "webhooks")
        pair = authority.sign("webhooks", addresses=(address,))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self._bed = bed
        self._bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
        self._judges: dict[str, Judge] = {}
        self._configured: list[Manifest] = []
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._url = f"https://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        judges = self._judges

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                request = review["request"]
                response = {**judges[self.path.partition("?")[0]](request["object"]), "uid": request["uid"]}
                body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def configure(
        self,
        name: str,
        judge: Judge,
        *resources: tuple[str, str],
        mutating: bool = False,
        trusted: bool = True,
        silent: bool = False,
        closed: bool = True,
    ) -> None:
        """Have *judge* asked about *resources*, each (group, plural), as the webhook *name*.

        Without *trusted* the API server is not told whom to trust, and a *silent* one does not answer; *closed* says
        what it does then: refuse, or go on.
        """
        path = f"/{name}"
        self._judges[path] = judge
        url = self._url.rpartition(":")[0] + ":9" if silent else self._url  # nobody listens there
        client = {"url": url + path} | ({"caBundle": self._bundle} if trusted else {})
        rules = [{"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [plural]}
                 for group, plural in resources]  # fmt: skip
        hook = {"name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5,
                "failurePolicy": "Fail" if closed else "Ignore", "clientConfig": client, "rules": rules}  # fmt: skip
        kind = "MutatingWebhookConfiguration" if mutating else "ValidatingWebhookConfiguration"
        item = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name},
                "webhooks": [hook]}  # fmt: skip
        self._bed.api.apply(item)
        self._configured.append(item)

    def forget(self) -> None:
        """No webhook of this server is asked any more."""
        while self._configured:
            self._bed.api.delete(self._configured.pop())

    def stop(self) -> None:
        self.forget()
        self._server.shutdown()
        self._server.server_close()
