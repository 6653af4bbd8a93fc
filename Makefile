# make demo          the daily round on a recorded cluster: nothing but Python is needed
# make test          everything: lint, types, unit, fixtures, real servers; installs and builds what it needs
# make testbed-up    a live cluster of real servers for a person to try hubops on (make testbed-down ends it)
# make bench         1,000 nodes and 10,000 pods: time and memory beside curl, kubectl and the typed client

VENV   := .venv
PYTHON := $(VENV)/bin/python
HUBOPS := $(VENV)/bin/hubops

# Runs a step, says what it is and how long it took, and stops at the first that fails.
step = @start=$$(date +%s); printf '==> %s\n' "$(1)"; ( $(2) ) || { code=$$?; printf '==> %s: FAILED\n' "$(1)"; exit $$code; }; \
       printf '==> %s: %s s\n' "$(1)" "$$(( $$(date +%s) - start ))"

# Tests start hubops thousands of times: what Python compiled is kept, whatever the machine's own setting.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-snapshot test lint bench schema golden clean

demo: $(VENV)/installed
	$(HUBOPS) demo --fail-on never --output rich --output markdown=hubops-report.md
	@echo "The same report as Markdown: hubops-report.md"

test: $(VENV)/installed-dev
	$(call step,ruff,$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .)
	$(call step,mypy,$(VENV)/bin/mypy)
	$(call step,import-linter,$(VENV)/bin/lint-imports)
	$(call step,programs of the testbed,$(PYTHON) -m tests.testbed build)
	$(call step,pytest,$(PYTHON) -m pytest -n auto --maxprocesses 4 $(PYTEST_ARGS))

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

bench: $(VENV)/installed-dev
	$(PYTHON) -m tests.bench

# After a change of the structs in hubops/model/kube: the trimmed protobuf schema and its decoders.
schema: $(VENV)/installed-dev
	$(PYTHON) -m tests.schema

# After a wanted change of the reports: the golden files and the report in the README. Look at the diff.
golden: $(VENV)/installed-dev
	HUBOPS_UPDATE_GOLDEN=1 $(PYTHON) -m pytest -q tests/report/test_golden.py tests/report/test_protocol.py tests/test_readme.py

# After a change of the checks' queries: the recorded cluster of the demo.
demo-snapshot: $(VENV)/installed-dev
	$(PYTHON) -m tests.testbed.record

# The stamps hold what was installed, so that a changed pyproject.toml installs anew and an unchanged one does not.
$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(call step,install hubops,$(PYTHON) -m pip install --quiet --upgrade pip && $(PYTHON) -m pip install --quiet --editable .)
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(call step,install hubops and what its tests need,$(PYTHON) -m pip install --quiet --upgrade pip && $(PYTHON) -m pip install --quiet --editable . --group dev)
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

include tests/testbed/testbed.mk tests/testbed/node/node.mk
