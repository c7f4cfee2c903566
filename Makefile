# On a fresh machine with Python 3.11 or newer, `make demo` and `make test` are all it takes:
# each makes .venv and installs what it needs, again only when a requirement has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REQUIREMENTS := pyproject.toml constraints.txt

# Of pytest, e.g. make test ARGS="tests/search -k evolution"
ARGS ?=

# Processes that share the tests: those that need Ray stay together in one of them, and those that
# start clusters of their own, which wait more than they compute, in another.
TEST_PROCESSES ?= 3
# One thread each: more would wait for each other, as there are more of them than processors.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest

# Reports of `make bench` carry the day and the machine; `make bench QUICK=1` only proves that
# the benchmarks run, so its reports are no results.
MACHINE ?= $(shell uname -m)-$(shell getconf _NPROCESSORS_ONLN)cores
# Those that fuse the same small networks when they run briefly; below, `bench` takes them in turn.
FUSING := brain_prior search_on_digits strategies tune
BENCHMARKS := $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))
REPORT = $(if $(QUICK),build/bench/$*.json,benchmarks/results/$(shell date +%F)_$(MACHINE)_$*.json)

# Networks of torchvision, timm and transformers: torchvision needs a torch of its own release and
# build, so these packages lie in an environment above the first one, which gives it all the rest.
# What OpenCV and PyAV are needed for is tested there, too: the first one does without them.
ZOO := .venv-zoo
ZOO_PACKAGES := torch torchvision timm transformers opencv-python-headless av

# What bench_serving.py compares with; BentoML does not take all of the tested versions.
PEERS := .venv-peers
PEER_PACKAGES := litserve==0.2.19 bentoml==1.4.40

# An environment above the first one: what is not in it is taken from there.
define ABOVE
	$(BIN)/python -m venv --clear --without-pip $(1)
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		> $$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth
endef

.PHONY: help demo test test-long test-services test-zoo lint bench clean

help:
	@echo 'make demo        run the built-in scenario on the data that the package ships'
	@echo 'make test        run the tests; ARGS="..." goes to pytest'
	@echo 'make test-long   run the tests that take minutes'
	@echo 'make test-services  run the tests that need servers (PostgreSQL, S3, ssh), which they start'
	@echo 'make test-zoo    run the tests that need torchvision, timm, transformers, OpenCV or PyAV, in $(ZOO)'
	@echo 'make lint        ruff, mypy and the import contracts'
	@echo 'make bench       run the benchmarks in full, QUICK=1 briefly; make bench-NAME runs one'
	@echo 'make clean       remove what these commands made'

demo: $(VENV)/.installed
	$(BIN)/brainray run audio_visual_digits --set data.source=embedded --set 'pretraining.optimizers=[adam]'

test: $(VENV)/.installed-dev
	$(PYTEST) -n $(TEST_PROCESSES) $(ARGS)

# Those that take minutes, and those that then try every case.
LONG_TESTS := $(wildcard tests/*/long) tests/actors/test_independent.py tests/pipeline/test_kill_points.py tests/catalog/upkeep
test-long: $(VENV)/.installed-dev
	$(PYTEST) --long $(LONG_TESTS) $(ARGS)

# PostgreSQL and sshd come from Debian and are installed where they are missing; S3 is a Python
# package. The test of the cluster makes an account of its own, for which it has to be root.
test-services: $(VENV)/.installed-dev
	@[ "$$(id -u)" = 0 ] || { echo 'make test-services: makes an account for the cluster; run it as root' >&2; exit 1; }
	@missing=; ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing=postgresql; \
	[ -x /usr/sbin/sshd ] || missing="$$missing openssh-server"; \
	command -v rsync >/dev/null || missing="$$missing rsync"; \
	/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] || { apt-get update && apt-get install --yes --no-install-recommends $$missing; }
	$(PYTEST) --services -n $(TEST_PROCESSES) tests/catalog tests/services $(ARGS)

test-zoo: $(ZOO)/.installed
	OMP_NUM_THREADS=1 $(ZOO)/bin/python -m pytest --zoo tests/zoo $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benchmarks
	$(BIN)/lint-imports

# Briefly, two at a time: then timings mean nothing, and what is left to do is mostly to import.
bench:
	$(MAKE) --jobs=$(if $(QUICK),2 --output-sync=target,1) IN_TURN=1 $(BENCHMARKS)

ifdef IN_TURN
# Those that share a folder of networks come one after another.
bench-search_on_digits: | bench-brain_prior
bench-strategies: | bench-search_on_digits
bench-tune: | bench-strategies
endif

bench-serving: $(if $(QUICK),,$(PEERS)/.installed)

bench-%: $(VENV)/.installed-dev
	@[ $* != serving ] || command -v wrk >/dev/null || { apt-get update && apt-get install --yes --no-install-recommends wrk; }
	@mkdir -p build/bench
	$(BIN)/python benchmarks/bench_$*.py $(if $(QUICK),--quick $(if $(filter $*,$(FUSING)),--folder build/bench/networks)) --json $(REPORT)

clean:
	rm -rf $(VENV) $(ZOO) $(PEERS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find brainray actors scenarios serve tests benchmarks scripts -name __pycache__ -prune -exec rm -rf {} +

# pip is the last thing that venv installs: where it is, the environment is whole.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; found = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit(f"brainray needs Python 3.11 or newer, $(PYTHON) is {found}; name another one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(REQUIREMENTS) | $(BIN)/pip
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(REQUIREMENTS) | $(BIN)/pip
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed

$(ZOO)/.installed: constraints-zoo.txt | $(VENV)/.installed-dev
	$(call ABOVE,$(ZOO))
	$(BIN)/python -m pip --python $(ZOO)/bin/python install --disable-pip-version-check -c constraints-zoo.txt $(ZOO_PACKAGES)
	@touch $@

$(PEERS)/.installed: Makefile | $(VENV)/.installed-dev
	$(call ABOVE,$(PEERS))
	$(BIN)/python -m pip --python $(PEERS)/bin/python install --disable-pip-version-check $(PEER_PACKAGES)
	@touch $@
