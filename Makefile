# Each target makes .venv when it is missing and installs into it again only when pyproject.toml or
# constraints.txt changed. Another interpreter: make PYTHON=python3.12 TARGET

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test test-unit lab lint build bench bench-mutants bench-peers bench-class bench-paper calibrate figures
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18

demo: $(INSTALLED) ## grade the sample classes and print their grade tables
	$(BIN)/python -m grader demo

test: $(INSTALLED) ## run every test
	$(BIN)/python -m pytest -n 2

test-unit: $(INSTALLED) ## run the tests that train nothing, attack nothing and open no browser
	$(BIN)/python -m pytest -n 2 -m "not slow and not browser"

lab: $(INSTALLED) ## open the student notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks/

lint: $(INSTALLED) ## ruff, mypy, and whether the generated notebooks are what the masters give
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m grader build --check

build: $(INSTALLED) ## write the solution and student notebooks from the masters
	$(BIN)/python -m grader build

bench: $(INSTALLED) ## measure what the grader adds to a submission, and how fast the pages are
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.explorer

bench-mutants: $(INSTALLED) ## count the small mistakes that the hidden checks catch
	$(BIN)/python -m benchmarks.mutants
	$(BIN)/python -m benchmarks.mutants --exercise 1.5 --again

bench-peers: $(INSTALLED) ## grade one class with this kit, nbgrader and otter-grader (about half an hour)
	$(BIN)/python -m benchmarks.peers

bench-class: $(INSTALLED) ## kill the grader of a class 50 times, then grade 300 submissions (two hours)
	$(BIN)/python -m benchmarks.kills
	$(BIN)/python -m benchmarks.big_class

bench-paper: $(INSTALLED) ## the transformations paper's protocol for MNIST and Fashion-MNIST; goes on where it stopped
	$(BIN)/python -m benchmarks.paper_nb4

figures: $(INSTALLED) ## measure what a notebook's text quotes, and draw its figures; make build follows
	$(BIN)/python -m benchmarks.lessons_nb1
	$(BIN)/python -m benchmarks.lessons_nb2
	$(BIN)/python -m benchmarks.lessons_nb3
	$(BIN)/python -m benchmarks.lessons_nb4
	$(BIN)/python -m benchmarks.notebook_cost
	$(BIN)/python -m benchmarks.figures_nb1
	$(BIN)/python -m benchmarks.figures_nb2
	$(BIN)/python -m benchmarks.figures_nb3
	$(BIN)/python -m benchmarks.figures_nb4
	$(BIN)/python -m benchmarks.ways_nb3

calibrate: $(INSTALLED) ## make the seed tables behind the floors; CHECK=1 runs two rows of each again
	$(BIN)/python -m benchmarks.calibrate $(if $(CHECK),--check)

# A venv whose pip is missing is one that was not finished, so it is made again.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/pip || { \
	  command -v "$(PYTHON)" >/dev/null || { \
	    echo "There is no '$(PYTHON)' here. Name Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11"; \
	    exit 1; }; \
	  "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "The course needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)." \
	      "Name another one: make PYTHON=python3.11"; \
	    exit 1; }; \
	  "$(PYTHON)" -m venv $(VENV) || { \
	    echo "'$(PYTHON)' could not make $(VENV). On Debian and Ubuntu: apt-get install python3-venv"; \
	    exit 1; }; }
	$(BIN)/python -m pip install --quiet --editable ".[dev]" --constraint constraints.txt
	@touch $@
