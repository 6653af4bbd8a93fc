"""Kubernetes objects as frozen structs, trimmed to the fields that hubops decides with."""
