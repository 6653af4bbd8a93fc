"""What the keys of an API server are called, and what their values say of themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.clients.kube.schema.values import message
from hubops.model.etcd_keys import OTHER, Held, Name, Names, held, is_encrypted


@pytest.mark.parametrize(
    ("key", "resource", "namespace", "name"),
    [
        ("/registry/pods/shop/cart-1", "pods", "shop", "cart-1"),
        ("/registry/minions/worker-1", "nodes", "", "worker-1"),
        ("/registry/services/specs/shop/cart", "services", "shop", "cart"),
        ("/registry/services/endpoints/shop/cart", "endpoints", "shop", "cart"),
        ("/registry/ingress/shop/web", "ingresses", "shop", "web"),
        ("/registry/cert-manager.io/certificates/shop/web", "certificates.cert-manager.io", "shop", "web"),
        ("/registry/apiregistration.k8s.io/apiservices/v1.", "apiservices.apiregistration.k8s.io", "", "v1."),
        ("/registry/ranges/serviceips", "ranges", "", "serviceips"),
        ("/registry/health", OTHER, "", "/registry/health"),
        ("compact_rev_key", OTHER, "", "compact_rev_key"),
        ("/registry-of-another/pods/shop/cart", OTHER, "", "/registry-of-another/pods/shop/cart"),
    ],
)
def test_a_key_names_its_object(key: str, resource: str, namespace: str, name: str) -> None:
    assert Names("/registry").of(key.encode()) == Name(resource, namespace, name)
    assert Names("registry/").of(key.encode()) == Name(resource, namespace, name)


def test_a_key_that_is_no_text_is_named_all_the_same() -> None:
    assert Names("/registry").of(b"/registry/pods/shop/\xff").name == "\\xff"


def _protobuf(name: str, namespace: str) -> bytes:
    metadata = message("ObjectMeta")(name=name, namespace=namespace).SerializeToString()
    raw = b"\x0a" + bytes([len(metadata)]) + metadata
    kind = message("TypeMeta")(apiVersion="v1", kind="ConfigMap")
    return b"k8s\0" + message("Unknown")(typeMeta=kind, raw=raw).SerializeToString()


def test_a_value_says_what_it_holds() -> None:
    expected = Held("v1", "ConfigMap", "shop", "cart")
    assert held(_protobuf("cart", "shop")) == expected
    assert held(b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"cart","namespace":"shop"}}') == expected


@pytest.mark.parametrize("value", [b"", b"42", b"{}", b"k8s\0", b"k8s:enc:aescbc:v1:first:\x00\x01", b"\xff\xfe"])
def test_what_is_no_object_says_nothing(value: bytes) -> None:
    assert held(value) is None
    assert is_encrypted(value) is value.startswith(b"k8s:enc:")


@given(cut=st.integers(min_value=0, max_value=30), noise=st.binary(max_size=40))
def test_damaged_values_are_no_error(cut: int, noise: bytes) -> None:
    held(_protobuf("cart", "shop")[:-cut] if cut else b"")
    held(b"k8s\0" + noise)
    held(_protobuf("cart", "shop")[: 4 + cut] + noise)
