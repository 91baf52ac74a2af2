# make demo | make run | make quick | make test | make bench: each installs the lock file into .venv first, if needed.
PYTHON ?= python3
BIN := .venv/bin
JS_TESTS := $(sort $(wildcard tests/static/*.test.js tests/static/*/*.test.js))

.PHONY: demo run serve quick test test-js check check-js coverage bench lock clean

demo: .venv/installed  ## train on real handwritten digits through the API, then keep serving (DETACH=1: stop then)
	@$(BIN)/python -m docs.examples.demo $(if $(DETACH),--detach)

run: .venv/installed  ## serve on eventlet
	$(BIN)/python wsgi.py

serve: .venv/installed  ## serve on gunicorn, as in production
	$(BIN)/gunicorn -c gunicorn.conf.py wsgi:app

quick: check test-js  ## all checks, and the tests that need neither a server nor a training
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not live and not slow"

test: check test-js .venv/clients/installed  ## everything that CI runs, three files at a time, because most tests wait for servers and trainings
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: .venv/installed-dev check-js  ## lint, format and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

ifneq ($(shell command -v npm),)
check-js: node_modules/.package-lock.json  ## lint and format of JavaScript and CSS
	npx biome check --error-on-warnings

test-js:  ## the page's modules that need no browser
	node --test $(JS_TESTS)
else
check-js test-js:
	@echo "Skipped $@: it needs Node.js and npm (apt-get install nodejs npm)."; [ "$$CI" != true ]
endif

coverage: .venv/installed-dev  ## run the tests and list the lines that they do not reach
	$(BIN)/python -m pytest --cov --cov-report=term

bench: .venv/installed-dev  ## measure everything beside its baseline and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

lock:  ## resolve setup.cfg again; torch's own pins keep CUDA's packages, which a CPU build does not have
	$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet uv
	for part in "" "-dev"; do $(BIN)/uv pip compile setup.cfg --universal --python-version 3.10 --extra trainer --upgrade \
	  $${part:+--extra dev --extra recipes --constraint requirements.lock} --no-annotate --no-header --output-file requirements$$part.lock \
	  $$($(BIN)/uv pip compile setup.cfg --universal --python-version 3.10 --extra trainer --upgrade --no-annotate --no-header \
	     | grep -oE '^(cuda|nvidia|triton)[a-z0-9-]*' | grep -v '^nvidia-ml-py$$' | sed 's/^/--no-emit-package /'); done

clean:
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache

.venv/installed: requirements.lock
	@echo "Installing requirements.lock into .venv. The first time torch takes minutes."
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed.")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --requirement requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@$(BIN)/pip install --quiet --requirement requirements-dev.lock
	@touch $@

.venv/clients/installed: tests/openapi/requirements.txt .venv/installed  ## generators of clients, apart from the rest
	@$(PYTHON) -m venv .venv/clients
	@.venv/clients/bin/pip install --quiet --requirement tests/openapi/requirements.txt
	@touch $@

node_modules/.package-lock.json: package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@
