# make demo    one answer, one picture and one clip with the shipped model
# make test    linters, types, import floors and all tests
# Each sets up all it needs in .venv on a fresh machine; the second call is quick.

# torch is several gigabytes where pip would fetch a build with an accelerator's libraries.  To choose another build
# of the same version, give the address of a wheel index that has it:
#     make demo TORCH_INDEX=<address of an index with CPU builds>
TORCH_INDEX ?=
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CODE := src tests recipes benchmarks scripts examples
SETTINGS := pyproject.toml constraints.txt

.PHONY: help demo test test-quick test-kernels lint format docs vocabulary size snapshots setup setup-dev clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo "make lint    the same without the tests"
	@echo "make test-quick  unit and architecture tests without slow ones, for everyday work"
	@echo "make test-kernels  kernels in Triton's interpreter and compilers, minutes"
	@echo "make format  format the code"
	@echo "make docs    the API reference as pages in site/"
	@echo "make vocabulary  rewrite docs/vocabulary.md, what the art of the shipped model can show"
	@echo "make size    lines of files and functions"
	@echo "make snapshots  rewrite the lists of operators and kernels in tests/chips; WHERE=1 lists device-to-host reads"
	@echo "make clean   remove .venv and caches"

demo: setup
	@$(BIN)/sancai demo

test: lint $(VENV)/.torch-npu
	$(BIN)/python -m pytest

test-quick: setup-dev
	$(BIN)/python -m pytest -m "not slow" tests/unit tests/architecture

test-kernels: setup-dev $(VENV)/.ascend-triton
	$(PIP) install --quiet -c constraints.txt -e '.[dev,kernels]'
	TRITON_INTERPRET=1 $(BIN)/python -m pytest tests/kernels

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check $(wildcard $(CODE))
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format $(wildcard $(CODE))

snapshots: setup-dev $(VENV)/.torch-npu
	@PYTHONPATH=src:tests:. $(BIN)/python -m chips.dry_run $(if $(WHERE),--where)
	@PYTHONPATH=src:tests $(BIN)/python -m chips.fake_device.snapshot

docs: setup-dev
	@$(BIN)/python scripts/reference.py site

vocabulary: setup
	@$(BIN)/python scripts/vocabulary.py docs/vocabulary.md

size:
	@$(PYTHON) scripts/size.py

setup: $(VENV)/.package $(VENV)/.native
setup-dev: $(VENV)/.package-dev $(VENV)/.native

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# ---- stamps: a file in .venv says that a step is done ----------------------------------------------------------------

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "error: Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1);" \
			"install one and name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: '$(PYTHON) -m venv' failed; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	@touch $@

# torch first and by itself: with TORCH_INDEX only torch comes from there, its dependencies follow with the package.
$(VENV)/.torch: $(VENV)/.created constraints.txt
	$(PIP) install --quiet -c constraints.txt $(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX)) torch
	@touch $@

$(VENV)/.package: $(VENV)/.torch $(SETTINGS)
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.package-dev: $(VENV)/.torch $(SETTINGS)
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.package

# Kernels for this CPU, where there is a C++ compiler.  Without them everything runs on PyTorch alone, several times
# slower in training.
NATIVE := native/CMakeLists.txt native/pyproject.toml $(wildcard native/cpp/* native/cpp/kernels/* native/src/sancai_native/*)
$(VENV)/.native: $(VENV)/.package $(NATIVE)
	@if ! command -v $${CXX:-c++} >/dev/null; then \
		echo "note: no C++ compiler was found; training runs on PyTorch alone (on Debian and Ubuntu install g++)" >&2; \
	elif ! $(PIP) install --quiet --force-reinstall --no-deps ./native \
		--config-settings=build-dir=$(abspath $(VENV))/native-build; then \
		echo "note: the native kernels could not be built; training runs on PyTorch alone" >&2; fi
	@touch $@

# The host code of Ascend, for tests/chips: unpacked beside the environment's packages, because once installed it keeps
# torch from starting on a machine without the vendor's driver.  Where it cannot be had, those tests skip and say so.
$(VENV)/.torch-npu: $(VENV)/.package-dev constraints.txt
	@if [ "$$(uname -s)" != Linux ]; then touch $@; \
	elif $(PIP) install --quiet --retries 1 --no-deps --no-compile --upgrade --target $(VENV)/torch-npu \
		-c constraints.txt torch-npu; then touch $@; \
	else echo "note: torch-npu could not be fetched; the Ascend dry run in tests/chips will be skipped" >&2; fi

# The front half of Ascend's Triton compiler, for tests/kernels: unpacked beside, because it is named triton too.
$(VENV)/.ascend-triton: $(VENV)/.package-dev constraints.txt
	@rm -rf $(VENV)/ascend-triton; \
	if $(PIP) install --quiet --retries 1 --no-deps --no-compile --target $(VENV)/ascend-triton -c constraints.txt \
		triton-ascend pybind11; then touch $@; \
	else rm -rf $(VENV)/ascend-triton; \
		echo "note: no triton-ascend for this machine could be fetched; its test will be skipped" >&2; fi
