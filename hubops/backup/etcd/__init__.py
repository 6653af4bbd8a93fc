"""Copies of etcd: taken, checked, encrypted, sent, read back, pruned; and the plan of a restore."""
