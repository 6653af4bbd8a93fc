"""The kinds that Gatekeeper makes of ConstraintTemplates, so that constraints can be judged without Gatekeeper."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
GROUP = "constraints.gatekeeper.sh"


def definition(template: Object, match: Object) -> Object:
    """The CustomResourceDefinition of the constraints of *template*; *match* is the schema of `spec.match`."""
    made = template["spec"]["crd"]["spec"]
    kind = made["names"]["kind"]
    properties = {
        "match": match,
        "enforcementAction": {"type": "string"},
        "parameters": made.get("validation", {}).get("openAPIV3Schema", {"type": "object"}),
    }
    metadata = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}}
    schema = {
        "type": "object",
        "properties": {
            "metadata": metadata,
            "spec": {"type": "object", "properties": properties},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    names = {"kind": kind, "listKind": f"{kind}List", "plural": kind.lower(), "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Cluster",
            "versions": [
                {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }


def match_schema(definitions: list[Object]) -> Object:
    """The schema of `spec.match`: constraints and mutators, whose *definitions* are at hand, share one Go type."""
    assign = next(each for each in definitions if each["metadata"]["name"] == "assign.mutations.gatekeeper.sh")
    version = next(each for each in assign["spec"]["versions"] if each["name"] == "v1")
    spec: Object = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    match: Object = spec["match"]
    return match
