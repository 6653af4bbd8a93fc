"""An API server that serves every kind of the stack, and what it says of a manifest before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.stack import constraint_kinds
from tests.stack.manifests import Document
from tests.testbed.api import Api, Object, concurrently, load
from tests.testbed.errors import TestbedError
from tests.testbed.process import poll

CRDS = Path(__file__).parents[1] / "crds"
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


class KindServer:
    """The API server behind *api* with the kinds of tests/crds and of ConstraintTemplates."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._definitions = load(*sorted(CRDS.glob("*.yaml")))
        self.serve(self._definitions)

    def serve_constraints(self, templates: Iterable[Object]) -> None:
        """Make the kinds of *templates*, as Gatekeeper would."""
        match = constraint_kinds.match_schema(self._definitions)
        self.serve([constraint_kinds.definition(template, match) for template in templates])

    def serve(self, definitions: Iterable[Object]) -> None:
        """Serve the kinds of these CustomResourceDefinitions too."""
        definitions = list(definitions)
        concurrently(self.api.apply, definitions)
        expected = {served for definition in definitions for served in _versions(definition["spec"])}
        poll(lambda: expected <= self.api.served(), "the kinds of all CustomResourceDefinitions served")

    def namespaced(self, document: Document) -> bool:
        """Whether objects of the kind of *document* live in a namespace. Raises TestbedError for an unknown kind."""
        return self.api.namespaced(document.object["apiVersion"], document.kind)

    def objections(self, document: Document) -> list[str]:
        """What the server says against *document*: errors, unknown and duplicate fields, warnings. Best: nothing."""
        return self._applied(document, dryRun="All")

    def store(self, document: Document) -> list[str]:
        """Like `objections`, and the object is there afterwards."""
        return self._applied(document)

    def _applied(self, document: Document, **params: str) -> list[str]:
        obj = document.object
        metadata: dict[str, Any] = {"namespace": document.namespace, **obj["metadata"]}
        try:
            path = self.api.path_of(obj | {"metadata": metadata})
        except TestbedError:
            return [f"no definition in tests/crds serves {obj['apiVersion']} {obj['kind']}"]
        answer = self.api.session.patch(
            self.api.server + path,
            data=document.text.encode(),
            params={"fieldManager": "hubops", "force": "true", "fieldValidation": "Strict", **params},
            headers={"Content-Type": "application/apply-patch+yaml"},
            timeout=30,
        )
        said = _WARNING.findall(answer.headers.get("Warning", ""))
        return said if answer.ok else [*said, answer.json()["message"]]


def _versions(spec: Object) -> Iterator[tuple[str, str]]:
    for version in spec["versions"]:
        if version["served"]:
            yield f"{spec['group']}/{version['name']}", spec["names"]["kind"]
