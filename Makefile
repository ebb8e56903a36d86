# `make demo` and `make test` need python3 (3.11 or newer) with pip, and make; the rest they install.
# With PYTHON=... another one than the system's python3 (scripts/venv).
PYTHON ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
SERVERS := mosquitto influxdb chromium-headless-shell nodejs npm postgresql nginx-light gcc libc6-dev libmodbus-dev

# Tests run in this many processes. Five keep two cores busy, as many tests wait; `make test WORKERS=0` runs them one by one.
WORKERS ?= 5
PARALLEL = -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

# Compiled modules are kept: without them every one of the hundreds of programs that the tests start compiles its modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: wheel licences sbom signature vulnerabilities update demo test test-fast test-peers test-influxdb test-containers lint install clean docs-pictures bench-chain bench-demo bench-edge bench-edge-size bench-ingest bench-influxdb bench-analytics bench-windows bench-time-of-day bench-platform bench-region bench-panels prior campaign campaign-kills campaign-brokers campaign-faults campaign-faults-table bench-load fuzz

demo: $(INSTALLED)
	@scripts/servers --optional mosquitto
	@$(BIN)/vrijloop demo $(DEMO)

# All that the tests need but for servers of Debian's. pytest rewrites the tests' modules as it reads them, and keeps what it has written: here once, else by
# each of the processes of the first run. mypy keeps what it has read of libraries.
install: $(INSTALLED)
	@scripts/peers
	@$(BIN)/pytest --collect-only -q >/dev/null 2>&1 || true
	@scripts/typed-libraries

# Everything, or one room's tests with ROOM=edge_agent; options of pytest in PYTEST='...'. Lint runs beside the tests, in what they leave of the
# processor while they wait, as most of its time is mypy's; what it says stands at the end.
test: $(INSTALLED)
	@scripts/servers $(SERVERS)
	@scripts/peers
	@said=$$(mktemp); trap 'kill $$lint; rm -f $$said; exit 130' INT TERM; \
	nice $(MAKE) --no-print-directory lint >$$said 2>&1 & lint=$$!; \
	$(BIN)/pytest $(PARALLEL) $(if $(ROOM),tests/$(ROOM)) $(PYTEST); tested=$$?; \
	wait $$lint; linted=$$?; cat $$said; rm -f $$said; \
	[ $$linted = 0 ] || echo "lint: errors above"; [ $$tested = 0 ] && [ $$linted = 0 ]

# What needs no server, browser or other program and is not long: a minute of two cores. Hardly anything waits, so there is a process for each of two cores.
test-fast: WORKERS = 2
test-fast: $(INSTALLED)
	@$(BIN)/pytest $(PARALLEL) -m "not servers and not long" $(if $(ROOM),tests/$(ROOM)) $(PYTEST)

# The edge agent against OPC UA and Modbus servers of other makers, with those in Go, Rust and Java, whose first compilation takes minutes.
test-peers: $(INSTALLED)
	@scripts/servers mosquitto nodejs npm gcc libc6-dev libmodbus-dev
	@scripts/peers --more
	@$(BIN)/pytest $(PARALLEL) tests/edge_agent/test_modbus_peer.py tests/edge_agent/test_opcua_peer.py tests/edge_agent/test_opcua_more_peers.py tests/edge_agent/test_sparkplug_node.py tests/edge_agent/test_sparkplug_input.py $(PYTEST)

# Stores, panels, backup and kills on InfluxDB 2: on a given server (the tests make buckets of their own and delete them), or on the one that is built here.
#   make test-influxdb [URL=http://… ORG=… TOKEN=…]      TOKEN: one that may create buckets and tokens; also from the environment
test-influxdb: export VRIJLOOP_TEST_INFLUXDB = $(or $(URL),built)
test-influxdb: export VRIJLOOP_TEST_INFLUXDB_TOKEN = $(TOKEN)
test-influxdb: export VRIJLOOP_TEST_INFLUXDB_ORG = $(ORG)
test-influxdb: export VRIJLOOP_TORN_ROUNDS = 200
test-influxdb: $(INSTALLED)
	@scripts/servers mosquitto
	@$(if $(URL),,scripts/influxdb2)
	@$(BIN)/pytest -n 0 tests/stores tests/dashboards/test_queries.py tests/vrijloop/operations/test_backup.py tests/vrijloop/commands/test_store.py tests/vrijloop/operations/test_doctor.py tests/end_to_end/test_kills.py $(PYTEST)

# docker-compose.yml on a real Docker: the images and their size, an upgrade, a second gateway, a booking through the proxy, every container killed,
# backup and restore. In the place of other makers' images stand stand-ins of Debian's packages; with IMAGES=pulled, the images themselves. An hour.
test-containers: export VRIJLOOP_TEST_CONTAINERS = 1
test-containers: export VRIJLOOP_TEST_IMAGES = $(IMAGES)
test-containers: $(INSTALLED)
	@scripts/containers
	@$(BIN)/pytest -n 0 -x -s --timeout 7200 tests/containers $(PYTEST)

lint: $(INSTALLED)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo 2>/dev/null || $(BIN)/lint-imports --no-cache

# The pictures of the documentation, taken of the running programs.
docs-pictures: $(INSTALLED)
	@scripts/servers mosquitto chromium
	@$(BIN)/python docs/take_pictures.py

# The whole chain under replay: reports a second from Modbus socket to durable row, as JSON.
bench-chain: $(INSTALLED)
	@scripts/servers mosquitto
	@$(BIN)/python -m benchmarks.chain

# The demo as a newcomer starts it: until it is ready, processor time and memory, as JSON.
bench-demo: $(INSTALLED)
	@scripts/servers --optional mosquitto
	@$(BIN)/python -m benchmarks.demo

# The edge agent under load: CPU, memory, latency, drain of a backlog; with 10 to 2,000 machines, and beside it Telegraf where it is on the PATH, as JSON.
# Shorter with BENCH_QUICK=1.
bench-edge: $(INSTALLED)
	@scripts/servers mosquitto
	@$(BIN)/python -m benchmarks.edge

# The edge agent with 10 to 2,000 machines on one OPC UA server, and with 500 servers, as JSON; up to 500 machines with BENCH_QUICK=1.
bench-edge-size: $(INSTALLED)
	@scripts/servers mosquitto
	@$(BIN)/python -m benchmarks.edge_size

# Ingest and stores: from a waiting backlog to durable rows, and a year of 1,000 machines read back, as JSON.
bench-ingest: $(INSTALLED)
	@scripts/servers mosquitto influxdb
	@$(BIN)/python -m benchmarks.ingest

# A thousand machines with a year of history: read, fitted, forecast, and an hour later, as JSON.
bench-analytics: $(INSTALLED)
	@$(BIN)/python -m benchmarks.analytics

# The forecast of windows on recorded machines, day by day, beside counting weekdays, as JSON: RECORDINGS='steel.csv toolmaker.csv' RATES=0.01,0.05.
bench-windows: $(INSTALLED)
	@$(BIN)/python -m benchmarks.windows $(RECORDINGS) $(if $(AHEAD),--ahead $(AHEAD)) $(if $(EVERY),--every $(EVERY)) $(if $(RATES),--rates $(RATES))

# How much better the same evening is forecast at noon than at midnight, on recorded machines, as JSON: RECORDINGS='steel.csv toolmaker.csv'.
bench-time-of-day: $(INSTALLED)
	@$(BIN)/python -m benchmarks.time_of_day $(RECORDINGS)

# What factories that have just begun are taught, learnt anew from public recordings (decision 23): RECORDINGS='steel.csv toolmaker.csv'.
prior: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.prior $(RECORDINGS)

# Three million intervals read from InfluxDB 2 and from DuckDB: first row, utilisation, memory of both sides, as JSON.
bench-influxdb: $(INSTALLED)
	@scripts/influxdb2
	@VRIJLOOP_TEST_INFLUXDB=built $(BIN)/python -m benchmarks.influxdb_history

# The sharing platform with 100,000 open offers on SQLite and PostgreSQL: search, page, booking, as JSON.
bench-platform: $(INSTALLED)
	@scripts/servers postgresql
	@$(BIN)/python -m benchmarks.platform

# Everything at once for ten minutes: 2,000 machines, 50 seekers and 300 open pages on 100,000 offers, as JSON; a minute with BENCH_QUICK=1.
bench-load: $(INSTALLED)
	@scripts/servers postgresql mosquitto
	@$(BIN)/python -m benchmarks.load

# The region's figures with three hundred factories and two years: summaries, publication, and its page, as JSON.
bench-region: $(INSTALLED)
	@scripts/servers postgresql
	@$(BIN)/python -m benchmarks.region

# Every query of every Grafana panel over a day and over a year of fifty machines, as JSON.
bench-panels: $(INSTALLED)
	@scripts/servers influxdb
	@$(BIN)/python -m benchmarks.panels

# The long forms of what the suite has in a short form: every test of the platform on both databases, made-up requests, laws of bookings and
# of everything else, five regions as processes that are cut off and killed, a year of four regions, faults and kills. SEEDS: how many schedules of faults are played.
campaign: SEEDS ?= 100
campaign: $(INSTALLED) campaign-kills campaign-faults
	@scripts/servers postgresql
	@VRIJLOOP_LAW_EXAMPLES=1000 VRIJLOOP_REGION_YEAR=1 VRIJLOOP_REGIONS=5 VRIJLOOP_ROUNDS=40 VRIJLOOP_API_SEQUENCES=300 VRIJLOOP_API_EXAMPLES=200 VRIJLOOP_API_EDGES=1 VRIJLOOP_AT_ONCE=200 VRIJLOOP_EVERY_CALLER=1 VRIJLOOP_EVERY_WIDTH=1 VRIJLOOP_TEST_DATABASES="sqlite postgresql" \
		VRIJLOOP_EXAMPLES=1000 $(BIN)/pytest --timeout 7200 tests/sharing_platform tests/analytics/control_room/test_made_up_requests.py tests/analytics/control_room/test_control_room.py
	@VRIJLOOP_EXAMPLES=1000 $(BIN)/pytest --timeout 7200 -m "not servers" tests/analytics tests/edge_agent tests/telemetry tests/simulators tests/sign_in

# A region in miniature under seeded faults (docs/faults.md): SEEDS=1000 of them, 20 seconds each, or one that did not hold again with SEED=417. HOURS=8 ends it then.
# JOBS=4: so many at once, which two cores bear; a seed that does not hold then may have starved, and is to be played again by itself.
# UPGRADE=1: one process of each region begins as the version before and is upgraded under way; UPGRADE=COMMIT says which version.
campaign-faults: $(INSTALLED)
	@scripts/servers mosquitto influxdb postgresql
	@$(BIN)/python -m tests.faults.campaign --seeds $(or $(SEEDS),1000) $(if $(SEED),--seed $(SEED)) $(if $(HOURS),--hours $(HOURS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(UPGRADE),--before $$(scripts/version-before $(filter-out 1,$(UPGRADE))))

# The table of faults and outcomes in docs/faults.md, from the results of the campaign.
campaign-faults-table: $(INSTALLED)
	@$(BIN)/python -m tests.faults.table vrijloop-faults.jsonl --into docs/faults.md

# Fifty kills of agent and worker at random moments under load, a broker that is away for two minutes, a store for three, a year through
# either of the demo's brokers, ten thousand arbitrary payloads, and installations that are lent no packages.
campaign-kills: $(INSTALLED)
	@scripts/servers mosquitto influxdb nodejs npm nginx-light
	@scripts/peers
	@VRIJLOOP_KILL_ROUNDS=50 VRIJLOOP_STORE_AWAY_S=180 VRIJLOOP_BROKER_AWAY_S=120 VRIJLOOP_BLACK_HOLE_S=60 VRIJLOOP_AGENT_KILLS=50 \
		VRIJLOOP_INSTALL_ALL=1 VRIJLOOP_WORKER_COUNTS="2 4" VRIJLOOP_METER_DAYS=365 VRIJLOOP_AMQTT_DAYS=365 VRIJLOOP_PAYLOADS=10000 \
		$(BIN)/pytest --timeout 900 tests/end_to_end/test_kills.py tests/edge_agent/test_faults.py tests/end_to_end/test_demo.py \
			tests/ingest/test_pipeline.py tests/vrijloop/deployment/test_debian_walk.py tests/vrijloop/deployment/test_deployment.py

# Hostile input: each target (all where none is named) for so long with atheris, in a process of its own. What is found lies in .fuzz/ afterwards.
#   make fuzz [TARGET=calendar] [SECONDS=3600] [KEEP=yes]     KEEP: inputs that reach more join the corpus
fuzz: SECONDS = 3600
fuzz: $(INSTALLED)
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/fuzz.txt
	@$(BIN)/python -m tests.fuzz.campaign --seconds $(SECONDS) $(if $(KEEP),--keep) $(TARGET)

# The chain through MQTT brokers of other makers, as far as this machine can build them (Go, Rust, Maven, npm): a line for each. Half an hour.
campaign-brokers: $(INSTALLED)
	@scripts/servers mosquitto influxdb nodejs npm
	@scripts/peers
	@scripts/brokers
	@VRIJLOOP_OTHER_BROKERS=1 $(BIN)/pytest -s --timeout 600 tests/end_to_end/test_other_brokers.py $(PYTEST)

$(INSTALLED): pyproject.toml locks/develop.txt scripts/venv
	@scripts/venv "$(PYTHON)"
	@touch $@

# The wheel, which is the same byte for byte wherever it is built, and beside it what pip needs to install it on a gateway or server.
wheel: $(INSTALLED)
	@$(BIN)/python -m supply.wheel

# docs/licences.md anew. Fails if a package has a licence that nobody has allowed.
licences: $(INSTALLED)
	@$(BIN)/python -m supply.licences

# The hashes of all that `make sbom` has put into dist/, signed by a key that the maintainer keeps: KEY=~/.ssh/vrijloop-release, one on a security key if possible.
signature: sbom
	@scripts/sign-release dist "$(KEY)"

# Bills of materials (CycloneDX, JSON) of the wheel and of both images, into dist/.
sbom: wheel
	@$(BIN)/python -m supply.sbom

# Known vulnerabilities of the locked packages, looked up in osv.dev. Exit code 2 where that cannot be reached; OSV_URL names a mirror.
vulnerabilities: $(INSTALLED)
	@test -x .audit/bin/pip-audit || { $(BIN)/python -m venv .audit && .audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/audit.txt; }
	@$(BIN)/python -m supply.vulnerabilities .audit/bin/pip-audit $(OSV_URL)

# The newest packages that pyproject.toml allows, or one alone (ONLY=cryptography): locks them, installs them, and runs `make test`. What was locked before comes
# back, and is installed again, if a test fails.
update: $(INSTALLED)
	@$(BIN)/python -m supply.update $(ONLY)

clean:
	rm -rf .venv .audit vrijloop-demo
