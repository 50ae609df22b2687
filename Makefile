# Two commands do all the set-up: `make run` (the main job) and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Tests in which a CPU is asked for bfloat16 units: MFCLIP_BF16_UNITS=maybe is refused in them. Those
# whose recipe says fp32 compute the same whatever the answer would be.
ARITHMETIC := $(addprefix tests/functional/test_commands.py::,\
	test_figures_and_scores_keep_to_the_arithmetic_of_the_build \
	test_an_fp32_bundle_is_scored_in_fp32_on_any_cpu) \
	tests/unit/inference $(addprefix tests/unit/training/,test_accelerator.py test_loop.py)
# Threads of Ray stay in a process that has used it: decoding processes of tests that come later cannot be
# forked from it safely. And its nodes want the cores while they start.
CLUSTER := tests/functional/test_score_on_ray.py
# Hundreds of processes import the framework and the tests: compiled once, also where an image says not to.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-bf16 systems stress check format lint types imports reference docs clean

run: $(INSTALLED)  ## install, then build a detector on the embedded sample set
	$(BIN)/mfclip-build --recipe mfclip.toml --resume

test: $(INSTALLED)  ## install, then run the tests
	$(BIN)/pytest --numprocesses=auto --ignore=$(CLUSTER)
	$(BIN)/pytest --numprocesses=0 $(CLUSTER)

test-bf16: $(INSTALLED)  ## what depends on the arithmetic, as on a CPU with bfloat16 units
	MFCLIP_BF16_UNITS=yes $(BIN)/pytest --numprocesses=auto $(ARITHMETIC)

systems: $(INSTALLED)  ## train every small system of the paper, some minutes; not part of check
	MFCLIP_ALL_SYSTEMS=yes $(BIN)/pytest --numprocesses=auto tests/contract/test_conformance.py \
		$(addprefix tests/functional/,test_systems.py test_clip_systems.py)

stress: $(INSTALLED)  ## half an hour of kills, damaged files and full disks; not part of check
	$(BIN)/python tests/stress/run.py --out docs/stress.md

check: format lint types imports test test-bf16  ## everything a change must pass

format: $(INSTALLED)
	$(BIN)/ruff format --check .

lint: $(INSTALLED)
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

reference: $(INSTALLED)  ## write the reference from the code
	$(BIN)/python docs/generate.py

docs: $(INSTALLED)  ## build the documents as a site and serve it
	$(BIN)/python -m mkdocs serve

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mfclip needs Python 3.11 or newer: make run PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) runs dist build
