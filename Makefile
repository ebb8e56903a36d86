# `make demo` and `make test` need python3 (3.11 or newer) with pip, and make; the rest they install.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint install clean docs-pictures bench-chain bench-edge

demo: $(INSTALLED)
	@scripts/servers --optional mosquitto
	@$(BIN)/vrijloop demo $(DEMO)

install: $(INSTALLED)

test: $(INSTALLED)
	@scripts/servers mosquitto influxdb chromium nodejs npm
	@scripts/peers
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest $(PYTEST)

lint: $(INSTALLED)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo 2>/dev/null || $(BIN)/lint-imports --no-cache

# The picture in the README, taken of the running program.
docs-pictures: $(INSTALLED)
	@scripts/servers mosquitto chromium
	@$(BIN)/python docs/take_pictures.py

# The whole chain under replay: reports a second from Modbus socket to durable row, as JSON.
bench-chain: $(INSTALLED)
	@scripts/servers mosquitto
	@$(BIN)/python -m benchmarks.chain

# The edge agent under load: CPU, memory, latency, drain of a backlog, as JSON.
bench-edge: $(INSTALLED)
	@scripts/servers mosquitto
	@$(BIN)/python -m benchmarks.edge

$(INSTALLED): pyproject.toml constraints.txt scripts/venv
	@scripts/venv "$(PYTHON)"
	@touch $@

clean:
	rm -rf .venv vrijloop-demo
