# Real servers to test against; see tests/testbed/bed.py.
.PHONY: testbed-build testbed-up testbed-down testbed-status fault fault-clear faults bench-up bench-down

testbed-build: $(VENV)/installed-dev ## Build the testbed's programs (cached)
	$(PYTHON) -m tests.testbed build

testbed-up: $(VENV)/installed-dev ## Start the testbed in the background
	$(PYTHON) -m tests.testbed up

testbed-down: $(VENV)/installed-dev ## End the testbed and remove all of it
	$(PYTHON) -m tests.testbed down

testbed-status: $(VENV)/installed-dev ## Show what runs and whether the platform is healthy
	$(PYTHON) -m tests.testbed status

faults: $(VENV)/installed-dev ## List the faults that can be injected
	$(PYTHON) -m tests.testbed faults

fault: $(VENV)/installed-dev ## Inject a fault: make fault NAME=pod-crash-looping
	$(PYTHON) -m tests.testbed fault $(NAME)

fault-clear: $(VENV)/installed-dev ## Clear a fault again
	$(PYTHON) -m tests.testbed clear $(NAME)

bench-up: $(VENV)/installed-dev ## An API server with 1,000 nodes and 10,000 pods at rest
	$(PYTHON) -m tests.testbed bench-up

bench-down: $(VENV)/installed-dev ## End it
	$(PYTHON) -m tests.testbed down bench
