"""Kubernetes quantities and Go durations as numbers, and numbers as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

_SUFFIX = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|w|d|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_quantity(text: str) -> float:
    """The number that a Kubernetes quantity means: cores for CPU, bytes for memory and storage.

    Raises ValueError for text that is not a quantity. Format: the API's resource.Quantity.
    """
    match = _QUANTITY.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    number, exponent, suffix = match.groups()
    return float(number + exponent) if exponent else float(number) * _SUFFIX[suffix or ""]


def parse_duration(text: str) -> timedelta:
    """A duration written as "90s", "15m", "1h30m", "7d" or "2w". Raises ValueError for anything else."""
    parts = _DURATION.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m, 1h30m or 7d")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def size_in_bytes(resources: Mapping[str, str]) -> float:
    """The storage of *resources* in bytes; 0 where none is said, or nothing that is a quantity."""
    try:
        return parse_quantity(resources.get("storage", "0"))
    except ValueError:
        return 0.0


def human_bytes(number: float) -> str:
    """Bytes as 1.5 GiB; the sign is kept."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(number) < 1024 or unit == "PiB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("unreachable")


def human_duration(span: timedelta) -> str:
    """A span in its two largest units: 3d 4h, 2h 5m, 40s."""
    seconds = int(abs(span.total_seconds()))
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[tuple[int, str]] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, name))
        if len(parts) == 2:
            break
    return " ".join(f"{count}{name}" for count, name in parts if count) or "0s"
