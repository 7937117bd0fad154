# The commands of the house. As root on Debian 12: they install apt packages and .venv only.
SHELL := /bin/bash
PY := .venv/bin/python

.PHONY: demo test test-unit test-calls test-sip test-hosts lint bench clean

.venv/.ready: requirements/dev.lock
	lab/install
	/usr/bin/python3 -m venv .venv
	.venv/bin/python -m pip --quiet install --require-hashes -r requirements/dev.lock
	.venv/bin/python -m pip --quiet install --no-deps --no-build-isolation -e . 2>/dev/null || echo "$(CURDIR)/src" > $$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/pbx.pth
	touch $@

clean:
	lab/lab down || true
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache
