# The commands of the house, as root on Debian 12. They install apt packages and .venv only.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PYTHONDONTWRITEBYTECODE :=
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
VENV := $(CURDIR)/.venv
PYTEST := $(VENV)/bin/pytest

.PHONY: ready demo test test-unit test-calls test-sip test-hosts lint bench clean

ready: .venv/.ready

.venv/.ready: requirements/dev.lock lab/install lab/packages.txt
	lab/install
	test -x $(VENV)/bin/python || /usr/bin/python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/dev.lock
	echo "$(CURDIR)/src" > "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pbx.pth"
	printf '#!%s\nimport sys\nfrom pbx.cli.main import main\nsys.exit(main())\n' $(VENV)/bin/python > $(VENV)/bin/pbx
	chmod +x $(VENV)/bin/pbx
	touch $@

demo: ready
	lab/lab up
	$(VENV)/bin/ansible-playbook -i inventory/lab/hosts.yml playbooks/site.yml
	PYTHONPATH=tests:src $(VENV)/bin/python tests/demo/demo.py

lint: ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy src/pbx module_utils modules
	$(VENV)/bin/yamllint .
	$(VENV)/bin/ansible-lint --offline -q

test: lint
	$(PYTEST)

test-unit: ready
	$(PYTEST) tests/unit

test-calls: ready
	$(PYTEST) tests/calls

test-sip: ready
	$(PYTEST) tests/sip

test-hosts: ready
	$(PYTEST) tests/hosts

bench: ready
	PYTHONPATH=tests:src $(VENV)/bin/python tests/bench/run.py $(if $(ONLY),--only $(ONLY))

clean:
	lab/lab down || true
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache
