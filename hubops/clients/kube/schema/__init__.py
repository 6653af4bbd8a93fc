"""Kubernetes' protobuf, trimmed to the fields of hubops.model.kube: the schema and what makes structs of it.

Everything here but this file and values.py is generated: see tests/schema.
"""
