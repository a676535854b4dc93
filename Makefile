# SPDX-License-Identifier: GPL-3.0-or-later
#
# The short commands. `make build` sets everything up in .venv; the others build first, then run.
#
#   make demo    the main job: a RadioML replay through a real flowgraph, labels and discovered classes
#   make test    ctest and pytest
#   make lint    is Python as ruff wants it; make format makes it so
#   make grc     GNU Radio Companion with the blocks of this module, as sr2cnn grc starts it
#   make bench   speed, as ratios measured in one run
#   make stress  tests/stress at its full size, ten minutes; make test has it short
#   make sanitize   tests and fuzz drivers of lib/ under the sanitizers, a minute of fuzzing; ARGS: seconds
#   make screenshots   the pictures of the label display and of GNU Radio Companion in docs
#   make build   the set-up alone
#   make clean   remove .venv and build
#
# All are safe to repeat. Variables: PYTHON, the interpreter that sees GNU Radio; PIP_FLAGS, e.g. the
# package index of PyTorch's CPU builds; ARGS, more arguments for demo, bench, test, stress or grc.

APT_PACKAGES = gnuradio gnuradio-dev pybind11-dev libeigen3-dev libfftw3-dev cmake g++ python3-dev python3-venv \
               python3-scipy python3-click gir1.2-gtk-3.0 xterm xvfb xauth xdotool gr-osmosdr chromium
# xterm: gnuradio needs some terminal emulator, and would bring a whole desktop's for want of one.
# xvfb, xauth, xdotool: for the tests and pictures of GNU Radio Companion. gr-osmosdr: for the monitor's at a radio.
# chromium: for those of the report.

PYTHON ?= /usr/bin/python3
PIP_FLAGS ?=
ARGS ?=
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
PYTHON_FILES = python tests examples docs apps/sr2cnn apps/grc_companion
CPP_FILES = $(wildcard include/gnuradio/sr2cnn/*.h lib/*.cc lib/*.h python/sr2cnn/bindings/*.cc python/sr2cnn/bindings/*.h)

.PHONY: build demo test lint format stress sanitize bench grc screenshots clean

build: $(VENV)/.ready
	@cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(VENV) \
		-DPYTHON_EXECUTABLE=$(BIN)/python > build.log 2>&1 || { cat build.log; rm build.log; exit 1; }
	@rm build.log
	@env -u MAKEFLAGS -u MAKELEVEL cmake --build build -j$$(nproc)
	@cmake --install build > build/install.log

# The stamp is written last, so an interrupted set-up is taken up again.
$(VENV)/.ready: requirements.txt Makefile
	@missing=""; for package in $(APT_PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || \
			missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing Debian packages:$$missing"; \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi
	@$(PYTHON) -c 'import gnuradio.gr' 2>/dev/null || \
		{ echo "$(PYTHON) does not see GNU Radio: set PYTHON to the interpreter that does"; exit 1; }
	$(PYTHON) -m venv --system-site-packages $(VENV)
	@# GNU Radio is built against the system's numpy: pip must keep it.
	@$(PYTHON) -c 'import numpy; print("numpy==" + numpy.__version__)' > $(VENV)/constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) \
		-c $(VENV)/constraints.txt -r requirements.txt
	@touch $@

demo: build
	$(BIN)/sr2cnn demo $(ARGS)

test: build
	cd build && ctest --output-on-failure
	$(BIN)/python -m pytest tests $(ARGS)

lint: build
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/clang-format --dry-run -Werror $(CPP_FILES)

format: build
	$(BIN)/ruff check --fix --exit-zero $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/clang-format -i $(CPP_FILES)

stress: build
	STRESS=full $(BIN)/python -m pytest tests/stress $(ARGS)

sanitize: build
	lib/sanitize.sh $(ARGS)

bench: build
	$(BIN)/sr2cnn bench $(ARGS)

grc: build
	$(BIN)/sr2cnn grc $(ARGS)

screenshots: build
	$(BIN)/sr2cnn dataset radioml2016 --out build/screenshots.npz --snr 18 --frames-per-key 200 --seed 7
	QT_QPA_PLATFORM=offscreen $(BIN)/python docs/label_display_picture.py \
		build/screenshots.npz docs/label_display.png
	$(BIN)/sr2cnn dataset scene --out build/screenshots.sigmf-meta --rate 1M --seconds 10 --density 1 --snr 10:30 --seed 5
	QT_QPA_PLATFORM=offscreen $(BIN)/python docs/waterfall_picture.py \
		build/screenshots.sigmf-meta docs/waterfall.png
	GRC_BLOCKS_PATH=$(CURDIR)/grc xvfb-run -a $(BIN)/python docs/grc_picture.py \
		examples/label_display.grc docs/grc.png

clean:
	rm -rf $(VENV) build
