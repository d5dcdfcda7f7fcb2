# Everything a newcomer runs, one target each; `make` alone lists them.

# Another Python, or another torch (2.10 or later):  make install PYTHON=python3.13 TORCH=torch==2.14.1
PYTHON ?= python3
# On Linux the default torch may bring gigabytes of CUDA; name the CPU build by the index that pytorch.org gives:
#   make install PIP_EXTRA_INDEX_URL=...
TORCH ?= torch==2.13.0
# What hmtl is to be able to do (docs/install.md has the list), and the releases that all of it was tested with;
# CONSTRAINTS= takes the newest of everything.
EXTRAS ?= analysis,cache,elmo,plots,search,serve,text
CONSTRAINTS ?= constraints.txt
# The model that reads it: the one in the box, where there is one, or else what the quickstart has trained.
BOX := models/en_hmtl_mini
MODEL ?= $(if $(wildcard $(BOX)/weights.safetensors),en_hmtl_mini,runs/quickstart)
TEXT ?= Marie Curie was born in Warsaw. She moved to Paris, where she worked with her husband Pierre Curie.

# The text travels through the environment, as typed: neither make nor the shell reads a `$` or a quote in it.
override TEXT := $(value TEXT)
export TEXT

# One thread: so small a model gains little from more, and loses much where they wait for one another on a busy machine.
export OMP_NUM_THREADS ?= 1

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
REFERENCES := $(VENV)/references
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
CONSTRAIN := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

# uv where there is one, which is much faster (UV= does without). It reads none of pip's settings by itself.
UV ?= $(shell command -v uv 2>/dev/null)
ifneq ($(UV),)
export UV_EXTRA_INDEX_URL ?= $(PIP_EXTRA_INDEX_URL)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_INDEX_STRATEGY ?= unsafe-best-match
MAKE_VENV := $(UV) venv --quiet --seed --python $(PYTHON) $(VENV)
ADD := $(UV) pip install --quiet --python $(BIN)/python
REMOVE := $(UV) pip uninstall --quiet --python $(BIN)/python
else
MAKE_VENV := $(PYTHON) -m venv $(VENV)
ADD := $(BIN)/python -m pip install -qq --disable-pip-version-check
REMOVE := $(BIN)/python -m pip uninstall -qq --yes
endif

.PHONY: help install develop quickstart predict model test slow torture fuzz lint docs screens results audit check clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

install: $(INSTALLED) ## make .venv with hmtl in it; a second call costs nothing

# compileall: a start without compiled files takes a third longer.
$(INSTALLED): setup.py hmtl/version.py constraints.txt carried/carry.py carried/repairs.py carried/optional.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; name one: make install PYTHON=python3.11" >&2; exit 2; }
	@test -n "$(UV)" || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(MAKE_VENV); }
	@echo "installing $(TORCH)"
	@$(ADD) "$(TORCH)"
	@echo "installing hmtl with the AllenNLP that it repairs, and packages for: $(EXTRAS)"
	@$(REMOVE) allennlp allennlp-models 2>/dev/null || true  # an earlier hmtl needed the released ones
	@$(ADD) $(CONSTRAIN) -e ".[$(EXTRAS)]"
	@echo "compiling"
	@$(BIN)/python -m compileall -q $(VENV)/lib hmtl carried >/dev/null 2>&1 || true
	@touch $@

develop: $(DEVELOPED) ## add what tests, style checks and the documentation need

# Three tests compare with allennlp-models. It lies in a folder of its own, which tests/conftest.py adds to the path:
# what it says that it needs is not what hmtl has.
$(DEVELOPED): $(INSTALLED)
	@echo "installing what tests, style checks and the documentation need: a few minutes"
	@$(ADD) $(CONSTRAIN) -e ".[dev]"
	@$(ADD) --no-deps --target $(REFERENCES) allennlp-models==2.10.1
	@$(BIN)/python -m compileall -q $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

quickstart: install ## train a small model on the bundled sample, evaluate it, and let it and the one in the box read
	$(BIN)/hmtl train configs/quickstart.jsonnet -s runs/quickstart --force
	$(BIN)/hmtl evaluate runs/quickstart
	$(BIN)/hmtl predict runs/quickstart "$$TEXT"
	@if test -f $(BOX)/weights.safetensors; then \
		printf '\nThat was learned from 88 short documents. The model in the box, %s, learned from 484 longer ones and a\n' $(BOX); \
		echo "pretrained encoder:"; \
		echo $(BIN)/hmtl predict en_hmtl_mini '"$$TEXT"'; \
		$(BIN)/hmtl predict en_hmtl_mini "$$TEXT"; \
	else \
		printf '\n%s is not here: a checkout has this larger model, which would read the same text now.\n' $(BOX); \
	fi

predict: install ## annotate a text: make predict TEXT="Ada Lovelace lived in London." [MODEL=runs/quickstart]
	@$(BIN)/hmtl predict $(MODEL) "$$TEXT"

model: install ## make the model in the box, anew: make model DATA=DIR [ENCODER=NAME] [RUN=DIR]; two hours
	DATA="$(DATA)" ENCODER="$(ENCODER)" RUN="$(RUN)" HMTL=$(BIN)/hmtl models/make.sh

test: develop ## the test-suite, but for slow tests
	$(PYTEST) -m "not slow"

slow: develop ## the slow tests: whole benchmarks, kills and recoveries, wheels
	$(PYTEST) -m slow

torture: develop ## kill tiny runs eighty times, recover them each time; they must end as if left in peace
	OMP_NUM_THREADS=1 $(BIN)/python scripts/torture.py

fuzz: develop ## spoil small corpora and texts 10,000 times; each is read rightly or refused in one line
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzzing/fuzz.py --inputs 10000

lint: develop ## style, types, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: develop ## build the documentation into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

screens: develop ## run the commands whose screens the documentation shows, and draw these
	$(BIN)/python docs/images/screens.py

results: develop ## draw the tables and figures of docs/results again, from the files there
	$(BIN)/python -m research.results

audit: develop ## look for known vulnerabilities in every package of .venv
	$(BIN)/python .ci/audit.py

check: lint test ## what has to pass before a commit

clean: ## remove the environment, caches and build products; runs/ stays
	rm -rf $(VENV) build dist carried/allennlp carried/made_from.txt docs/_build docs/reference/api *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
