# make demo: a whole city on this machine. make test: everything is tested. No hardware needed.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --constraint constraints.txt --editable
# for its motors only, which need nothing of its gigabytes; apart, as it is not whole
LEROBOT := $(BIN)/pip install --quiet --constraint constraints.txt --no-deps --upgrade \
  --target $(VENV)/lerobot lerobot
ARGS ?=

# Debian's names; other systems have the same under their own
GL_PACKAGES := libegl1 libgl1 libgl1-mesa-dri
TEST_PACKAGES := chromium fonts-noto-core fonts-noto-cjk
FIRMWARE_PACKAGES := gcc libc6-dev gcc-arm-none-eabi libnewlib-arm-none-eabi
QEMU_PACKAGES := qemu-system-arm

.DEFAULT_GOAL := help
.PHONY: help setup setup-training demo test test-training test-wheel mutants screens soak crowd failures load strangers \
  schemathesis check lock docs train-detector train-lane sweeps firmware system-gl system-firmware system-test

help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup: $(VENV)/setup.done system-test  ## .venv with all that demo and tests need

setup-training: $(VENV)/training.done  ## adds TensorFlow, for `pixelopolis train` and `export`

demo: $(VENV)/demo.done system-gl  ## the whole city; ARGS="--cars 3 --city grid:3x2:5"
	@$(BIN)/pixelopolis demo $(ARGS)

# Most tests wait more than they compute: four at once on two cores, a file's tests together. Those in
# which a board stops the wheels of a late host follow, one a core. Code 5 of pytest: none was asked for.
# What one process has compiled, the others need not.
test: export PYTHONDONTWRITEBYTECODE =
test: setup  ## every test but those that train; ARGS="tests/car -k link"
	@ran() { [ $$1 = 0 ] || [ $$1 = 5 ] || exit $$1; }; \
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m "not realtime and not wheel" $(ARGS); \
	ran $$?; $(BIN)/pytest --numprocesses 2 --dist loadfile -m realtime $(ARGS); ran $$?

test-training: setup-training  ## the tests that train; never in one process with the renderer
	@$(BIN)/pytest --numprocesses 2 --dist loadfile -m training tests/training $(ARGS)

test-wheel: setup  ## the wheel with each extra in a clean environment; ARGS="-k server"
	@$(BIN)/pytest --numprocesses 2 -m wheel tests/wheel $(ARGS)

mutants: $(VENV)/setup.done  ## whether tests notice broken promises; ARGS="--seed 1 --most 300 --json"
	@$(BIN)/python -m tests.mutants $(ARGS)

screens: setup  ## the visitor's page in every language at nine sizes; ARGS="--languages de --out FOLDER"
	@$(BIN)/python -m tests.support.every_screen $(ARGS)

soak: $(VENV)/setup.done  ## a server under hostile traffic; ARGS="--minutes 10 --seed 1 --json"
	@$(BIN)/python -m tests.soak $(ARGS)

crowd: $(VENV)/setup.done  ## more visitors than cars, in line and asking again; ARGS="--stations 200 --cars 20"
	@$(BIN)/python -m tests.soak.crowd $(ARGS)

failures: $(VENV)/setup.done  ## rides while server, standby and database are killed; ARGS="--rides 10000"
	@$(BIN)/python -m tests.soak.failures $(ARGS)

load: $(VENV)/setup.done  ## many cars and stations at a real pace; ARGS="--cars 200 --stations 200 --minutes 10"
	@$(BIN)/python -m tests.soak.load $(ARGS)

strangers: $(VENV)/setup.done  ## hostile requests, of which none is let through; ARGS="--attempts 10000 --seed 1"
	@$(BIN)/python -m tests.soak.strangers $(ARGS)

schemathesis: $(VENV)/setup.done  ## requests made from the OpenAPI document; ARGS="--examples 50 --seed 1"
	@$(BIN)/python -m tests.soak.documented $(ARGS)

check: $(VENV)/setup.done  ## style, types, the arrows between the parts, and dead code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/vulture

# car, demo, server: for the images of the Dockerfile; build: to build the wheel; dev: to work on the project.
# A library of the docs needs Python 3.11.5.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
  --no-annotate --constraint constraints.txt
BUILD_REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])

lock: $(VENV)/setup.done  ## locks/: the pins with the hashes of all their files, for every platform
	@set -e; for extra in car demo server; do \
	  $(LOCK) --extra $$extra --output-file locks/$$extra.txt pyproject.toml; \
	done
	@$(LOCK) --extra demo --extra dev --extra training --output-file locks/dev.txt pyproject.toml
	@$(LOCK) --extra docs --python-version 3.11.5 --output-file locks/docs.txt pyproject.toml
	@$(BIN)/python -c '$(BUILD_REQUIRES)' | $(LOCK) --output-file locks/build.txt -

docs: $(VENV)/docs.done  ## the documentation, as pages to read: site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

firmware: system-firmware  ## the board's firmware, for every machine that it runs on
	@$(MAKE) --no-print-directory -C firmware

# as the shipped model's card (car/models/detector.md) says; 73 minutes on two cores that had other work too
SIGNS := var/signs
DETECTOR_RUN := var/detector

train-detector: setup-training system-gl  ## data, training and export of the detector; resumes
	@set -e; make_data() { \
	  [ -f $(SIGNS)/$$1/dataset.json ] && return; \
	  rm -rf $(SIGNS)/$$1; \
	  $(BIN)/pixelopolis data signs --out $(SIGNS)/$$1 --images $$2 --split $$3 --seed $$4 $$5; \
	}; \
	make_data train 16000 train 1 --rooms=0.08; make_data val 800 val 1; make_data fit 3000 val 2; \
	make_data more 14000 train 2 "--scenes=0.4 --rooms=0.15"
	@$(BIN)/pixelopolis train detector --data $(SIGNS)/train --data $(SIGNS)/val \
	  --out $(DETECTOR_RUN) --epochs 10 --seed 1
	@$(BIN)/pixelopolis train detector --data $(SIGNS)/more --data $(SIGNS)/val \
	  --start $(DETECTOR_RUN) --out $(DETECTOR_RUN)-fine --epochs 7 --learning-rate 0.0008 \
	  --no-augment --seed 2
	@$(BIN)/pixelopolis export detector --run $(DETECTOR_RUN)-fine --data $(SIGNS)/fit \
	  --out car/models

# as the shipped model's card (car/models/lane.md) says; 41 minutes on two cores that had other work too
LANE := var/lane
PIXELOPOLIS := $(BIN)/pixelopolis

train-lane: setup-training system-gl  ## data, training, a round of own drives, export; resumes
	@$(PIXELOPOLIS) data lane --out $(LANE)/clone --poses 100000 --driven 0 --floors 0.5 --seed 1
	@$(PIXELOPOLIS) train lane --data $(LANE)/clone --out $(LANE)/run --epochs 9 --seed 1
	@$(PIXELOPOLIS) export lane --run $(LANE)/run --out $(LANE)/export
	@$(PIXELOPOLIS) data lane --drive $(LANE)/export/lane.tflite --frames 12000 --seed 2 \
	  --out $(LANE)/drive
	@$(PIXELOPOLIS) train lane --data $(LANE)/clone --data $(LANE)/drive --start $(LANE)/run \
	  --out $(LANE)/run2 --epochs 8 --learning-rate 0.0008 --seed 1
	@$(PIXELOPOLIS) export lane --run $(LANE)/run2 --out car/models

# the charts of docs/explanation/robustness.md; nine minutes on two cores
SWEEPS := exposure blur pitch latency lane-width
SWEPT := --city track:9001 --city track:9002 --city track:9003 --city grid:3x2:9001 \
  --city grid:2x3:9002 --looks 5 --metres 25 --seed 21 --jobs 2

sweeps: $(VENV)/setup.done system-gl  ## how much worse it may get until lane keeping fails, charts
	@set -e; for sweep in $(SWEEPS); do \
	  $(PIXELOPOLIS) evaluate lane $(SWEPT) --sweep $$sweep --plot docs/explanation/images/sweep-$$sweep.svg; \
	done

# --- the virtual environment -----------------------------------------------------------------
# the first Python from 3.11 to 3.13 that can make one
$(BIN)/python:
	@set -e; \
	for python in $$PYTHON python3 python3.13 python3.12 python3.11; do \
	  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    2>/dev/null || continue; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || \
	    .ci/packages "to make a virtual environment" python3-venv; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || continue; \
	  echo "$$($$python --version): making $(VENV)"; \
	  exec $$python -m venv $(VENV); \
	done; \
	echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one (Debian: python3" \
	  "python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

$(VENV)/demo.done: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the demo needs (about a minute) ..."
	@$(INSTALL) '.[demo]'
	@touch $@

$(VENV)/setup.done: $(VENV)/demo.done
	@echo "Installing what the tests need ..."
	@$(INSTALL) '.[demo,dev]'
	@$(LEROBOT)
	@touch $@

$(VENV)/docs.done: $(VENV)/demo.done
	@echo "Installing what the documentation needs ..."
	@$(INSTALL) '.[demo,docs]'
	@touch $@

$(VENV)/training.done: $(VENV)/setup.done
	@echo "Installing TensorFlow (some minutes) ..."
	@$(INSTALL) '.[demo,dev,training]'
	@touch $@

system-gl:
	@.ci/packages "to draw the town" $(GL_PACKAGES)

system-firmware:
	@.ci/packages "to build the firmware" $(FIRMWARE_PACKAGES)

system-test: system-gl
	@.ci/packages "for the tests with a browser and those of the firmware" $(TEST_PACKAGES) \
	  $(FIRMWARE_PACKAGES) $(QEMU_PACKAGES)
