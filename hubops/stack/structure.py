"""stack.yaml as one structure: components, their charts, what each needs, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from hubops.config.base import Strict
from hubops.config.platform import Cloud, Part

#: How it is proven that a component works, once it is installed.
Gate = Literal[
    "namespaces-labelled",
    "storage-classes-served",
    "certificate-issued",
    "ingress-routes",
    "prometheus-answers",
    "alertmanager-routes",
    "dashboards-loaded",
    "log-line-returned",
    "metrics-api-answers",
    "keda-api-answers",
    "vpa-api-answers",
    "policy-denies",
    "network-policies-present",
    "backup-location-available",
    "mesh-proxy-injected",
    "objects-applied",
]


class Chart(Strict, frozen=True):
    repository: str  # a key of the stack's repositories
    name: str
    version: str
    release: str | None = None  # default: the chart's name

    @property
    def release_name(self) -> str:
        """What Helm calls the release that is made of it."""
        return self.release or self.name


class EndOfLife(Strict, frozen=True):
    """When its makers stopped, or will stop, to mend this version, and where they say so."""

    date: date
    source: str
    note: str = ""


class GeneratedSecret(Strict, frozen=True):
    """A Secret that the installation makes once, with random values; one that is there already is left alone."""

    name: str
    random: dict[str, int]  # key: characters
    fixed: dict[str, str] = {}


class Component(Strict, frozen=True):
    """One part of the stack: a chart, manifests that are applied after it, or both."""

    title: str
    namespace: str | None = None  # where the chart goes, and manifests that name none
    needs: tuple[str, ...] = ()
    chart: Chart | None = None
    values: tuple[str, ...] = ()  # paths in deploy/, later ones over earlier ones
    manifests: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    generates: tuple[GeneratedSecret, ...] = ()
    part: Part | None = None  # optional: installed where the site's `parts` name it
    provided_by: tuple[Cloud, ...] = ()  # clouds whose clusters run it already, and keep it as it is
    end_of_life: EndOfLife | None = None
    successor: str | None = None


class Namespace(Strict, frozen=True):
    """A namespace of the platform itself, and how much its pods may do (Pod Security Standards)."""

    pod_security: Literal["restricted", "baseline", "privileged"]
    reason: str  # why it is not restricted, or what it is for
    part: Part | None = None


class Stack(Strict, frozen=True):
    """A platform: its components by name."""

    schema: Literal["hubops.stack/v1"]
    title: str
    kubernetes: str  # the oldest version that it is installed on
    repositories: Mapping[str, str]
    namespaces: Mapping[str, Namespace]
    components: Mapping[str, Component]
    registries: Mapping[str, str] = {}  # what images begin with, up to a slash or a tag: whose they are
