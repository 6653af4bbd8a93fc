"""hubops.yaml, HUBOPS_* and flags as one validated structure. docs/configuration.md explains every key."""

from hubops.config.base import Duration
from hubops.config.load import convert, find, load
from hubops.config.platform import PlatformConfig, SecretRef
from hubops.config.structure import BasicAuth, CheckSettings, Config, EndpointConfig, Ignore, KubernetesConfig

__all__ = [
    "BasicAuth",
    "CheckSettings",
    "Config",
    "Duration",
    "EndpointConfig",
    "Ignore",
    "KubernetesConfig",
    "PlatformConfig",
    "SecretRef",
    "convert",
    "find",
    "load",
]
