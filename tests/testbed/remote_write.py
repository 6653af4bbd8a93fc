"""Writes samples, old ones too, into Prometheus through its remote-write receiver (protobuf in snappy)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from itertools import islice

import requests

from tests.testbed.errors import TestbedError

Samples = list[tuple[float, float]]
"""(seconds since the epoch, value)"""


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _series(labels: Mapping[str, str], samples: Samples) -> bytes:
    encoded = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(labels.items())
    )
    for at, value in samples:
        encoded += _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(int(at * 1000)))
    return _field(1, encoded)


def _snappy(data: bytes) -> bytes:
    """Snappy's block format with literals only: valid, just not smaller."""
    chunks = (data[start : start + 65536] for start in range(0, len(data), 65536))
    return _varint(len(data)) + b"".join(b"\xf4" + struct.pack("<H", len(c) - 1) + c for c in chunks)


def write(url: str, series: Iterable[tuple[Mapping[str, str], Samples]], batch: int = 200) -> None:
    """POST the series (labels with `__name__`, samples in order of time) to the receiver at *url*."""
    with requests.Session() as session:
        session.trust_env = False
        rest = iter(series)
        while part := list(islice(rest, batch)):
            body = _snappy(b"".join(_series(labels, samples) for labels, samples in part))
            headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
            answer = session.post(url, data=body, headers=headers, timeout=30)
            if answer.status_code >= 400:
                raise TestbedError(f"remote write: {answer.status_code} {answer.text[:300]}")
