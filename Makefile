# The commands of the house, as root on Debian 12. They install apt packages and .venv only.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PYTHONDONTWRITEBYTECODE :=
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
VENV := $(CURDIR)/.venv
PYTEST := $(VENV)/bin/pytest
DIST := $(CURDIR)/dist

.PHONY: ready demo test test-unit test-calls test-sip test-hosts test-cuts test-long lint bench prompts dist collection clean

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

# One after the other. JOBS=2: in two processes and 20 minutes (tests/shared_out.py), where two tests of killed processes
# still find a busy core too slow.
# Without the long stories, which take as long again; `make test-long` has them.
JOBS ?= 0
test: lint
	$(PYTEST) -m "not long" -n $(JOBS) --no-loadscope-reorder

test-long: ready
	$(PYTEST) -m long tests/hosts

test-unit: ready
	$(PYTEST) tests/unit

test-calls: ready
	$(PYTEST) tests/calls

test-sip: ready
	$(PYTEST) tests/sip

test-hosts: ready
	$(PYTEST) tests/hosts

test-cuts: ready
	$(PYTEST) -s tests/cuts

bench: ready build/quality/.ready
	PYTHONPATH=tests:src $(VENV)/bin/python tests/bench/run.py $(if $(ONLY),--only $(ONLY))

# What scores speech has a licence of its own (decision 0027): it is nowhere else, and no test needs it.
build/quality/.ready: requirements/quality-build.lock requirements/quality.lock
	dpkg-query -W gcc python3-dev >/dev/null 2>&1 || apt-get -q -y install --no-install-recommends gcc libc6-dev python3-dev
	/usr/bin/python3 -m venv build/quality
	for part in quality-build quality; do \
	  build/quality/bin/python -m pip --quiet --disable-pip-version-check install --no-build-isolation --require-hashes -r requirements/$$part.lock; \
	done
	touch $@

# The sound of the built-in prompts (src/pbx/model/system_texts.py) that is missing; ALL=1: of all of them.
prompts: ready
	$(VENV)/bin/python -m pbx.desired.built_in $(if $(ALL),--all)

# What Git tracks, as it is now, with even permissions and the last commit's time: the same bytes at each build.
build/source: FORCE
	rm -rf build/source && mkdir -p build/source
	git ls-files -z | tar --create --null --no-recursion --files-from=- --mode=u=rwX,go=rX | tar --extract -C build/source

dist: ready build/source
	cd build/source && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	  $(VENV)/bin/python -m build --wheel --no-isolation --outdir $(DIST) .
	rm -rf build/source

collection: ready build/source
	cd build/source && $(VENV)/bin/python setup.py --quiet collection --into ../collection
	$(VENV)/bin/ansible-galaxy collection build --force --output-path $(DIST) build/collection
	rm -rf build/source build/collection

FORCE:

clean:
	lab/lab down || true
	rm -rf build dist .venv .mypy_cache .ruff_cache .pytest_cache
