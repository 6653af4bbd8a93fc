# Real servers to test against; see tests/testbed/bed.py.
.PHONY: testbed-build testbed-up testbed-down testbed-status fault fault-clear faults bench-up bench-down

testbed-build: ## Build the testbed's programs (cached)
	$(PYTHON) -m tests.testbed build

testbed-up: ## Start the testbed in the background
	$(PYTHON) -m tests.testbed up

testbed-down: ## End the testbed and remove all of it
	$(PYTHON) -m tests.testbed down

testbed-status: ## Show what runs and whether the platform is healthy
	$(PYTHON) -m tests.testbed status

faults: ## List the faults that can be injected
	$(PYTHON) -m tests.testbed faults

fault: ## Inject a fault: make fault NAME=pod-crash-looping
	$(PYTHON) -m tests.testbed fault $(NAME)

fault-clear: ## Clear a fault again
	$(PYTHON) -m tests.testbed clear $(NAME)

bench-up: ## An API server with 1,000 nodes and 10,000 pods at rest
	$(PYTHON) -m tests.testbed bench-up

bench-down: ## End it
	$(PYTHON) -m tests.testbed down bench
