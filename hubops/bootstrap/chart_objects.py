"""The objects of a chart, from what Helm prints of them."""

from __future__ import annotations

from typing import Any

import yaml

from hubops.errors import Permanent

Manifest = dict[str, Any]


def objects_of(text: str) -> list[Manifest]:
    """The objects in a stream of YAML documents that Helm has printed, lists opened. Raises Permanent."""
    try:
        documents = [each for each in yaml.load_all(text, Loader=_Loader) if each]
    except yaml.YAMLError as error:
        raise Permanent(f"the chart renders something that is no YAML: {' '.join(str(error).split())}") from error
    items = [item for each in documents for item in (each["items"] if isinstance(each.get("items"), list) else [each])]
    return [item for item in items if item.get("kind")]


class _Loader(yaml.CSafeLoader):
    """With the bare "=" that CRDs of Prometheus have among their enums, which YAML 1.1 gives another meaning."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def placed(item: Manifest, namespace: str) -> Manifest:
    """*item* in the *namespace* of its release, where it names none itself; for kinds that have one."""
    return {**item, "metadata": {"namespace": namespace, **item["metadata"]}}
