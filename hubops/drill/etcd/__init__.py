"""The newest copy of etcd, restored into a scratch place and compared with the etcd that lives."""
