"""Generates hubops/clients/kube/schema from the structs of hubops/model/kube: `python -m tests.schema`.

The structs are the single list of what hubops reads. Each of their fields is looked up, by its JSON name, in the
generated.proto of k8s.io/api and k8s.io/apimachinery (the Go modules, through `go mod download`), whose numbers and
types never change once released. Run it after a change in hubops/model/kube; a test fails until that is done, and
another compares the numbers with several versions of Kubernetes.
"""
