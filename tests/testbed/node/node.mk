# A testbed with a real node: containerd, runc, kubelet, kube-proxy; needs root (see tests/testbed/node/__init__.py).
.PHONY: node-up node-down node-status node-faults node-judge

node-up: $(VENV)/installed-dev ## Start a testbed with a real node in the background
	$(PYTHON) -m tests.testbed.node up

node-down: $(VENV)/installed-dev ## End it and remove all of it
	$(PYTHON) -m tests.testbed.node down

node-status: $(VENV)/installed-dev ## Show what runs, or what this machine lacks for it
	$(PYTHON) -m tests.testbed.node status

node-faults: $(VENV)/installed-dev ## Put real faults on the node: all, or make node-faults NAME=oom-killed
	$(PYTHON) -m tests.testbed.node faults $(NAME)

node-judge: $(VENV)/installed-dev ## Run hubops daily and judge what it says of each fault
	$(PYTHON) -m tests.testbed.node judge
