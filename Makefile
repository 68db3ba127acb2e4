# A contributor's tasks. `make check` is what continuous integration runs (.ci/run, in a fresh
# environment). Tools are taken from .venv, or from another environment: make test VENV=/path

VENV ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: check setup lint types test docs gate speed

check: lint types docs test gate

# The tests start Python hundreds of times, which would compile bench each time where it is told to
# write no bytecode.
setup:
	python3 -m venv $(VENV)
	pip install --quiet --editable '.[test,docs]'
	python -m compileall -q bench

lint:
	ruff check .
	ruff format --check .
	lint-imports

types:
	mypy

test:
	pytest -n 2 --dist worksteal --durations 12

# A link or reference that leads nowhere fails; types in signatures are not looked up.
docs:
	sphinx-build -W --keep-going -n -q -b html -c docs . docs/_build/html

# The project holds its own methods to its own limits.
gate:
	folder=$$(mktemp -d) && cd "$$folder" && export BENCH_CACHE_DIR="$$folder/cache" && \
	bench run --dataset digits --preset quick --noise 0.3 --seeds 0,1,2,3 --name gate && \
	bench check gate --thresholds "$(CURDIR)/.ci/thresholds.toml" && \
	rm -r "$$folder"

speed:
	python tests/speed/speed.py
