"""A kubeconfig, or several merged as kubectl does: its contexts, its users, and what the kubernetes package skips."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from hubops.clients.kube import plugin
from hubops.errors import ConfigError
from hubops.model.text import inert

_DEFAULT = "~/.kube/config"


class Kubeconfig:
    """Raises ConfigError, with the path and what is wrong, wherever the file does not hold what it should."""

    def __init__(self, paths: str) -> None:
        from kubernetes.config import ConfigException, kube_config

        self.paths = paths
        try:
            merger: Any = kube_config.KubeConfigMerger
            self._merger = merger(paths)
            config: Any = self._merger.config
            self._contexts = _named(config.value["contexts"], "context")
            self._users = _named(config.value["users"], "user")
            self._clusters = _named(config.value["clusters"], "cluster")
            files = self._merger.config_files.values()
            self._current = next((file["current-context"] for file in files if file.get("current-context")), None)
        except ConfigException as error:  # that a file is empty; it repeats the path
            raise ConfigError(f"{paths}: this is not a kubeconfig but an empty file") from error
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{paths}: {inert(' '.join(str(error).split()), limit=200)}") from error
        except (AttributeError, KeyError, TypeError) as error:
            raise ConfigError(f"{paths}: this is not a kubeconfig") from error

    @classmethod
    def find(cls, named: str | None, environ: Mapping[str, str]) -> Kubeconfig | None:
        """The kubeconfig that *named* or KUBECONFIG says, or kubectl's default one; None where none exists."""
        if named:
            path = Path(named).expanduser()
            if not path.is_file():
                raise ConfigError(f"{named}: {'a folder and not a' if path.is_dir() else 'no such'} kubeconfig")
            return cls(str(path))
        listed = (environ.get("KUBECONFIG") or _DEFAULT).split(os.pathsep)
        there = [str(path) for item in listed if item and (path := Path(item).expanduser()).is_file()]
        return cls(os.pathsep.join(there)) if there else None

    def context(self, wanted: str | None) -> str:
        """The name of the context: *wanted*, or the current one."""
        name = wanted or self._current
        known = ", ".join(sorted(self._contexts)) or "none"
        if not name:
            raise ConfigError(f"{self.paths}: no current context; choose one with --context: {known}")
        if name not in self._contexts:
            raise ConfigError(f"{self.paths}: no context {name!r}; known: {known}")
        cluster = self._contexts[name].get("cluster")
        server = (self._clusters.get(cluster) or {}).get("server")
        if not server:
            raise ConfigError(f"{self.paths}: context {name!r} names no cluster with a server")
        if not _is_url(str(server)):
            shown = inert(str(server), limit=100)
            raise ConfigError(f"{self.paths}: clusters.{cluster}.server: {shown!r} is no http:// or https:// URL")
        return str(name)

    def load(self, context: str, configuration: Any) -> None:
        """Fill the kubernetes package's *configuration*; runs the user's credential plugin if there is one."""
        from kubernetes.config import ConfigException, kube_config

        loader: Any = kube_config.KubeConfigLoader
        if self.plugin(context) is not None:
            plugin.mark(self._user(context)["exec"])
        try:
            loader(
                config_dict=self._merger.config,
                active_context=context,
                config_base_path=None,
                config_persister=self._merger.save_changes,  # a renewed OIDC token replaces one that works only once
            ).load_and_set(configuration)
        except (ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = inert(" ".join(str(error).split()), limit=200)
            raise ConfigError(f"{self.paths}: context {context!r} cannot be used: {problem}") from error

    def plugin(self, context: str) -> str | None:
        """The command that the user of *context* gets credentials from, if any."""
        found = self._user(context).get("exec")
        return str(found.get("command", "")) if isinstance(found, dict) else None

    def install_hint(self, context: str) -> str:
        """What the kubeconfig says about a plugin that is not installed; empty where it says nothing."""
        return str((self._user(context).get("exec") or {}).get("installHint") or "")

    def compressed(self, context: str) -> bool:
        """Whether the cluster of *context* is to compress its answers."""
        return not self._clusters[self._contexts[context].get("cluster")].get("disable-compression")

    def impersonation(self, context: str) -> tuple[tuple[str, str], ...]:
        """The headers for `as`, `as-uid`, `as-groups` and `as-user-extra`, which the kubernetes package ignores."""
        user = self._user(context)
        if not user.get("as"):
            return ()
        headers = [("Impersonate-User", str(user["as"]))]
        headers += [("Impersonate-Uid", str(user["as-uid"]))] if user.get("as-uid") else []
        headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
        for key, values in (user.get("as-user-extra") or {}).items():
            headers += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
        return tuple(headers)

    def _user(self, context: str) -> dict[str, Any]:
        return self._users.get(self._contexts[context].get("user")) or {}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _named(entries: Any, key: str) -> dict[Any, dict[str, Any]]:
    """The entries of a section by their name."""
    values = [entry.value if hasattr(entry, "value") else entry for entry in entries]
    return {value["name"]: value.get(key) or {} for value in values}
