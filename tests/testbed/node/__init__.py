"""A real node for the testbed: containerd, runc, CNI, kubelet and kube-proxy, so that pods run.

It needs root on a Linux machine that allows control groups, overlay mounts and loop devices; `requirements.missing`
says what is not there. Everything that it changes is its own: its network, mounts and processes are in namespaces
that end with it, its files on a disk that is one file, its pods in one control group that is removed at the end.
"""
