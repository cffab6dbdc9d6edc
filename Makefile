# make up     set everything up and serve      make test           set everything up and run the tests
# make check  what a commit must satisfy       make test-products  against real platforms (moto, Keystone)
# make faults cut, stall and kill while jobs   make test-web       the page in a real browser
#             and batches run                  make zoo            break what can break, and see whether
# make chaos  kill everything while jobs run                       the cause is right; --write: docs/accuracy.md
# make bench  print what speed and memory      make docs           write the generated pages again
#             cost; make bench-bulk: batches   make pictures       draw the README's pictures again
#                                              make pin            resolve the dependencies again

PYTHON ?= python3
BIN := .venv/bin
# Two at a time is what two cores carry; the end-to-end tests wait far more than they compute.
JOBS ?= 4

.PHONY: up install test test-products test-web faults fuzz chaos zoo zoo-tests audit sbom check bench bench-bulk docs pictures pin
.DELETE_ON_ERROR:

up: .venv/.installed
	@exec $(BIN)/conncheck up $(ARGS)

install: .venv/.installed

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("conncheck needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python3 has no venv module: install it (Debian: apt-get install python3-venv) and run make again." >&2; exit 1; }

.venv/.installed: constraints.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: constraints-dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints-dev.txt
	@touch $@

test: .venv/.installed-dev
	$(BIN)/pytest -n $(JOBS) -m "not chaos and not faults and not products and not web and not zoo and not fuzz" $(ARGS)

# Platforms and vendors' libraries that are real, each in an environment of its own.
.venv-%/.installed: constraints-%.txt | .venv/bin/python
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

test-products: .venv/.installed-dev .venv-moto/.installed .venv-keystone/.installed .venv-vendors/.installed
	$(BIN)/pytest -n 2 --dist loadfile -m products $(ARGS)

test-web: .venv/.installed-dev
	$(BIN)/pytest tests/page $(ARGS)

faults: .venv/.installed-dev
	$(BIN)/pytest -n $(JOBS) -m faults --session-timeout 900 $(ARGS)

# Two minutes; ARGS=--hypothesis-profile=long and FUZZ_S=3600 search on.
fuzz: .venv/.installed-dev
	$(BIN)/pytest tests/fuzz -n $(JOBS) -m fuzz --hypothesis-profile=fuzz --session-timeout 7200 $(ARGS)

chaos: .venv/.installed-dev
	$(BIN)/pytest tests/chaos -s $(ARGS)

# ARGS=--write writes docs/accuracy.md.
zoo: .venv/.installed-dev
	$(BIN)/python -m tests.zoo $(ARGS)

zoo-tests: .venv/.installed-dev
	$(BIN)/pytest -n $(JOBS) -m zoo $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	@.ci/audit

audit: .venv/.installed-dev
	@.ci/audit

# What is in a build, for those who look for it: CycloneDX, from the pins.
sbom: .venv/.installed-dev
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml --mc-type application --output-reproducible --of JSON -o dist/sbom.json
	$(BIN)/python .ci/check_sbom.py constraints.txt dist/sbom.json

pictures: .venv/.installed-dev
	$(BIN)/python docs/pictures.py
	$(BIN)/python -m tests.page.pictures

docs: .venv/.installed-dev
	$(BIN)/python docs/generate.py

bench: .venv/.installed-dev
	$(BIN)/python -m bench $(ARGS)

# Batches: needs nginx (Debian: nginx-light); ARGS=--full adds 50,000 items.
bench-bulk: .venv/.installed-dev
	$(BIN)/python -m bench.bulk $(ARGS)

# Needs uv on the PATH; run it after changing the dependencies in pyproject.toml.
pin:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group build --extra tracing pyproject.toml -o constraints.txt
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group dev --extra tracing -c constraints.txt pyproject.toml -o constraints-dev.txt
	for name in moto keystone vendors; do uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group pyproject.toml:$$name -o constraints-$$name.txt || exit; done
