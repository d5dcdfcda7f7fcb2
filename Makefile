# Everything a newcomer runs, one target each; `make` alone lists them.

# Another Python, or another torch (any from 2.6 to 2.13):  make install PYTHON=python3.12 TORCH=torch==2.11.0
PYTHON ?= python3
# On Linux the default torch may bring gigabytes of CUDA; name the CPU build by the index that pytorch.org gives:
#   make install PIP_EXTRA_INDEX_URL=...
TORCH ?= torch==2.13.0
TEXT ?= Marie Curie was born in Warsaw. She moved to Paris, where she worked with her husband Pierre Curie.

# The text travels through the environment, as typed: neither make nor the shell reads a `$` or a quote in it.
override TEXT := $(value TEXT)
export TEXT

# One thread: so small a model gains little from more, and loses much where they wait for one another on a busy machine.
export OMP_NUM_THREADS ?= 1

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: help install quickstart predict test slow torture fuzz lint docs check clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

install: $(INSTALLED) ## make .venv with everything in it; a second call costs nothing

# --no-deps: AllenNLP's own pins exclude every current torch (see requirements-allennlp.txt).
# compileall: a start without compiled files takes a third longer.
$(INSTALLED): setup.py hmtl/version.py requirements-allennlp.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' || \
		{ echo "$(PYTHON) is no Python 3.10, 3.11 or 3.12; name one: make install PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): a minute or two"
	@$(PIP) install "$(TORCH)"
	@$(PIP) install -e ".[dev]"
	@$(PIP) install --no-deps -r requirements-allennlp.txt
	@$(BIN)/python -m compileall -q $(VENV)/lib hmtl >/dev/null 2>&1 || true
	@touch $@

quickstart: install ## train a small model on the bundled sample, evaluate it, and let it read a sentence
	$(BIN)/hmtl train configs/quickstart.jsonnet -s runs/quickstart --force
	$(BIN)/python scripts/evaluate.py -s runs/quickstart
	$(BIN)/python scripts/predict.py runs/quickstart "$$TEXT"

predict: install ## annotate a text: make predict TEXT="Ada Lovelace lived in London."
	@$(BIN)/python scripts/predict.py runs/quickstart "$$TEXT"

test: install ## the test-suite, but for slow tests
	$(PYTEST) -m "not slow"

slow: install ## the slow tests: whole benchmarks, kills and recoveries, wheels
	$(PYTEST) -m slow

torture: install ## kill tiny runs eighty times, recover them each time; they must end as if left in peace
	OMP_NUM_THREADS=1 $(BIN)/python scripts/torture.py

fuzz: install ## spoil small corpora and texts 10,000 times; each is read rightly or refused in one line
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzzing/fuzz.py --inputs 10000

lint: install ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install ## build the documentation into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

check: lint test ## what has to pass before a commit

clean: ## remove the environment, caches and build products; runs/ stays
	rm -rf $(VENV) build dist docs/_build docs/reference/api *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
